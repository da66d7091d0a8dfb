//! How fresh the data is, as data: what the shared state is told of each project.
//! When it is told is tested in `freshness`.

use langsmith_test_server::{ContractServer, Fault, OTHER_PROJECT, PROJECT, World};
use serde_json::{Value, json};

use crate::coordinator::{Coordinator, Store};
use crate::{SOON, now_ms};

fn told(store: &Store, project: &str, name: &str) -> Value {
    let row = store.projects.get(project);
    row.and_then(|row| row.get(name).cloned())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_was_read_is_told_with_its_page_and_how_far_it_is() {
    let begun_ms = now_ms();
    let server = ContractServer::start(World::with_runs(30, begun_ms, 60_000)).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &["--since=1h"]).await;
    let is_read = |store: &Store| told(store, PROJECT, "backfill_ms") == json!(0);
    coordinator.wait_until("all is read", SOON, is_read).await;
    let store = coordinator.store();
    for (name, value) in [
        ("name", json!("default")),
        ("source", json!("langsmith")),
        ("api", json!("v2")),
        ("http_status", json!(200)),
        ("error", json!("")),
        ("gaps", json!([])),
        ("requests_per_10s", json!(300.0)),
        ("requests_remaining", Value::Null),
    ] {
        assert_eq!(told(&store, PROJECT, name), value, "{name}");
    }
    let page = told(&store, PROJECT, "web_url");
    let page = page.as_str().unwrap();
    assert!(page.starts_with(server.url()), "{page}");
    assert!(page.ends_with(&format!("/projects/p/{PROJECT}")), "{page}");
    for name in ["last_pull_ms", "watermark_ms"] {
        let ms = told(&store, PROJECT, name).as_i64().unwrap();
        assert!(ms >= begun_ms - 5_000, "{name}: {ms}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_a_project_is_told_and_that_it_is_over() {
    let server = ContractServer::start(World::with_runs(3, now_ms(), 60_000)).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("it is read", SOON, |store| {
            told(store, PROJECT, "watermark_ms").is_i64()
        })
        .await;
    server.world().faults = vec![("/runs/query", Fault::Status(503, None)); 3];
    coordinator
        .wait_until("what stops it is told", SOON, |store| {
            let error = told(store, PROJECT, "error");
            error
                .as_str()
                .is_some_and(|error| error.contains("HTTP 503"))
                && told(store, PROJECT, "http_status") == json!(503)
        })
        .await;
    coordinator
        .wait_until("it is over", SOON, |store| {
            told(store, PROJECT, "error") == json!("")
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_several_projects_has_figures_of_its_own() {
    let server = ContractServer::start(World::with_runs(3, now_ms(), 60_000)).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator
        .start(&server, &["--projects=default,other"])
        .await;
    coordinator
        .wait_until("both are told", SOON, |store| {
            [PROJECT, OTHER_PROJECT]
                .iter()
                .all(|project| told(store, project, "watermark_ms").is_i64())
                && store.metrics.contains_key("project:default")
                && store.metrics.contains_key("project:other")
        })
        .await;
    // Both have days to be counted, for which there is one turn in ten seconds: reading goes on meanwhile.
    let waits = |heartbeat: &agent_protocol::Heartbeat| heartbeat.message.contains("rate limit");
    assert!(!coordinator.store().heartbeats.iter().any(waits));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_no_longer_accepted_is_told_of_the_project_after_a_restart_too() {
    let server = ContractServer::start(World::with_runs(3, now_ms(), 60_000)).await;
    let coordinator = Coordinator::default();
    let bridge = coordinator.start(&server, &["--since=1h"]).await;
    coordinator
        .wait_until("it is read", SOON, |store| {
            told(store, PROJECT, "error") == json!("")
                && told(store, PROJECT, "watermark_ms").is_i64()
        })
        .await;
    bridge.stop().await;
    let environment = [
        ("LANGSMITH_ENDPOINT", server.url()),
        ("LANGSMITH_API_KEY", "lsv2_pt_revoked"),
    ];
    let _bridge = coordinator.start_with(&environment, &[]).await;
    coordinator
        .wait_until("it is told", SOON, |store| {
            let error = told(store, PROJECT, "error");
            error
                .as_str()
                .is_some_and(|error| error.contains("LANGSMITH_API_KEY is not accepted"))
                && told(store, PROJECT, "watermark_ms").is_i64()
        })
        .await;
}
