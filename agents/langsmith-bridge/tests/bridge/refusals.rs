//! What a person is told when the bridge may not, or cannot, pull.
//! Faults that pass by themselves have their own file.

use agent_protocol::Status;

use crate::coordinator::{Coordinator, Store};
use crate::{SOON, now_ms};
use langsmith_test_server::{ContractServer, Fault, KEY, World};

fn says(status: Status, words: &'static str) -> impl Fn(&Store) -> bool {
    move |store| {
        store.heartbeats.last().is_some_and(|heartbeat| {
            heartbeat.status == status && heartbeat.message.contains(words)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_it_stays_and_names_the_variables() {
    for environment in [
        &[][..],
        &[("LANGSMITH_API_KEY", "  "), ("LANGCHAIN_API_KEY", "\"\"")][..],
    ] {
        let coordinator = Coordinator::default();
        let mut bridge = coordinator.start_with(environment, &[]).await;
        coordinator
            .wait_until(
                "it says what is missing",
                SOON,
                says(Status::Degraded, "LANGSMITH_API_KEY"),
            )
            .await;
        assert!(coordinator.store().message().contains("LANGCHAIN_API_KEY"));
        coordinator
            .wait_until("it goes on living", SOON, |store| {
                store.heartbeats.len() > 1
            })
            .await;
        assert!(bridge.is_running());
        assert_eq!(
            coordinator.store().metric("last_http_status"),
            None,
            "nothing was asked"
        );
        assert_eq!(bridge.stop().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_family_of_variables_is_honoured() {
    let server = ContractServer::start(World::with_runs(3, now_ms(), 60_000)).await;
    let coordinator = Coordinator::default();
    let endpoint = format!("{}/api/v1/", server.url());
    let environment = [
        ("LANGCHAIN_ENDPOINT", endpoint.as_str()),
        ("LANGCHAIN_API_KEY", KEY),
        ("LANGCHAIN_PROJECT", "default"),
    ];
    let _bridge = coordinator.start_with(&environment, &[]).await;
    coordinator
        .wait_until("3 runs are stored", SOON, |store| store.rows.len() == 3)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_by_the_name_of_its_variable() {
    let server = ContractServer::start(World::new()).await;
    let coordinator = Coordinator::default();
    let environment = [
        ("LANGSMITH_ENDPOINT", server.url()),
        ("LANGCHAIN_API_KEY", "lsv2_pt_wrong_key"),
    ];
    let bridge = coordinator.start_with(&environment, &[]).await;
    coordinator
        .wait_until(
            "it says so",
            SOON,
            says(Status::Error, "LANGCHAIN_API_KEY is not accepted"),
        )
        .await;
    assert_eq!(coordinator.store().metric("last_http_status"), Some(401.0));
    bridge.stop().await;
    assert!(!coordinator.store().output.contains("lsv2_pt_wrong_key"));
    assert_eq!(
        server.world().requests.len(),
        1,
        "a refused key is not tried again and again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_workspace_is_asked_for_and_used() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    world.needed_workspace = Some("workspace-1");
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until(
            "it says so",
            SOON,
            says(Status::Error, "LANGSMITH_WORKSPACE_ID"),
        )
        .await;
    let environment = [
        ("LANGSMITH_ENDPOINT", server.url()),
        ("LANGSMITH_API_KEY", KEY),
        ("LANGSMITH_WORKSPACE_ID", "workspace-1"),
    ];
    let _bridge = coordinator.start_with(&environment, &[]).await;
    coordinator
        .wait_until("3 runs are stored", SOON, |store| store.rows.len() == 3)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_403_and_an_html_403_are_told_apart() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    world.faults.push(("/sessions", Fault::Html(403)));
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("a proxy's page passes", SOON, |store| store.rows.len() == 3)
        .await;

    server
        .world()
        .faults
        .push(("/sessions", Fault::Status(403, None)));
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until(
            "LangSmith's own refusal stays",
            SOON,
            says(Status::Error, "LANGSMITH_API_KEY may not read here"),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_project_is_named_and_found_once_it_exists() {
    let server = ContractServer::start(World::with_runs(3, now_ms(), 60_000)).await;
    server
        .world()
        .projects
        .retain(|(name, _)| name != "default");
    let coordinator = Coordinator::default();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until(
            "it says so",
            SOON,
            says(Status::Degraded, "LANGSMITH_PROJECT"),
        )
        .await;
    assert!(coordinator.store().message().contains("`default`"));
    server
        .world()
        .projects
        .push(("default".into(), langsmith_test_server::PROJECT.into()));
    coordinator
        .wait_until("3 runs are stored", SOON, |store| store.rows.len() == 3)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_nowhere_to_be_seen() {
    let mut world = World::with_runs(30, now_ms(), 60_000);
    for fault in [
        Fault::Status(500, None),
        Fault::TruncatedJson,
        Fault::BrokenConnection,
    ] {
        world.faults.push(("/runs/query", fault));
    }
    // A traced program has printed it.
    world.run_mut(7).fields["error"] = format!("refused: {KEY}").into();
    world.run_mut(8).fields["metadata"]["environment"] = KEY.into();
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let environment = [
        ("LANGSMITH_ENDPOINT", server.url()),
        ("LANGSMITH_API_KEY", KEY),
        ("RUST_LOG", "trace"),
    ];
    let bridge = coordinator.start_with(&environment, &[]).await;
    coordinator
        .wait_until("30 runs are stored", SOON, |store| store.rows.len() == 30)
        .await;
    assert!(!bridge.command_line().contains(KEY));
    bridge.stop().await;
    let store = coordinator.store();
    // The words of the HTTP client's own log.
    assert!(store.output.contains("starting new connection"));
    assert!(!store.output.contains(KEY));
    let row = &store.rows[&langsmith_test_server::run_id(7)];
    assert_eq!(row["error"], "refused: [key]");
    assert!(!format!("{:?}{:?}", store.cursors, store.events).contains(KEY));
}
