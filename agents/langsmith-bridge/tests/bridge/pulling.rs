//! What is pulled from a server without faults: every run, every field, nothing else.
//! Runs that change, and servers with faults, have their own files.

use serde_json::{Value, json};

use crate::coordinator::Coordinator;
use crate::{SOON, now_ms};
use langsmith_test_server::{ContractServer, PROJECT, World};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_run_of_the_last_day_is_stored_field_by_field() {
    let server = ContractServer::start(World::with_runs(700, now_ms(), 23 * HOUR_MS)).await;
    let coordinator = Coordinator::default();
    let bridge = coordinator.start(&server, &["--page-size=100"]).await;
    coordinator
        .wait_until("700 runs are stored", SOON, |store| store.rows.len() == 700)
        .await;
    coordinator
        .wait_until("the figures are shown", SOON, |store| {
            store.metric("watermark_lag_ms").is_some()
        })
        .await;
    {
        let store = coordinator.store();
        store.assert_rows_equal(&server.world());
        assert_eq!(store.metric("runs_pending"), Some(0.0));
        assert_eq!(store.metric("last_http_status"), Some(200.0));
    }
    assert_eq!(bridge.stop().await, Some(0));
    server.assert_contract_was_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn times_without_a_zone_are_utc() {
    let mut world = World::with_runs(9, now_ms(), HOUR_MS);
    world.naive_times = true;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("9 runs are stored", SOON, |store| store.rows.len() == 9)
        .await;
    coordinator.store().assert_rows_equal(&server.world());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_twice_are_stored_once() {
    let mut world = World::with_runs(100, now_ms(), HOUR_MS);
    world.repeats_rows = true;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &["--page-size=7"]).await;
    coordinator
        .wait_until("100 runs are stored", SOON, |store| store.rows.len() == 100)
        .await;
    coordinator
        .wait_until("the window is complete", SOON, |store| {
            store.metric("watermark_lag_ms").is_some()
        })
        .await;
    let store = coordinator.store();
    store.assert_rows_equal(&server.world());
    let stored: usize = store.batches.iter().map(|(rows, _)| rows).sum();
    assert_eq!(stored, 100, "an unchanged row is not sent again");
}

/// Of the windows that read everything: those of sweeps are about an end or feedback, and are bounded by that.
fn assert_windows_are_short_and_the_newest_come_first(world: &World) {
    let ms = |query: &serde_json::Value, name: &str| {
        let time: jiff::Timestamp = query[name].as_str().unwrap().parse().unwrap();
        time.as_millisecond()
    };
    let queries = world.run_queries().into_iter();
    let whole = queries.filter(|query| query.get("filter").is_none() && query.get("ids").is_none());
    let windows: Vec<(i64, i64)> = whole
        .map(|query| (ms(query, "min_start_time"), ms(query, "max_start_time")))
        .collect();
    let oldest_ms = now_ms() - 401 * 24 * HOUR_MS;
    for (from_ms, to_ms) in &windows {
        assert!(to_ms - from_ms <= 7 * 24 * HOUR_MS, "{windows:?}");
        assert!(*from_ms > oldest_ms, "LangSmith keeps nothing older");
    }
    let older: Vec<i64> = (windows.iter())
        .filter(|(_, to_ms)| *to_ms < now_ms() - 25 * HOUR_MS)
        .map(|(from_ms, _)| *from_ms)
        .collect();
    assert!(older.len() > 20, "{older:?}");
    assert!(older.is_sorted_by(|a, b| a >= b), "{older:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_reads_as_far_back_as_it_is_told() {
    let server = ContractServer::start(World::with_runs(300, now_ms(), 30 * 24 * HOUR_MS)).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator
        .start(
            &server,
            &[
                "--since=400d",
                "--page-size=1000",
                "--requests-per-10s=1000",
            ],
        )
        .await;
    // As far back as LangSmith keeps runs, whose bound moves on while they are read.
    coordinator
        .wait_until("all 300 runs are stored", SOON * 2, |store| {
            store.rows.len() == 300 && store.metric("backfill_ms") == Some(0.0)
        })
        .await;
    coordinator.store().assert_rows_equal(&server.world());
    server.assert_contract_was_kept();
    assert_windows_are_short_and_the_newest_come_first(&server.world());

    let coordinator = Coordinator::default();
    let _bridge = coordinator
        .start(&server, &["--since=15d", "--page-size=1000"])
        .await;
    coordinator
        .wait_until("the backfill is complete", SOON, |store| {
            store.metric("backfill_ms") == Some(0.0)
        })
        .await;
    assert_eq!(coordinator.store().rows.len(), 149);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_run_is_stored_soon_and_only_the_overlap_is_read_again() {
    let server = ContractServer::start(World::with_runs(30, now_ms(), 10 * HOUR_MS)).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("30 runs are stored", SOON, |store| store.rows.len() == 30)
        .await;
    server.world().add_run(30, now_ms() - 2_500);
    coordinator
        .wait_until("the new run is stored", SOON, |store| {
            store.rows.len() == 31
        })
        .await;
    let world = server.world();
    // The window of what is new is the one that reaches furthest; older ones are read in turn with it, also after it.
    let mut queries = world.run_queries();
    queries.retain(|query| query["max_start_time"].is_string());
    let time = |query: &Value, name: &str| -> jiff::Timestamp {
        query[name].as_str().unwrap().parse().unwrap()
    };
    let newest = queries
        .into_iter()
        .max_by_key(|query| time(query, "max_start_time"));
    let newest = newest.unwrap();
    let from_ms = time(newest, "min_start_time").as_millisecond();
    assert!(now_ms() - from_ms < 20 * 60_000, "{newest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_name_their_window_and_fields_and_never_what_users_wrote() {
    let server = ContractServer::start(World::with_runs(10, now_ms(), HOUR_MS)).await;
    let coordinator = Coordinator::default();
    let bridge = coordinator.start(&server, &["--page-size=4"]).await;
    coordinator
        .wait_until("10 runs are stored", SOON, |store| store.rows.len() == 10)
        .await;
    bridge.kill().await;
    for query in server.world().run_queries() {
        assert_eq!(query["project_ids"], json!([PROJECT]));
        assert_eq!(query["include_subtree_usage"], true);
        assert!(query["min_start_time"].is_string(), "{query}");
        let selects = query["selects"].as_array().unwrap();
        assert!(
            selects.contains(&json!("TOTAL_COST"))
                && !selects.contains(&json!("INPUTS"))
                && !selects.contains(&json!("OUTPUTS"))
        );
    }
    assert!(!coordinator.store().output.contains("private"));
    server.assert_contract_was_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_chooses_fields_and_contents_and_how_large_they_may_be() {
    let mut world = World::with_runs(3, now_ms(), HOUR_MS);
    world.run_mut(1).fields["inputs"]["question"] = "q".repeat(500).into();
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let flags = [
        "--selects=+OUTPUTS_PREVIEW,-TAGS",
        "--inputs",
        "--content-bytes-max=100",
    ];
    let bridge = coordinator.start(&server, &flags).await;
    coordinator
        .wait_until("3 runs are stored", SOON, |store| store.rows.len() == 3)
        .await;
    bridge.kill().await;
    let store = coordinator.store();
    let row = |n: usize| &store.rows[&langsmith_test_server::run_id(n)];
    assert_eq!(row(0)["inputs"], json!({"question": "private"}));
    assert_eq!(row(0)["outputs_preview"], "private");
    assert!(row(0).get("tags").is_none() && row(0).get("outputs").is_none());
    assert!(!row(1)["inputs"].to_string().contains("qqq"), "too large");
    assert!(
        row(1)["inputs"].to_string().contains("51"),
        "its size stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn large_rows_are_cut_into_lines_and_only_the_last_brings_the_cursor() {
    let mut world = World::with_runs(60, now_ms(), HOUR_MS);
    world.edit_runs(|run| {
        run.fields["error"] = "e".repeat(15_000).into();
    });
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("60 runs are stored", SOON, |store| store.rows.len() == 60)
        .await;
    let store = coordinator.store();
    store.assert_rows_equal(&server.world());
    let before_cursor: Vec<_> = store
        .batches
        .iter()
        .take_while(|(_, has_cursor)| !has_cursor)
        .collect();
    assert!(before_cursor.len() >= 3, "{:?}", store.batches);
}
