//! Which version of the API is asked, and that both give the same rows. Several projects, and projects that are in trouble.
//! What is pulled besides is tested with version 2 in `pulling`.

use serde_json::json;

use crate::coordinator::{Coordinator, Store};
use crate::{SOON, now_ms};
use langsmith_test_server::{ContractServer, OTHER_PROJECT, World, pattern_run};

const HOUR_MS: i64 = 3_600_000;

fn paths(server: &ContractServer) -> Vec<String> {
    let world = server.world();
    let queries = world.requests.iter().map(|(path, _)| path.clone());
    queries
        .filter(|path| path.ends_with("/runs/query"))
        .collect()
}

/// Version 1 has no words for these.
fn without_newer(store: &Store) -> Vec<serde_json::Value> {
    let rows = store.rows.values().cloned();
    rows.map(|mut row| {
        let fields = row.as_object_mut().unwrap();
        fields.remove("ls_user_id");
        row
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_only_version_1_gives_the_same_rows_and_is_remembered() {
    let begun_ms = now_ms();
    let mut by_version = Vec::new();
    for only_v1 in [false, true] {
        let mut world = World::with_runs(250, begun_ms, 20 * HOUR_MS);
        world.only_v1 = only_v1;
        world.repeats_rows = true;
        let server = ContractServer::start(world).await;
        let coordinator = Coordinator::default();
        let flags = [
            "--since=1d",
            "--runs-v1-per-10s=300",
            "--runs-v1-long-per-10s=300",
        ];
        let bridge = coordinator.start(&server, &flags).await;
        coordinator
            .wait_until("250 runs are stored", SOON, |store| {
                store.rows.len() == 250 && store.metric("backfill_ms") == Some(0.0)
            })
            .await;
        bridge.kill().await;
        by_version.push(without_newer(&coordinator.store()));
        server.world().requests.clear();
        let _bridge = coordinator.start(&server, &flags).await;
        server.world().add_run(250, now_ms() - 2_500);
        coordinator
            .wait_until("a new run is stored", SOON, |store| store.rows.len() == 251)
            .await;
        let expected = if only_v1 {
            "/api/v1/runs/query"
        } else {
            "/api/v2/runs/query"
        };
        assert!(
            paths(&server).iter().all(|path| path == expected),
            "{:?}",
            paths(&server)
        );
        server.assert_contract_was_kept();
    }
    assert_eq!(by_version[0], by_version[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_page_of_version_1_without_a_word_about_more_is_no_end() {
    let mut world = World::with_runs(150, now_ms(), HOUR_MS);
    (world.only_v1, world.leaves_out_cursors) = (true, true);
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &["--runs-v1-per-10s=300"]).await;
    coordinator
        .wait_until("it says so", SOON, |store| {
            store.message().contains("without a cursor")
        })
        .await;
    assert_eq!(coordinator.store().metric("watermark_ms"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_only_version_2_is_never_asked_by_version_1() {
    let mut world = World::with_runs(9, now_ms(), HOUR_MS);
    world.only_v2 = true;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("9 runs are stored", SOON, |store| store.rows.len() == 9)
        .await;
    server.world().remove_project("default");
    let is_missed = |store: &Store| store.message().contains("no project `default`");
    coordinator
        .wait_until("it is missed", SOON, is_missed)
        .await;
    assert!(
        paths(&server)
            .iter()
            .all(|path| path == "/api/v2/runs/query")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_projects_are_read_each_with_its_own_place_and_one_that_is_missing_holds_up_none() {
    let mut world = World::with_runs(300, now_ms(), 30 * HOUR_MS);
    for n in 300..600 {
        let ago_ms = i64::try_from(n - 299).unwrap() * 120_000;
        world.put_run(pattern_run(n, now_ms() - ago_ms, OTHER_PROJECT));
    }
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let flags = [
        "--project=default",
        "--project=missing",
        "--project=other",
        "--page-size=20",
    ];
    let _bridge = coordinator.start(&server, &flags).await;
    coordinator
        .wait_until("both are read", SOON, |store| store.rows.len() == 600)
        .await;
    coordinator.store().assert_rows_equal(&server.world());
    coordinator
        .wait_until("the missing one is told", SOON, |store| {
            store.message().contains("no project `missing`")
        })
        .await;
    assert_eq!(coordinator.store().cursors.len(), 2);
    let world = server.world();
    let projects = world
        .run_queries()
        .into_iter()
        .map(|query| query["project_ids"][0].clone());
    let first: Vec<_> = projects.take(10).collect();
    let of_other = first
        .iter()
        .filter(|id| **id == json!(OTHER_PROJECT))
        .count();
    assert!((3..=7).contains(&of_other), "they take turns: {first:?}");
    drop(world);
    server.assert_contract_was_kept();
}
