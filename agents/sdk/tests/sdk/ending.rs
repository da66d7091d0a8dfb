//! Everything that ends an agent ends it in time, with the code that is documented for it.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, example, heartbeat, start, stopping, supervise};
use agent_protocol::{AgentMessage, CoordinatorMessage, Stop};
use nix::sys::signal::Signal;
use serde_json::json;

fn stop(grace_ms: u64) -> CoordinatorMessage {
    CoordinatorMessage::Stop(Stop { grace_ms })
}

/// The loop has begun what it is told to do.
fn round(message: &AgentMessage) -> Option<()> {
    matches!(message, AgentMessage::Event(event) if event.kind == "round").then_some(())
}

#[test]
fn a_stop_message_ends_an_idle_agent_at_once() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"interval_ms": 60_000}));
    agent.wait_for("heartbeat", heartbeat);
    let begin = Instant::now();
    agent.send(&stop(60_000));
    let reason = agent.wait_for("goodbye", stopping);
    assert!(reason.contains("coordinator"), "{reason}");
    assert_eq!(agent.wait_for_exit(), Some(0));
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "took {:?}",
        begin.elapsed()
    );
    let finished = |message: &AgentMessage| matches!(message, AgentMessage::Event(event) if event.kind == "finished");
    assert!(
        agent.messages.iter().any(finished),
        "the agent could put things in order"
    );
}

#[test]
fn term_and_interrupt_end_an_agent_in_order() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut agent = supervise(&mut example("contrary"));
        agent.greet(json!({}));
        agent.wait_for("heartbeat", heartbeat);
        agent.signal(signal);
        let reason = agent.wait_for("goodbye", stopping);
        assert!(reason.contains(signal.as_str()), "{reason}");
        assert_eq!(agent.wait_for_exit(), Some(0), "after {signal}");
    }
}

#[test]
fn two_terms_are_as_good_as_one() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"manner": "wait-politely"}));
    agent.wait_for("round", round);
    agent.signal(Signal::SIGTERM);
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait_for_exit(), Some(0));
}

#[test]
fn a_round_that_waits_for_ever_is_cut_off_within_its_grace() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"manner": "wait"}));
    agent.wait_for("round", round);
    let begin = Instant::now();
    // The message and the signal come together; the message knows the time that there is.
    agent.signal(Signal::SIGTERM);
    agent.send(&stop(500));
    assert_eq!(agent.wait_for_exit(), Some(0));
    assert!(
        begin.elapsed() < Duration::from_millis(2_900),
        "took {:?}",
        begin.elapsed()
    );
    assert!(agent.log.contains("cut off"), "{}", agent.log);
}

#[test]
fn a_round_that_listens_ends_before_its_grace_is_over() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"manner": "wait-politely"}));
    agent.wait_for("round", round);
    agent.send(&stop(600_000));
    agent.wait_for("last heartbeat", heartbeat);
    assert_eq!(agent.wait_for_exit(), Some(0));
    assert!(!agent.log.contains("cut off"), "{}", agent.log);
}

#[test]
fn an_interrupt_after_a_term_ends_even_a_hung_agent() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"manner": "hang", "from_round": 2}));
    agent.wait_for("round", round);
    agent.signal(Signal::SIGTERM);
    // Signals that wait together arrive in the order of their numbers, so the first interrupt may come first.
    while agent.lives_on_for(Duration::from_millis(100)) {
        agent.signal(Signal::SIGINT);
    }
    assert_eq!(agent.wait_for_exit(), None);
}

#[test]
fn a_closed_stdin_means_that_the_coordinator_is_gone() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({}));
    agent.wait_for("heartbeat", heartbeat);
    agent.close_stdin();
    let reason = agent.wait_for("goodbye", stopping);
    assert!(reason.contains("gone"), "{reason}");
    assert_eq!(agent.wait_for_exit(), Some(0));
}

#[test]
fn an_agent_that_runs_alone_does_not_mind_a_closed_stdin() {
    let mut agent = start(&mut example("contrary"));
    agent.close_stdin();
    for _ in 0..5 {
        agent.wait_for("heartbeat", heartbeat);
    }
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait_for_exit(), Some(0));
}

#[test]
fn a_closed_stdout_ends_the_agent_with_its_own_code() {
    let mut child = example("contrary")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    // Read to its end: the log ends with the process.
    let (sender, log) = std::sync::mpsc::sync_channel(1);
    let stderr = child.stderr.take().unwrap();
    std::thread::spawn(move || sender.send(std::io::read_to_string(stderr)));
    let log = log
        .recv_timeout(PATIENCE)
        .expect("the agent ends in time")
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert!(log.contains("failed to write to stdout"), "{log}");
}

#[test]
fn an_agent_without_a_coordinator_behind_its_pipe_says_so() {
    let mut agent = supervise(&mut example("contrary"));
    agent.close_stdin();
    let code = agent.wait_for_exit();
    assert_eq!(code, Some(5));
    assert!(agent.log.contains("AGENT_NAME"), "{}", agent.log);
}
