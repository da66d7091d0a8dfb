//! Faults that pass: the bridge waits as asked, tries again, and loses nothing.
//! Refusals that need a person have their own file.

use std::time::{Duration, Instant};

use agent_protocol::Status;

use crate::coordinator::Coordinator;
use crate::{SOON, now_ms};
use langsmith_test_server::{ContractServer, Fault, PROJECT, World};

async fn pulls_through(fault: Fault, flags: &[&str]) -> Duration {
    let mut world = World::with_runs(30, now_ms(), 60_000);
    world.faults.push(("/runs/query", fault));
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let begun = Instant::now();
    let _bridge = coordinator.start(&server, flags).await;
    coordinator
        .wait_until("30 runs are stored", SOON, |store| store.rows.len() == 30)
        .await;
    coordinator.store().assert_rows_equal(&server.world());
    let was_told = |heartbeat: &agent_protocol::Heartbeat| heartbeat.status == Status::Degraded;
    assert!(
        coordinator.store().heartbeats.iter().any(was_told),
        "people are told"
    );
    server.assert_contract_was_kept();
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_is_asked_again_when_it_says() {
    let soon = || jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let http_date = || {
        jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&soon())
            .unwrap()
    };
    let asks: [(_, &dyn Fn() -> String, _); 3] = [
        ("retry-after", &|| "1".to_owned(), 1_000),
        ("retry-after-ms", &|| "700".to_owned(), 700),
        ("retry-after", &http_date, 1_500), // whole seconds, and the start of the bridge, take from its three
    ];
    for (name, value, least) in asks {
        let value = value();
        let took = pulls_through(Fault::Status(429, Some((name, value.clone()))), &[]).await;
        assert!(
            took >= Duration::from_millis(least),
            "{name}: {value} was kept for {took:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_that_says_nothing_is_asked_again() {
    for status in [408, 409, 425, 429, 500, 502, 503, 504] {
        pulls_through(Fault::Status(status, None), &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_answers_are_asked_for_again() {
    for fault in [
        Fault::TruncatedJson,
        Fault::BrokenConnection,
        Fault::Html(200),
        Fault::Html(401),
    ] {
        pulls_through(fault, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_ends_is_given_up() {
    pulls_through(Fault::SlowBody, &["--request-timeout=500ms"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_waits_for_an_answer_shows_that_it_lives() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    world.faults.push(("/runs/query", Fault::SlowBody));
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &["--request-timeout=8s"]).await;
    let is_waiting = |store: &crate::coordinator::Store| store.message() == "waiting for LangSmith";
    coordinator
        .wait_until("it says that it waits", SOON, is_waiting)
        .await;
    coordinator
        .wait_until("3 runs are stored", SOON, |store| store.rows.len() == 3)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_the_server_forgot_begins_the_window_anew() {
    let server = ContractServer::start(World::with_runs(40, now_ms(), 60_000)).await;
    let coordinator = Coordinator::default();
    let bridge = coordinator.start(&server, &["--page-size=5"]).await;
    coordinator
        .wait_until("some pages are stored", SOON, |store| {
            store.rows.len() >= 10
        })
        .await;
    bridge.kill().await;
    server.world().cursors.clear();
    let _bridge = coordinator.start(&server, &["--page-size=5"]).await;
    coordinator
        .wait_until("40 runs are stored", SOON, |store| store.rows.len() == 40)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_was_deleted_and_made_again_is_found_again() {
    let server = ContractServer::start(World::with_runs(6, now_ms(), 60_000)).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("6 runs are stored", SOON, |store| store.rows.len() == 6)
        .await;
    let new_id = PROJECT.replace('a', "c");
    {
        let mut world = server.world();
        world.projects.retain(|(name, _)| name != "default");
        world.projects.push(("default".into(), new_id.clone()));
        world.add_run(6, now_ms() - 5_000);
        world.run_mut(6).fields["project_id"] = new_id.clone().into();
    }
    coordinator
        .wait_until("the new project's run is stored", SOON, |store| {
            store.rows.len() == 7
        })
        .await;
    assert_eq!(
        coordinator.store().cursors.len(),
        2,
        "each project has its own place"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_only_the_newer_list_of_projects_is_enough() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    world.only_v2_sessions = true;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("3 runs are stored", SOON, |store| store.rows.len() == 3)
        .await;
    server.assert_contract_was_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deprecation_is_told_once() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    world.headers = vec![
        ("deprecation", "true".into()),
        ("sunset", "Sun, 31 Jan 2027 00:00:00 GMT".into()),
    ];
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    for _ in 0..2 {
        let already = coordinator.store().heartbeats.len();
        let bridge = coordinator.start(&server, &[]).await;
        coordinator
            .wait_until("it has pulled some times", SOON, |store| {
                store.heartbeats.len() > already + 5
            })
            .await;
        bridge.kill().await;
    }
    let store = coordinator.store();
    let told = store.events.iter().filter(|event| {
        event.kind == "api_deprecated" && event.message.contains("/api/v2/runs/query")
    });
    assert_eq!(told.count(), 1, "{:?}", store.events);
    assert!(
        store
            .events
            .iter()
            .any(|event| event.message.contains("31 Jan 2027"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_could_not_be_stored_is_sent_again() {
    let server = ContractServer::start(World::with_runs(30, now_ms(), 60_000)).await;
    let coordinator = Coordinator::default();
    coordinator.store().refusals = vec![("the disk is full", true); 2];
    let _bridge = coordinator.start(&server, &["--page-size=10"]).await;
    coordinator
        .wait_until("30 runs are stored", SOON, |store| store.rows.len() == 30)
        .await;
    let store = coordinator.store();
    store.assert_rows_equal(&server.world());
    assert!(store.refusals.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_refused_for_good_is_named_and_does_not_hold_up_the_others() {
    let server = ContractServer::start(World::with_runs(30, now_ms(), 60_000)).await;
    let coordinator = Coordinator::default();
    let poisoned = langsmith_test_server::run_id(13);
    coordinator.store().poisoned_run = Some(poisoned.clone());
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("the others are stored", SOON, |store| {
            store.rows.len() == 29
        })
        .await;
    let names_it = |store: &crate::coordinator::Store| {
        store
            .events
            .iter()
            .any(|event| event.kind == "run_refused" && event.message.contains(&poisoned))
    };
    coordinator.wait_until("it is named", SOON, names_it).await;
    // Whatever stands alone in the end, the place is stored after all rows.
    let store = coordinator.store();
    let before = store
        .batches
        .iter()
        .take_while(|(_, has_cursor)| !has_cursor);
    let rows: usize = before.map(|(rows, _)| rows).sum();
    let first_with_cursor = store.batches.iter().find(|(_, has_cursor)| *has_cursor);
    assert_eq!(
        rows + first_with_cursor.unwrap().0,
        29,
        "{:?}",
        store.batches
    );
}
