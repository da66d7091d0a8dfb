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
