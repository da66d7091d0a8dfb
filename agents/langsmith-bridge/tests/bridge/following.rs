//! Runs that change after they were first seen.
//! Their first sight is tested with everything else that is pulled.

use serde_json::Value;

use crate::coordinator::Coordinator;
use crate::{SOON, now_ms};
use langsmith_test_server::{ContractServer, PROJECT, World, run_id, time};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_run_that_no_window_reads_again_is_asked_for_until_it_ends() {
    let mut world = World::with_runs(30, now_ms(), 10 * HOUR_MS);
    world.run_mut(3).ends_after_queries = 12;
    world.run_mut(3).fields["end_time"] = time(now_ms()).into();
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator
        .start(&server, &["--overlap=1m", "--since=24h"])
        .await;
    let status = |id: usize| {
        move |store: &crate::coordinator::Store| {
            store.rows.get(&run_id(id)).map(|row| row["status"].clone())
        }
    };
    coordinator
        .wait_until("it is stored as pending", SOON, |store| {
            status(3)(store) == Some("pending".into())
        })
        .await;
    assert!(
        coordinator.store().rows[&run_id(3)]
            .get("total_tokens")
            .is_none(),
        "what was not received is absent"
    );
    coordinator
        .wait_until("it is counted", SOON, |store| {
            store.metric("runs_pending") == Some(1.0)
        })
        .await;
    coordinator
        .wait_until("it is stored as ended", SOON, |store| {
            status(3)(store) == Some("success".into())
        })
        .await;
    coordinator.store().assert_rows_equal(&server.world());
    let world = server.world();
    let by_id = world
        .run_queries()
        .into_iter()
        .find(|query| query.get("ids").is_some())
        .expect("it was asked for by id");
    assert!(by_id["min_start_time"].is_string() && by_id["project_ids"].is_array());
    drop(world);
    server.assert_contract_was_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_costs_that_come_late_are_stored() {
    let mut world = World::with_runs(6, now_ms() - 2 * HOUR_MS, HOUR_MS);
    world.run_mut(3).fields["end_time"] = time(now_ms() - 30_000).into(); // began long ago, ended just now
    for name in ["total_tokens", "total_cost"] {
        world.run_mut(3).fields[name] = Value::Null;
    }
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("6 runs are stored", SOON, |store| store.rows.len() == 6)
        .await;
    assert!(
        coordinator.store().rows[&run_id(3)]
            .get("total_cost")
            .is_none()
    );
    server.world().run_mut(3).fields["total_tokens"] = 77.into();
    server.world().run_mut(3).fields["total_cost"] = "0.0077".into();
    coordinator
        .wait_until("the figures are stored", SOON, |store| {
            store.rows[&run_id(3)]["total_cost"] == "0.0077"
        })
        .await;
    coordinator.store().assert_rows_equal(&server.world());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_arrives_late_is_stored() {
    let mut world = World::with_runs(10, now_ms(), 10 * 60_000);
    world.run_mut(3).arrives_after_queries = 5;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("the others are stored", SOON, |store| store.rows.len() == 9)
        .await;
    coordinator
        .wait_until("it is stored too", SOON, |store| store.rows.len() == 10)
        .await;
    coordinator.store().assert_rows_equal(&server.world());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_never_ends_is_given_up_and_said_once_and_counted_until_it_ends_after_all() {
    let mut world = World::with_runs(3, now_ms() - HOUR_MS, HOUR_MS);
    world.run_mut(0).ends_after_queries = u64::MAX;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let flags = ["--abandon-after=2s", "--ended-interval=200ms"];
    let bridge = coordinator.start(&server, &flags).await;
    let is_said = |store: &crate::coordinator::Store| {
        store
            .events
            .iter()
            .any(|event| event.kind == "run_given_up")
    };
    coordinator
        .wait_until("it is given up", SOON, is_said)
        .await;
    coordinator
        .wait_until("it is not counted any more", SOON, |store| {
            store.metric("runs_pending") == Some(0.0)
        })
        .await;
    let row = coordinator.store().rows[&run_id(0)].clone();
    assert_eq!(row["status"], "pending", "and still shown");
    assert_eq!(row["is_abandoned"], true);
    let counts = |count: i64| {
        move |store: &crate::coordinator::Store| {
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let figure = Some(count as f64);
            let project = store.projects.get(PROJECT);
            let told = project.and_then(|project| project.get("abandoned_runs"));
            told == Some(&count.into()) && store.metric("runs_abandoned") == figure
        }
    };
    coordinator
        .wait_until("it is counted as given up", SOON, counts(1))
        .await;
    // Another process has it from what is stored, and does not tell of it again.
    bridge.kill().await;
    {
        let mut store = coordinator.store();
        store.projects.clear();
        store.heartbeats.clear();
    }
    let _bridge = coordinator.start(&server, &flags).await;
    coordinator
        .wait_until("it is counted after a restart", SOON, counts(1))
        .await;
    let told = |store: &crate::coordinator::Store| {
        let events = store.events.iter();
        events.filter(|event| event.kind == "run_given_up").count()
    };
    assert_eq!(told(&coordinator.store()), 1);
    // It ends after all, and nobody asks for it by id any more.
    server.world().run_mut(0).fields["end_time"] = time(now_ms()).into();
    server.world().run_mut(0).ends_after_queries = 0;
    coordinator
        .wait_until("it is found by its end", SOON, |store| {
            let row = &store.rows[&run_id(0)];
            row["status"] == "success" && row["is_abandoned"] == false
        })
        .await;
    coordinator
        .wait_until("it is no longer counted", SOON, counts(0))
        .await;
    server.assert_contract_was_kept();
}
