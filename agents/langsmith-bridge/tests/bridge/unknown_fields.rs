//! A server that does not know every field that the bridge asks for: runs are read without those, and people are told once.
//! The forms of such a refusal are tested in `refused_fields`.

use langsmith_test_server::{ContractServer, SelectRefusal, World};
use serde_json::Value;

use crate::coordinator::{Coordinator, Store};
use crate::{SOON, now_ms};

fn told(store: &Store) -> Vec<&str> {
    let events = store.events.iter();
    let told = events.filter(|event| event.kind == "field_not_known");
    told.map(|event| event.message.as_str()).collect()
}

async fn reads_without(names: [&'static str; 2], refusal: SelectRefusal, only_v1: bool) {
    let mut world = World::with_runs(30, now_ms(), 60_000);
    world.only_v1 = only_v1;
    world.refused_selects = (names.to_vec(), refusal);
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let flags = [
        "--page-size=10",
        "--runs-v1-per-10s=300",
        "--runs-v1-long-per-10s=300",
    ];
    let bridge = coordinator.start(&server, &flags).await;
    let is_read = |store: &Store| store.metric("backfill_ms") == Some(0.0);
    coordinator.wait_until("all is read", SOON, is_read).await;
    bridge.kill().await;
    {
        let store = coordinator.store();
        assert_eq!(store.rows.len(), 30);
        let row = store.rows.values().next().unwrap();
        let refused = ["thread_id", "app_path"].map(|name| row.get(name));
        assert_eq!(refused, [None, None], "what was not received is absent");
        let others = ["name", "tags", "total_tokens"].map(|name| row.get(name).is_some());
        assert_eq!(others, [true; 3], "and nothing else is");
    }
    let asked = server.world().run_queries().len();
    let _bridge = coordinator.start(&server, &flags).await;
    server.world().add_run(30, now_ms() - 2_500);
    let is_stored = |store: &Store| store.rows.len() == 31;
    coordinator.wait_until("a new run", SOON, is_stored).await;
    let store = coordinator.store();
    let told = told(&store);
    assert_eq!(told.len(), 2, "each once: {told:?}");
    assert!(told[0].contains("the server does not know"), "{told:?}");
    let world = server.world();
    let is_refused = |query: &&Value| {
        let selects = query.get("selects").or(query.get("select"));
        let selects = selects.and_then(Value::as_array).unwrap();
        selects
            .iter()
            .any(|name| names.iter().any(|refused| name == refused))
    };
    let later = world.run_queries()[asked..]
        .iter()
        .copied()
        .find(is_refused);
    assert_eq!(later, None, "it is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_the_server_does_not_know_are_left_out_and_told_once() {
    let names = ["THREAD_ID", "APP_PATH"];
    reads_without(names, SelectRefusal::Problem, false).await;
    reads_without(names, SelectRefusal::Validation, false).await;
    reads_without(["thread_id", "app_path"], SelectRefusal::Validation, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_by_id_are_asked_for_without_a_field_that_the_server_stops_to_know() {
    let mut world = World::with_runs(6, now_ms() - 3_600_000, 3_600_000);
    world.run_mut(3).ends_after_queries = u64::MAX;
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let flags = ["--overlap=1m", "--since=1d", "--poll-interval=24h"];
    let bridge = coordinator.start(&server, &flags).await;
    let is_pending = |store: &Store| store.metric("runs_pending") == Some(1.0);
    coordinator
        .wait_until("one is open", SOON, is_pending)
        .await;
    bridge.kill().await;
    // Only the question by id is left: the next window is a day away.
    let world_now = || server.world();
    world_now().refused_selects.0 = vec!["LS_USER_ID"];
    world_now().run_mut(3).ends_after_queries = 0;
    let _bridge = coordinator.start(&server, &flags).await;
    let has_ended = |store: &Store| store.rows.values().all(|row| row["status"] != "pending");
    coordinator
        .wait_until("it has ended", SOON, has_ended)
        .await;
    assert_eq!(told(&coordinator.store()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_names_what_the_bridge_cannot_do_without_is_told_as_it_is() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    world.refused_selects.0 = vec!["STATUS"];
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    let says = |store: &Store| store.message().contains("unknown value STATUS");
    coordinator.wait_until("it says so", SOON, says).await;
    assert_eq!(told(&coordinator.store()).len(), 0);
}
