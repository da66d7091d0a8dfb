//! What no window of new runs would find: ends, feedback and arrivals that come too late, and days that do not match.
//! The decisions behind it are tested without processes in `plan`, `reading` and `days`.

use serde_json::json;

use crate::coordinator::{Coordinator, Store};
use crate::{SOON, now_ms};
use langsmith_test_server::{ContractServer, World, run_id, time};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn is_up_to_date(store: &Store) -> bool {
    store.metric("backfill_ms") == Some(0.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_from_before_the_first_day_read_is_stored_when_it_ends() {
    let mut world = World::with_runs(3, now_ms(), HOUR_MS);
    world.add_run(3, now_ms() - 9 * DAY_MS);
    world.run_mut(3).ends_after_queries = u64::MAX;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let flags = ["--since=2d", "--ended-interval=200ms"];
    let _bridge = coordinator.start(&server, &flags).await;
    coordinator
        .wait_until("all since then is read", SOON, is_up_to_date)
        .await;
    assert_eq!(coordinator.store().rows.len(), 3);
    server.world().run_mut(3).fields["end_time"] = time(now_ms()).into();
    server.world().run_mut(3).ends_after_queries = 0;
    coordinator
        .wait_until("it is stored", SOON, |store| store.rows.len() == 4)
        .await;
    coordinator.store().assert_rows_equal(&server.world());
    server.assert_contract_was_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_on_an_old_run_is_stored_in_both_versions_of_the_api() {
    for only_v1 in [false, true] {
        let mut world = World::with_runs(9, now_ms() - 3 * DAY_MS, HOUR_MS);
        world.only_v1 = only_v1;
        let server = ContractServer::start(world).await;
        let coordinator = Coordinator::default();
        let flags = [
            "--since=4d",
            "--feedback-interval=200ms",
            "--runs-v1-per-10s=300",
            "--runs-v1-long-per-10s=300",
        ];
        let _bridge = coordinator.start(&server, &flags).await;
        coordinator
            .wait_until("9 runs are read", SOON, |store| {
                store.rows.len() == 9 && is_up_to_date(store)
            })
            .await;
        {
            let mut world = server.world();
            let mut run = world.run_mut(4);
            run.fields["feedback_stats"] = json!({"good": {"n": 1, "avg": 0.5}});
            run.feedback_us = Some(now_ms() * 1_000);
        }
        let has_feedback =
            |store: &Store| store.rows[&run_id(4)]["feedback"]["good"]["n"] == json!(1);
        // Version 1 is read again at one page in five seconds, a day in each.
        let patience = if only_v1 { SOON * 3 } else { SOON };
        coordinator
            .wait_until("the feedback is stored", patience, has_feedback)
            .await;
        server.assert_contract_was_kept();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_over_is_counted_against_the_server_and_a_difference_is_told() {
    let midnight_ms = now_ms().div_euclid(DAY_MS) * DAY_MS;
    // Two days ago, all of it over long since.
    let mut world = World::with_runs(30, midnight_ms - DAY_MS, DAY_MS);
    world.stats_leave_out = 1;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let flags = ["--since=4d", "--day-check-after=1h", "--stats-per-10s=300"];
    let _bridge = coordinator.start(&server, &flags).await;
    let day_ms = midnight_ms - 2 * DAY_MS;
    let is_checked = |store: &Store| {
        store
            .day_checks
            .iter()
            .any(|check| check["day_ms"] == day_ms)
    };
    coordinator
        .wait_until("the day is counted", SOON * 2, is_checked)
        .await;
    coordinator
        .wait_until("an alert tells of the difference", SOON, |store| {
            store
                .alerts
                .iter()
                .any(|alert| alert.message.contains("counts 29 runs, 30 were read"))
        })
        .await;
    let store = coordinator.store();
    let check = store
        .day_checks
        .iter()
        .find(|check| check["day_ms"] == day_ms)
        .unwrap();
    assert_eq!(
        (&check["server_runs"], &check["read_runs"]),
        (&json!(29), &json!(30))
    );
    server.assert_contract_was_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_arrives_days_late_is_found_when_its_day_is_read_once_more() {
    let midnight_ms = now_ms().div_euclid(DAY_MS) * DAY_MS;
    let mut world = World::with_runs(9, now_ms(), HOUR_MS);
    // The end of yesterday: read by the first window, and once more when that day is over for good.
    world.add_run(9, midnight_ms - HOUR_MS);
    world.run_mut(9).arrives_after_queries = 3;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let flags = [
        "--since=3d",
        "--day-check-after=0s",
        "--settle=0s",
        "--overlap=1m",
    ];
    let _bridge = coordinator.start(&server, &flags).await;
    coordinator
        .wait_until("the late run is stored", SOON, |store| {
            store.rows.len() == 10
        })
        .await;
    coordinator.store().assert_rows_equal(&server.world());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_tell_changed_feedback_is_read_again_instead() {
    let mut world = World::with_runs(9, now_ms() - HOUR_MS, HOUR_MS);
    world.run_mut(4).feedback_us = Some(now_ms() * 1_000);
    world.refuses_feedback_bounds = true;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator
        .start(&server, &["--feedback-interval=100ms"])
        .await;
    coordinator
        .wait_until("9 runs are read", SOON, |store| store.rows.len() == 9)
        .await;
    server.world().run_mut(4).fields["feedback_stats"] = json!({"late": {"n": 2}});
    coordinator
        .wait_until("the feedback is stored", SOON * 2, |store| {
            store.rows[&run_id(4)]["feedback"]["late"]["n"] == json!(2)
        })
        .await;
}
