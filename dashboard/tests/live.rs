//! Live streams over real connections: the whole first, then differences, bounded in number, ended in order.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use common::{Place, Server, part};
use dashboard::app::STREAMS_MAX;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_event_is_the_whole_and_later_ones_hold_only_the_rows_that_changed() {
    let place = Place::new();
    let ids = place.register(&["alpha", "beta", "gamma"]).await;
    let invocation_id = place.run(ids[1], 41, "first").await;
    let server = Server::start(&place).await;
    let mut events = server.stream("/events/fleet").await.unwrap();
    let whole = events.next("patch").await;
    for id in ["head", "banner", "filters", "ranges", "i1", "i2", "i3"] {
        assert!(part(&whole, id).is_some(), "no {id}: {whole}");
    }
    assert_eq!(
        whole["lists"][0],
        serde_json::json!(["fleet", ["i2", "i1", "i3"]])
    );
    place.beat(ids[1], invocation_id, 2, "second").await;
    let change = loop {
        let patch = events.next("patch").await;
        if part(&patch, "i2").is_some_and(|row| row.contains("second")) {
            break patch;
        }
    };
    assert!(
        part(&change, "i1").is_none() && part(&change, "i3").is_none(),
        "{change}"
    );
    assert_eq!(change["lists"], serde_json::json!([]), "{change}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_moves_the_row_and_a_filter_leaves_it_out() {
    use shared_state::{Fact, InstanceChange, InstanceState};
    let place = Place::new();
    let ids = place.register(&["alpha", "beta"]).await;
    place.run(ids[0], 41, "fine").await;
    let invocation_id = place.run(ids[1], 42, "fine").await;
    let server = Server::start(&place).await;
    let mut all = server.stream("/events/fleet").await.unwrap();
    let mut healthy = server.stream("/events/fleet?state=RUNNING").await.unwrap();
    assert_eq!(
        all.next("patch").await["lists"][0][1],
        serde_json::json!(["i1", "i2"])
    );
    assert_eq!(
        healthy.next("patch").await["lists"][0][1],
        serde_json::json!(["i1", "i2"])
    );
    let crashed = InstanceChange {
        state: InstanceState::Backoff,
        reason: "signal 9 (SIGKILL)".into(),
        pid: None,
        started_ms: None,
        restarts: 1,
        ..common::running(ids[1], invocation_id, 42)
    };
    place.commit(Fact::InstanceChanged(crashed)).await;
    for (stream, order) in [(&mut all, ["i2", "i1"].as_slice()), (&mut healthy, &["i1"])] {
        loop {
            let patch = stream.next("patch").await;
            if let Some(list) = patch["lists"].get(0) {
                assert_eq!(list[1], serde_json::json!(order));
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_an_agent_brings_its_changes_and_its_log() {
    use std::io::Write;
    let place = Place::new();
    let ids = place.register(&["alpha"]).await;
    let invocation_id = place.run(ids[0], 41, "first").await;
    let server = Server::start(&place).await;
    let mut events = server.stream("/events/agents/1").await.unwrap();
    let whole = events.next("patch").await;
    assert!(part(&whole, "agent").unwrap().contains("first"), "{whole}");
    let nothing = events.next("log").await;
    assert!(
        nothing["excuse"]
            .as_str()
            .unwrap()
            .contains("nothing was logged yet"),
        "{nothing}"
    );
    let mut file = std::fs::File::create(place.log_path(0)).unwrap();
    file.write_all(b"2026-11-24T21:08:01.123Z out one\n")
        .unwrap();
    let log = events.next("log").await;
    assert_eq!(
        (&log["reset"], &log["lines"][0]["segments"][0]["text"]),
        (&true.into(), &"one".into()),
        "{log}"
    );
    file.write_all(b"2026-11-24T21:08:02.123Z err <two>\n")
        .unwrap();
    let log = events.next("log").await;
    assert_eq!(log["reset"], false);
    assert_eq!(
        log["lines"][0]["segments"][0]["text"], "<two>",
        "text for a text node"
    );
    place.beat(ids[0], invocation_id, 2, "second").await;
    let change = events.next("patch").await;
    assert!(
        part(&change, "agent").unwrap().contains("second"),
        "{change}"
    );
    assert!(part(&change, "config").is_none(), "{change}");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_that_a_slow_browser_missed_are_told() {
    use std::io::Write;
    let place = Place::new();
    let ids = place.register(&["alpha"]).await;
    place.run(ids[0], 41, "first").await;
    let server = Server::start(&place).await;
    let mut file = std::fs::File::create(place.log_path(0)).unwrap();
    let line = |number: usize| {
        let (minute, second, ms) = (number / 60_000, number / 1_000 % 60, number % 1_000);
        format!("2026-11-24T21:{minute:02}:{second:02}.{ms:03}Z out {number}\n")
    };
    file.write_all(line(0).as_bytes()).unwrap();
    let mut events = server.stream("/events/agents/1").await.unwrap();
    let log = events.next("log").await;
    assert!(log["gap"].is_null(), "{log}");
    // Rotated, and all of it is still in the tail: nothing is missing.
    std::fs::rename(place.log_path(0), place.log_path(0).with_extension("log.1")).unwrap();
    let mut file = std::fs::File::create(place.log_path(0)).unwrap();
    file.write_all(line(1).as_bytes()).unwrap();
    let log = events.next("log").await;
    assert!(log["reset"] == true && log["gap"].is_null(), "{log}");
    // More than one event takes.
    let many: String = (2..60_000).map(line).collect();
    file.write_all(many.as_bytes()).unwrap();
    let log = loop {
        let log = events.next("log").await;
        if log["reset"] == true {
            break log;
        }
    };
    let lines = log["lines"].as_array().unwrap();
    assert_eq!(log["gap"]["to"], lines[1]["at"], "{log}");
    assert!(log["gap"]["from"].as_str().unwrap() < log["gap"]["to"].as_str().unwrap());
    let marker = lines[0]["segments"][0]["text"].as_str().unwrap();
    assert!(marker.contains("missing here"), "{marker}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_wait_for_the_database_and_tell_that_the_coordinator_is_down() {
    let mut place = Place::empty();
    let server = Server::start(&place).await;
    let mut events = server.stream("/events/fleet").await.unwrap();
    let waiting = events.next("patch").await;
    assert!(
        part(&waiting, "banner")
            .unwrap()
            .contains("waiting for the database"),
        "{waiting}"
    );
    place.open();
    place.register(&["alpha"]).await;
    while part(&events.next("patch").await, "i1").is_none() {}
    place.end("SIGTERM").await;
    loop {
        if let Some(banner) = part(&events.next("patch").await, "banner")
            && banner.contains("data-banner=\"down\"")
        {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_too_many_is_told_when_to_try_again_and_a_closed_one_makes_room() {
    let place = Place::new();
    let server = Server::start(&place).await;
    let mut open = Vec::new();
    for _ in 0..STREAMS_MAX {
        open.push(server.stream("/events/system").await.unwrap());
    }
    let refused = server.stream("/events/fleet").await.err().unwrap();
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("2"))
    );
    assert_eq!(server.get("/").await.status, 200, "pages are still served");
    open.pop();
    let deadline = tokio::time::Instant::now() + common::PATIENCE;
    while server.stream("/events/fleet").await.is_err() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the closed stream made no room"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_server_ends_its_streams() {
    let place = Place::new();
    let mut server = Server::start(&place).await;
    let mut events = server.stream("/events/fleet").await.unwrap();
    events.next("patch").await;
    let begun = std::time::Instant::now();
    server.stop();
    assert!(events.ends().await, "the stream went on");
    (&mut server.serving).await.unwrap();
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(4),
        "{:?}: it waited for a stream",
        begun.elapsed()
    );
}
