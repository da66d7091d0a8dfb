//! What people see: hostile text, the log, and the states of the database and of the coordinator.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use common::{Place, Server, now_ms, running};
use shared_state::*;

const HOSTILE: &str = "<script>alert(1)</script>";

#[tokio::test(flavor = "multi_thread")]
async fn names_messages_and_log_lines_stay_text() {
    let place = Place::new();
    let ids = place.register(&[HOSTILE]).await;
    std::fs::write(
        place.log_path(0),
        "2026-11-24T21:08:01.123Z err \u{1b}[31m<img src=x onerror=alert(2)>\u{1b}[0m \u{202e}reversed\n",
    )
    .unwrap();
    place
        .run(ids[0], 41, "\"><svg onload=alert(3)> \u{202e}x")
        .await;
    let event = EventRow {
        ts_ms: now_ms(),
        instance_id: Some(ids[0]),
        invocation_id: None,
        level: 2,
        kind: "<b>kind</b>".into(),
        message: "<iframe src=//evil>".into(),
        data: Some(serde_json::json!({"<u>": "</pre><script>"})),
    };
    place.commit(Fact::Event(event)).await;
    let server = Server::start(&place).await;
    for path in ["/", "/agents/1", "/events", "/system"] {
        let page = server.get(path).await.body;
        for raw in [
            HOSTILE,
            "<img",
            "<svg onload",
            "<iframe",
            "<b>kind",
            "<u>",
            "\u{202e}",
            "\u{1b}",
        ] {
            assert!(!page.contains(raw), "{path} has {raw}");
        }
    }
    let page = server.get("/agents/1").await.body;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(
        page.contains("<span class=\"fg1\">&lt;img src=x onerror=alert(2)&gt;</span>"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_an_agent_shows_invocations_events_figures_log_and_configuration() {
    let place = Place::new();
    let ids = place.register(&["alpha"]).await;
    let first = place.run(ids[0], 41, "fine").await;
    let ended = InvocationEnd {
        invocation_id: first,
        ended_ms: now_ms(),
        outcome: Outcome::Signaled(9),
        reason: "signal 9 (SIGKILL)".into(),
        heartbeats: 1,
        log_lines: 2,
        truncated_lines: 0,
        dropped_rows: 0,
    };
    place.commit(Fact::InvocationEnded(ended)).await;
    place.run(ids[0], 42, "back again").await;
    let metrics = MetricsRow {
        instance_id: ids[0],
        subject: String::new(),
        ts_ms: now_ms(),
        metrics: vec![("cpu_percent".into(), 7.5)],
    };
    place.commit(Fact::Metrics(metrics)).await;
    let lines: String = (0..300)
        .map(|n| format!("2026-11-24T21:08:01.123Z out line {n}\n"))
        .collect();
    std::fs::write(place.log_path(0), lines).unwrap();
    let server = Server::start(&place).await;
    let page = server.get("/agents/1").await.body;
    for expected in [
        "data-state=\"RUNNING\"",
        "data-pid=\"42\"",
        "back again",
        "signal 9 (SIGKILL)",
        "data-name=\"cpu_percent\"",
        "queue_rows",
        "line 299",
        "line 100",
        "/bin/agent --json",
        "***",
    ] {
        assert!(page.contains(expected), "no {expected}");
    }
    assert!(
        !page.contains("line 99<"),
        "only the last two hundred lines are there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_there_is_explained() {
    let place = Place::new();
    let ids = place.register(&["alpha"]).await;
    place.run(ids[0], 41, "fine").await;
    let server = Server::start(&place).await;
    let page = server.get("/agents/1").await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("nothing was logged yet"),
        "{}",
        page.body
    );
    assert_eq!(server.get("/api/v1/agents/1/log").await.status, 404);
    std::fs::create_dir(place.log_path(0)).unwrap();
    let page = server.get("/agents/1").await;
    assert!(
        page.body.contains("it is not a regular file"),
        "{}",
        page.body
    );
    assert_eq!(server.get("/api/v1/agents/1/log").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_is_filtered_searched_and_ordered_by_need() {
    let place = Place::new();
    let ids = place.register(&["alpha", "beta", "gamma"]).await;
    place.run(ids[0], 41, "counting sheep").await;
    let invocation_id = place.run(ids[1], 42, "fine").await;
    let fatal = InstanceChange {
        state: InstanceState::Fatal,
        reason: "5 restarts within 60 s".into(),
        pid: None,
        started_ms: None,
        next_attempt_ms: Some(now_ms() + 60_000),
        ..running(ids[1], invocation_id, 42)
    };
    place.commit(Fact::InstanceChanged(fatal)).await;
    let server = Server::start(&place).await;
    let names = |page: &str| -> Vec<String> {
        page.split("data-instance=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&server.get("/").await.body),
        ["beta", "alpha", "gamma"]
    );
    assert_eq!(names(&server.get("/?state=FATAL").await.body), ["beta"]);
    assert_eq!(names(&server.get("/?state=unwell").await.body), ["beta"]);
    assert_eq!(names(&server.get("/?q=SHEEP").await.body), ["alpha"]);
    let nothing = server.get("/?q=nobody").await.body;
    assert!(
        names(&nothing).is_empty() && nothing.contains("No agent matches"),
        "{nothing}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_the_pages_wait_and_recover_by_themselves() {
    let mut place = Place::empty();
    let server = Server::start(&place).await;
    let page = server.get("/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("data-banner=\"waiting\"")
            && page.body.contains("waiting for the database"),
        "{}",
        page.body
    );
    for path in ["/alerts", "/events", "/system", "/help", "/metrics"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    assert_eq!(server.get("/api/v1/agents").await.status, 503);
    assert_eq!(server.get("/agents/1").await.status, 503);
    place.open();
    place.register(&["alpha"]).await;
    let page = server
        .wait_for("/", "the row of alpha", |page| {
            page.body.contains("data-instance=\"alpha\"")
        })
        .await;
    assert!(page.body.contains("data-banner=\"none\""), "{}", page.body);
    assert!(
        std::fs::read_dir(place.folder.path()).unwrap().count() <= 3,
        "the dashboard makes no files"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_ended_is_told_on_every_page_and_one_that_returns_too() {
    let mut place = Place::new();
    let ids = place.register(&["alpha"]).await;
    place.run(ids[0], 41, "fine").await;
    let server = Server::start(&place).await;
    assert!(server.get("/").await.body.contains("data-banner=\"none\""));
    place.end("SIGTERM").await;
    for path in ["/", "/agents/1", "/alerts", "/events", "/system"] {
        let page = server.get(path).await.body;
        assert!(
            page.contains("data-banner=\"down\"") && page.contains("SIGTERM"),
            "{path}: {page}"
        );
    }
    assert!(
        server
            .get("/metrics")
            .await
            .body
            .contains("agents_coordinator_up 0")
    );
    place.open();
    server
        .wait_for("/", "the banner to go", |page| {
            page.body.contains("data-banner=\"none\"")
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_replaced_is_read_anew() {
    let mut place = Place::new();
    place.register(&["old"]).await;
    let server = Server::start(&place).await;
    assert!(server.get("/").await.body.contains("data-instance=\"old\""));
    assert_eq!(server.get("/api/v1/agents/1").await.json()["name"], "old");
    place.end("moved").await;
    for suffix in ["", "-wal", "-shm"] {
        let mut path = place.database.clone().into_os_string();
        path.push(suffix);
        std::fs::remove_file(path).unwrap();
    }
    assert!(
        server
            .get("/")
            .await
            .body
            .contains("waiting for the database")
    );
    place.open();
    place.register(&["new"]).await;
    server
        .wait_for("/", "the new agent", |page| {
            page.body.contains("data-instance=\"new\"")
        })
        .await;
    assert_eq!(server.get("/api/v1/agents/1").await.json()["name"], "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_named_and_left_alone() {
    let place = Place::empty();
    std::fs::write(
        &place.database,
        "not a database at all, but long enough to look at its head".repeat(40),
    )
    .unwrap();
    let server = Server::start(&place).await;
    let page = server.get("/").await.body;
    assert!(page.contains("the database cannot be read"), "{page}");
    assert_eq!(std::fs::read_dir(place.folder.path()).unwrap().count(), 1);
}
