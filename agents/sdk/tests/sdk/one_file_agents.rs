//! The agents in Python, Node and shell: each does its work, speaks only the wire, and ends in time.
//! What they need has to be installed: a missing interpreter is a failure that names the package.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use agent_protocol::{
    AgentMessage, Alert, AlertState, CoordinatorMessage, Heartbeat, Status, Stop,
};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::common::{Running, start, stopping, supervise};

const PYTHON: &str = "log_watcher.py";
const NODE: &str = "url_watcher.mjs";
const SHELL: &str = "disk_space.sh";

/// Runs the file itself, so its first line and its permissions are tested as well.
fn one_file_agent(file: &str) -> Command {
    let (interpreter, package) = match file {
        PYTHON => ("python3", "python3"),
        NODE => ("node", "nodejs (20.3 or newer)"),
        _ => ("sh", "dash"),
    };
    let there = Command::new(interpreter)
        .args(["-c", "0"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status();
    assert!(
        there.is_ok(),
        "`{interpreter}` is needed to test {file}: install the package {package}"
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut command = Command::new(folder.join(file));
    command
        .env_remove("AGENT_NAME")
        .env("INTERVAL_SECONDS", "0.05");
    command
}

fn heartbeat(message: &AgentMessage) -> Option<Heartbeat> {
    match message {
        AgentMessage::Heartbeat(heartbeat) => Some(heartbeat.clone()),
        _ => None,
    }
}

fn alert(message: &AgentMessage) -> Option<Alert> {
    match message {
        AgentMessage::Alert(alert) => Some(alert.clone()),
        _ => None,
    }
}

fn stop_and_expect_goodbye(agent: &mut Running) {
    let begin = Instant::now();
    agent.send(&CoordinatorMessage::Stop(Stop { grace_ms: 5_000 }));
    agent.wait_for("goodbye", stopping);
    assert_eq!(agent.wait_for_exit(), Some(0), "{}", agent.log);
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "took {:?}",
        begin.elapsed()
    );
}

#[test]
fn the_python_agent_finds_the_word_in_new_lines_also_after_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    std::fs::write(&path, "ERROR from before\n").unwrap();
    let mut agent = supervise(&mut one_file_agent(PYTHON));
    agent.greet(json!({"log_file": path, "word": "ERROR"}));
    let beat = agent.wait_for("heartbeat", heartbeat);
    assert_eq!(
        (beat.status, beat.metrics["matches_count"]),
        (Status::Ok, 0.0)
    );

    let mut log = OpenOptions::new().append(true).open(&path).unwrap();
    log.write_all(b"fine\nERROR one\nERR").unwrap();
    let found = |count: f64| {
        move |message: &AgentMessage| {
            heartbeat(message).filter(|beat| beat.metrics["matches_count"] == count)
        }
    };
    let beat = agent.wait_for("first match", found(1.0));
    assert_eq!(beat.metrics["lines_count"], 2.0);
    log.write_all(b"OR two\n").unwrap();
    agent.wait_for("match in a line that came in halves", found(2.0));
    std::fs::rename(&path, folder.path().join("app.log.1")).unwrap();
    std::fs::write(&path, "ERROR three\n").unwrap();
    agent.wait_for("match in the new file", found(3.0));
    stop_and_expect_goodbye(&mut agent);
}

#[test]
fn the_python_agent_without_its_file_is_degraded() {
    let mut agent = supervise(&mut one_file_agent(PYTHON));
    agent.greet(json!({"log_file": "/nowhere/app.log"}));
    let beat = agent.wait_for("heartbeat", heartbeat);
    assert_eq!(beat.status, Status::Degraded);
    assert!(
        beat.message.contains("/nowhere/app.log"),
        "{}",
        beat.message
    );
}

/// A web server that gives one answer with each status, then is gone.
fn serve(statuses: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    thread::spawn(move || {
        for (status, stream) in statuses.iter().zip(listener.incoming()) {
            let mut stream = stream.expect("a connection arrives");
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
        }
    });
    url
}

#[test]
fn the_node_agent_tells_good_answers_from_bad_ones() {
    let url = serve(&["200 OK", "503 Busy", "200 OK", "200 OK"]);
    let mut agent = supervise(&mut one_file_agent(NODE));
    agent.greet(json!({"urls": [url], "interval_seconds": 0.05}));
    let beat = agent.wait_for("heartbeat", heartbeat);
    assert_eq!(beat.status, Status::Ok, "{}", beat.message);
    assert!(beat.metrics["slowest_ms"] > 0.0);
    let raised = agent.wait_for("alert", alert);
    assert_eq!(raised.state, AlertState::Firing);
    assert!(raised.message.contains("503"), "{}", raised.message);
    let beat = agent.wait_for("heartbeat", heartbeat);
    assert_eq!(
        (beat.status, beat.metrics["urls_bad"]),
        (Status::Degraded, 1.0)
    );
    assert_eq!(agent.wait_for("alert", alert).state, AlertState::Resolved);
    stop_and_expect_goodbye(&mut agent);
}

#[test]
fn the_shell_agent_measures_a_file_system_and_compares_it() {
    let folder = tempfile::Builder::new()
        .prefix("a \"quoted\\ name")
        .tempdir()
        .unwrap();
    let mut command = one_file_agent(SHELL);
    command
        .env("WATCHED_FOLDER", folder.path())
        .env("PERCENT_MAX", "-1");
    let mut agent = supervise(&mut command);
    agent.greet(json!({}));
    assert_eq!(agent.wait_for("alert", alert).state, AlertState::Firing);
    let beat = agent.wait_for("heartbeat", heartbeat);
    assert!((0.0..=100.0).contains(&beat.metrics["disk_percent"]));
    assert!(
        beat.message.starts_with(folder.path().to_str().unwrap()),
        "{}",
        beat.message
    );
    stop_and_expect_goodbye(&mut agent);
}

#[test]
fn the_shell_agent_on_a_missing_folder_says_so() {
    let mut agent = supervise(one_file_agent(SHELL).env("WATCHED_FOLDER", "/nowhere/at all"));
    let beat = agent.wait_for("heartbeat", heartbeat);
    assert_eq!(beat.status, Status::Error);
    assert!(beat.message.contains("/nowhere/at all"), "{}", beat.message);
}

#[test]
fn all_of_them_end_in_order_on_term_and_when_the_coordinator_is_gone() {
    for file in [PYTHON, NODE, SHELL] {
        let mut agent = supervise(&mut one_file_agent(file));
        agent.greet(json!({"interval_seconds": 60, "urls": []}));
        agent.wait_for("heartbeat", heartbeat);
        agent.signal(Signal::SIGTERM);
        assert_eq!(agent.wait_for_exit(), Some(0), "{file}: {}", agent.log);

        let mut agent = supervise(&mut one_file_agent(file));
        agent.greet(json!({"interval_seconds": 60, "urls": []}));
        agent.wait_for("heartbeat", heartbeat);
        agent.close_stdin();
        assert_eq!(agent.wait_for_exit(), Some(0), "{file}: {}", agent.log);
    }
}

#[test]
fn all_of_them_run_alone() {
    for file in [PYTHON, NODE, SHELL] {
        let mut agent = start(one_file_agent(file).env("WATCHED_URLS", ""));
        agent.close_stdin();
        for _ in 0..3 {
            agent.wait_for("heartbeat", heartbeat);
        }
        agent.signal(Signal::SIGINT);
        assert_eq!(agent.wait_for_exit(), Some(0), "{file}: {}", agent.log);
    }
}
