//! Records over pipes: acknowledged, refused for now, refused for good, interrupted; and a stdin full of nonsense.

use crate::common::{Running, example, heartbeat, supervise};
use agent_protocol::{
    Ack, AgentMessage, CoordinatorHello, CoordinatorMessage, LINE_BYTES_MAX, Nack, Records,
};
use nix::sys::signal::Signal;
use serde_json::json;

fn records(message: &AgentMessage) -> Option<Records> {
    match message {
        AgentMessage::Records(records) => Some(records.clone()),
        _ => None,
    }
}

fn start_storing() -> Running {
    let mut agent = supervise(&mut example("contrary"));
    agent.send(&CoordinatorMessage::Hello(CoordinatorHello {
        protocol: 1,
        config: json!({"manner": "records"}),
        cursors: [("place".to_owned(), json!(41))].into(),
        ..CoordinatorHello::default()
    }));
    agent
}

#[test]
fn a_cycle_goes_on_once_its_records_are_acknowledged() {
    let mut agent = start_storing();
    let sent = agent.wait_for("records", records);
    assert_eq!(
        (sent.kind.as_str(), written(&sent)),
        ("row", vec![r#"{"place":42}"#])
    );
    assert_eq!(sent.cursor.unwrap().value, json!(42));
    // An answer to something else is no answer.
    agent.send(&CoordinatorMessage::Ack(Ack { id: sent.id + 1 }));
    agent.expect_silence(std::time::Duration::from_millis(200));
    agent.send(&CoordinatorMessage::Ack(Ack { id: sent.id }));
    assert_eq!(agent.wait_for("heartbeat", heartbeat), "stored up to 42");
}

#[test]
fn records_refused_for_now_are_sent_again() {
    let mut agent = start_storing();
    let first = agent.wait_for("records", records);
    let reason = "the database is busy".to_owned();
    agent.send(&CoordinatorMessage::Nack(Nack {
        id: first.id,
        reason,
        retry: true,
    }));
    let second = agent.wait_for("records again", records);
    assert_ne!(first.id, second.id);
    assert_eq!(
        (written(&first), &first.cursor),
        (written(&second), &second.cursor)
    );
    agent.send(&CoordinatorMessage::Ack(Ack { id: second.id }));
    assert_eq!(agent.wait_for("heartbeat", heartbeat), "stored up to 42");
}

#[test]
fn records_refused_for_good_are_an_error_with_the_reason() {
    let mut agent = start_storing();
    let sent = agent.wait_for("records", records);
    let reason = "unknown kind `row`".to_owned();
    agent.send(&CoordinatorMessage::Nack(Nack {
        id: sent.id,
        reason,
        retry: false,
    }));
    let text = agent.wait_for("heartbeat", heartbeat);
    assert!(text.contains("unknown kind `row`"), "{text}");
}

#[test]
fn an_agent_that_waits_for_an_answer_can_be_stopped() {
    let mut agent = start_storing();
    agent.wait_for("records", records);
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait_for_exit(), Some(0));
}

#[test]
fn nonsense_on_stdin_does_no_harm() {
    let mut agent = start_storing();
    agent.write(b"not json\n\n{\"type\":\"future\",\"x\":1}\n{\"type\":\"ack\"}\n\xff\xfe\0\r\n");
    let part = vec![b'x'; LINE_BYTES_MAX];
    for _ in 0..40 {
        agent.write(&part);
    }
    agent.write(b"\n");
    let sent = agent.wait_for("records", records);
    agent.send(&CoordinatorMessage::Ack(Ack { id: sent.id }));
    assert_eq!(agent.wait_for("heartbeat", heartbeat), "stored up to 42");
    agent.wait_for_log("ignored a line");
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(
        kilobytes < 16_000,
        "ten megabytes without newline took {line}"
    );
}

fn written(records: &Records) -> Vec<&str> {
    records.rows.iter().map(|row| row.get()).collect()
}
