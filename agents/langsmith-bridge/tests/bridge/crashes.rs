//! A bridge that is killed at any instant: nothing is lost, nothing is doubled.
//! The decisions behind it are tested without processes in `plan`.

use std::time::Duration;

use crate::coordinator::Coordinator;
use crate::now_ms;
use langsmith_test_server::{ContractServer, World};

#[tokio::test(flavor = "multi_thread")]
async fn killed_forty_times_while_it_reads_2000_runs_the_rows_equal_the_servers() {
    let seed = fastrand::u64(..);
    println!("seed {seed}"); // shown when the test fails
    let mut random = fastrand::Rng::with_seed(seed);
    let mut world = World::with_runs(2_000, now_ms(), 20 * 3_600_000);
    world.edit_runs(|run| {
        if random.u8(..20) == 0 {
            run.ends_after_queries = random.u64(..60);
        }
    });
    world.fails_every = Some(17);
    world.repeats_rows = true;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    // Every ended run stays followed for as long as the test runs, as if each had ended just now.
    // Only some of them can be followed by id; the others are found by their end.
    let flags = [
        "--page-size=25",
        "--overlap=10m",
        "--settle=24h",
        "--ended-interval=500ms",
    ];
    for _ in 0..40 {
        let bridge = coordinator.start(&server, &flags).await;
        // Not a wait for anything: the instant is the input of this test.
        tokio::time::sleep(Duration::from_millis(random.u64(..250))).await;
        bridge.kill().await;
    }
    let _bridge = coordinator.start(&server, &flags).await;
    let is_equal = |store: &crate::coordinator::Store| {
        let is_ended = |row: &serde_json::Value| row["status"] != "pending";
        store.rows.len() == 2_000
            && store.rows.values().all(is_ended)
            && store.first_difference(&server.world()).is_none()
    };
    let limit = Duration::from_secs(120);
    coordinator
        .wait_until("every row is as the server has it", limit, is_equal)
        .await;
    coordinator.store().assert_rows_equal(&server.world());
    server.assert_contract_was_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_page_it_goes_on_with_that_page_and_reads_no_earlier_one_again() {
    // Beyond the overlap and final; a page of ten such rows does not fit one line.
    let mut world = World::with_runs(60, now_ms() - 3_600_000, 20 * 3_600_000);
    world.edit_runs(|run| {
        run.fields["error"] = "e".repeat(15_000).into();
        run.fields["metadata"]["text"] = "m".repeat(20_000).into();
    });
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let flags = ["--page-size=10", "--overlap=1m"];
    // Whole pages, each in several lines, then one line of the next page that is stored, and the bridge is gone.
    let mut lines = 0;
    loop {
        lines += 1;
        coordinator.store().falls_silent = Some((lines, true));
        coordinator.store().is_silent = false;
        let bridge = coordinator.start(&server, &flags).await;
        coordinator
            .wait_until("a line is not answered", crate::SOON, |store| {
                store.is_silent
            })
            .await;
        bridge.kill().await;
        let store = coordinator.store();
        if store.rows.len() >= 20
            && store
                .batches
                .last()
                .is_some_and(|(_, has_cursor)| !has_cursor)
        {
            break;
        }
    }
    let stored = coordinator.store().rows.len();
    assert!(stored < 60, "some are left: {stored}");
    coordinator.store().falls_silent = None;
    server.world().requests.clear();
    let _bridge = coordinator.start(&server, &flags).await;
    coordinator
        .wait_until("all is stored", crate::SOON, |store| store.rows.len() == 60)
        .await;
    coordinator.store().assert_rows_equal(&server.world());
    let world = server.world();
    let first = world.run_queries()[0];
    assert!(
        first["cursor"].is_string(),
        "the page, not the window: {first}"
    );
    let pages = world.run_queries().into_iter();
    let pages = pages.filter(|query| query.get("cursor").is_some()).count();
    assert!(
        pages <= 60 / 10 - stored / 10,
        "{pages} pages after {stored} rows"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_batches_no_page_is_skipped() {
    let seed = fastrand::u64(..);
    println!("seed {seed}"); // shown when the test fails
    let mut random = fastrand::Rng::with_seed(seed);
    // All runs are final and beyond the overlap: what is skipped once is never read again.
    let server =
        ContractServer::start(World::with_runs(300, now_ms() - 3_600_000, 20 * 3_600_000)).await;
    let coordinator = Coordinator::default();
    let flags = ["--page-size=10", "--overlap=1m"];
    for _ in 0..25 {
        coordinator.store().falls_silent = Some((random.usize(..3), random.bool()));
        coordinator.store().is_silent = false;
        let bridge = coordinator.start(&server, &flags).await;
        coordinator
            .wait_until("a batch is not answered", crate::SOON, |store| {
                store.is_silent
            })
            .await;
        bridge.kill().await;
    }
    coordinator.store().falls_silent = None;
    let _bridge = coordinator.start(&server, &flags).await;
    let is_complete =
        |store: &crate::coordinator::Store| store.metric("watermark_lag_ms").is_some();
    coordinator
        .wait_until("the window is complete", crate::SOON, is_complete)
        .await;
    coordinator.store().assert_rows_equal(&server.world());
    server.assert_contract_was_kept();
}
