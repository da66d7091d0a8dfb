//! How the bridge learns what a server allows, and how it keeps to that.
//! The arithmetic is tested in `pace`.

use std::time::{Duration, Instant};

use agent_protocol::Status;
use langsmith_test_server::{ContractServer, Fault, World};

use crate::coordinator::{Coordinator, Store};
use crate::{SOON, now_ms};

fn refusal(header: &'static str, value: &str) -> Fault {
    Fault::Status(429, Some((header, value.to_owned())))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_too_many_requests_lowers_the_rate_of_its_kind_and_is_counted() {
    let mut world = World::with_runs(30, now_ms(), 60_000);
    // A refusal of another kind of request does not lower the rate of this one.
    world.faults = vec![
        ("/sessions", refusal("retry-after-ms", "10")),
        ("/runs/query", refusal("retry-after-ms", "10")),
        ("/runs/query", refusal("retry-after-ms", "10")),
    ];
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let bridge = coordinator.start(&server, &[]).await;
    let has_learned = |store: &Store| {
        store.rows.len() == 30
            && store.metric("requests_refused") == Some(3.0)
            && store.metric("requests_per_10s") == Some(75.0)
    };
    coordinator
        .wait_until("300 were halved twice", SOON, has_learned)
        .await;
    bridge.kill().await;
    coordinator.store().heartbeats.clear();
    let _bridge = coordinator.start(&server, &[]).await;
    let has_recalled = |store: &Store| {
        let rate = store.metric("requests_per_10s");
        store.metric("requests_refused") == Some(0.0) && rate == Some(75.0)
    };
    coordinator
        .wait_until("another process knows it", SOON, has_recalled)
        .await;
    server.assert_contract_was_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_rate_is_kept_to() {
    let server = ContractServer::start(World::with_runs(80, now_ms(), 60_000)).await;
    let coordinator = Coordinator::default();
    let begun = Instant::now();
    let flags = ["--page-size=1", "--requests-per-10s=50"];
    let _bridge = coordinator.start(&server, &flags).await;
    coordinator
        .wait_until("80 runs are stored", SOON, |store| store.rows.len() == 80)
        .await;
    // Fifty at once, and thirty more at five in a second.
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(5_500), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_that_none_are_left_is_left_alone_until_its_count_begins_anew() {
    let mut world = World::with_runs(30, now_ms(), 60_000);
    world.headers = vec![
        ("x-ratelimit-remaining", "0".into()),
        ("x-ratelimit-reset", "1".into()),
    ];
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let begun = Instant::now();
    let _bridge = coordinator.start(&server, &["--page-size=10"]).await;
    coordinator
        .wait_until("30 runs are stored", SOON, |store| store.rows.len() == 30)
        .await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "three pages");
    coordinator
        .wait_until("it says what is left", SOON, |store| {
            store.metric("requests_remaining") == Some(0.0)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_nothing_for_long_is_left_alone_and_the_bridge_stops_at_once() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    world.faults = vec![("/runs/query", refusal("retry-after", "3600"))];
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let bridge = coordinator.start(&server, &[]).await;
    let waits = |store: &Store| {
        store.message().contains("HTTP 429") && store.message().contains("next try in 90")
    };
    coordinator
        .wait_until(
            "it waits for the longest that a server may ask for",
            SOON,
            waits,
        )
        .await;
    let begun = Instant::now();
    assert_eq!(bridge.stop().await, Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "not after the wait"
    );
    assert_eq!(server.world().run_queries().len(), 1);
    coordinator.store().heartbeats.clear();
    let _bridge = coordinator.start(&server, &[]).await;
    let waits_on = |store: &Store| {
        let words = "LangSmith wants no request of this kind for";
        store.message().contains(words)
    };
    coordinator
        .wait_until("another process knows it", SOON, waits_on)
        .await;
    assert_eq!(server.world().run_queries().len(), 1, "nothing was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_whether_to_try_again_is_obeyed() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    let once = |status, value: &str| Fault::Status(status, Some(("x-should-retry", value.into())));
    world.faults = vec![("/sessions", once(400, "true"))];
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("a 400 that passes", SOON, |store| store.rows.len() == 3)
        .await;
    server.world().faults = vec![("/runs/query", once(503, "false"))];
    let stays = |store: &Store| {
        let heartbeat = store.heartbeats.last();
        heartbeat.is_some_and(|heartbeat| heartbeat.status == Status::Error)
            && store.message().contains("HTTP 503")
    };
    coordinator
        .wait_until("a 503 that does not", SOON, stays)
        .await;
}
