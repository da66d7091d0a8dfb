//! Heartbeats mean that the work loop makes progress, and nothing else does.

use std::time::Duration;

use crate::common::{example, heartbeat, supervise};
use agent_protocol::{AgentMessage, Heartbeat, Status};
use serde_json::json;

fn whole_heartbeat(message: &AgentMessage) -> Option<Heartbeat> {
    match message {
        AgentMessage::Heartbeat(heartbeat) => Some(heartbeat.clone()),
        _ => None,
    }
}

#[test]
fn an_agent_says_hello_is_ready_and_beats_after_each_round() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({}));
    for seq in 1..=3 {
        let beat = agent.wait_for("heartbeat", whole_heartbeat);
        assert_eq!((beat.seq, beat.status), (seq, Status::Ok));
        assert_eq!(beat.metrics["round_count"], seq as f64);
        assert!(beat.ts_ms.is_some());
    }
    let kinds: Vec<_> = agent.messages.iter().map(AgentMessage::kind).collect();
    assert_eq!(kinds[..3], ["hello", "ready", "heartbeat"]);
    let AgentMessage::Hello(hello) = &agent.messages[0] else {
        panic!("the first message is a hello")
    };
    assert_eq!(
        (hello.protocol, hello.name.as_str(), hello.version.as_str()),
        (1, "contrary", "1.2.3")
    );
}

#[test]
fn a_hung_loop_is_silent() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"manner": "hang", "from_round": 3}));
    agent.wait_for("first heartbeat", heartbeat);
    agent.wait_for("second heartbeat", heartbeat);
    agent.wait_for("hang", |message| (message.kind() == "event").then_some(()));
    // Seventy intervals.
    agent.expect_silence(Duration::from_millis(1_400));
}

#[test]
fn a_long_round_may_say_how_far_it_is() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"manner": "progress"}));
    for expected in ["step 1", "step 2", "step 3", "from default"] {
        assert_eq!(agent.wait_for("progress", heartbeat), expected);
    }
}

#[test]
fn a_failed_round_is_a_heartbeat_with_the_reason_and_the_next_round_follows() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"manner": "error"}));
    for _ in 0..2 {
        let beat = agent.wait_for("heartbeat", whole_heartbeat);
        assert_eq!(
            (beat.status, beat.message.as_str()),
            (Status::Error, "the round fails")
        );
    }
}

#[test]
fn a_round_that_fails_for_good_ends_the_process() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"manner": "fatal"}));
    assert_eq!(agent.wait_for_exit(), Some(1));
    assert!(
        agent.log.contains("the round fails for good"),
        "{}",
        agent.log
    );
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"manner": "fail-start"}));
    assert_eq!(agent.wait_for_exit(), Some(1));
    assert!(
        agent.log.contains("failed to start: the start fails"),
        "{}",
        agent.log
    );
}

#[test]
fn the_sample_agent_raises_its_alert_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one"), "1").unwrap();
    let mut agent = supervise(&mut example("folder_watcher"));
    agent.greet(json!({"folder": folder.path(), "files_max": 0, "interval_ms": 20}));
    for _ in 0..3 {
        let beat = agent.wait_for("heartbeat", whole_heartbeat);
        assert_eq!(
            (beat.metrics["files_count"], beat.metrics["files_bytes"]),
            (1.0, 1.0)
        );
    }
    let alerts = agent
        .messages
        .iter()
        .filter(|message| message.kind() == "alert");
    assert_eq!(alerts.count(), 1);
}

#[test]
fn an_idle_agent_takes_little_memory() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"interval_ms": 60_000}));
    agent.wait_for("heartbeat", heartbeat);
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    // The goal of a release build is 6 MB; an unoptimized binary has several times its code.
    let limit = if cfg!(debug_assertions) {
        12_000
    } else {
        6_000
    };
    assert!(kilobytes <= limit, "{line}");
}
