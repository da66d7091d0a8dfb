//! The same program in a terminal, without a coordinator: --once, --json, --help, readable output, settings.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::common::{example, heartbeat, start, supervise};
use agent_protocol::{AgentMessage, Decoded, decode};
use nix::pty::openpty;
use nix::sys::signal::Signal;
use serde_json::json;

fn output(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

#[test]
fn once_ends_with_a_code_that_tells_success() {
    for (manner, code) in [
        ("work", 0),
        ("degraded", 3),
        ("error", 1),
        ("fatal", 1),
        ("fail-start", 1),
        ("records", 0),
    ] {
        let output = output(example("contrary").args(["--once", "--manner", manner]));
        assert_eq!(output.status.code(), Some(code), "{manner}: {output:?}");
    }
    let output = output(example("contrary").args(["--once", "--interval-ms", "soon"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--interval-ms"));
}

#[test]
fn json_prints_the_wire_and_nothing_else() {
    let output = output(example("contrary").args(["--once", "--json", "--manner", "records"]));
    let text = String::from_utf8(output.stdout).unwrap();
    let kinds: Vec<_> = text
        .lines()
        .map(|line| match decode(line.as_bytes()) {
            Decoded::Message(message) => message.kind(),
            other => panic!("{line} is {other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "hello",
            "ready",
            "event",
            "records",
            "heartbeat",
            "event",
            "stopping"
        ]
    );
}

#[test]
fn help_explains_settings_and_version_tells_it() {
    let help = output(
        example("contrary")
            .arg("--help")
            .env("CONTRARY_TEXT", "a secret"),
    );
    let text = String::from_utf8(help.stdout).unwrap();
    assert_eq!(help.status.code(), Some(0));
    for expected in [
        "--once",
        "--json",
        "--manner",
        "CONTRARY_TEXT",
        "[default: \"from default\"]",
        "Exit codes",
    ] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
    assert!(
        !text.contains("a secret"),
        "the environment may hold keys: {text}"
    );
    let version = output(
        example("contrary")
            .arg("--version")
            .env("AGENT_NAME", "tested"),
    );
    assert_eq!(
        String::from_utf8(version.stdout).unwrap().trim(),
        "contrary 1.2.3"
    );
}

/// On a terminal: what the program prints there until it ends.
fn on_a_terminal(command: &mut Command) -> String {
    let terminal = openpty(None, None).expect("the system has terminals");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(terminal.slave)
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    // The command keeps the terminal's other end open, and this read would never end.
    command.stdout(Stdio::null());
    let mut bytes = Vec::new();
    // A terminal whose last user is gone ends with an error, after all bytes.
    let _ = File::from(terminal.master).read_to_end(&mut bytes);
    child.wait().expect("the program is our child");
    String::from_utf8(bytes).expect("what is printed is UTF-8")
}

#[test]
fn a_terminal_shows_readable_lines() {
    let text = on_a_terminal(
        example("contrary")
            .args(["--once", "--text", "all \u{1b}[31mwell"])
            .env("NO_COLOR", "1"),
    );
    assert!(
        text.contains("Z ok       all \u{fffd}[31mwell  round_count=1\r\n"),
        "{text:?}"
    );
    assert!(!text.contains('{') && !text.contains('\u{1b}'), "{text:?}");
    let coloured = on_a_terminal(example("contrary").args(["--once"]).env_remove("NO_COLOR"));
    assert!(
        coloured.contains("\u{1b}[32mok      \u{1b}[0m"),
        "{coloured:?}"
    );
    let wire = on_a_terminal(example("contrary").args(["--once", "--json"]));
    assert!(wire.starts_with("{\"type\":\"hello\""), "{wire:?}");
}

#[test]
fn settings_come_from_flag_environment_dot_env_config_default_in_this_order() {
    let folder = tempfile::tempdir().unwrap();
    let text = |prepare: &dyn Fn(&mut Command), config: serde_json::Value| {
        let mut command = example("contrary");
        command.current_dir(folder.path());
        prepare(&mut command);
        let mut agent = supervise(&mut command);
        agent.greet(config);
        agent.wait_for("heartbeat", heartbeat)
    };
    let config = json!({"text": "from config"});
    assert_eq!(text(&|_| {}, json!({})), "from default");
    assert_eq!(text(&|_| {}, config.clone()), "from config");
    std::fs::write(folder.path().join(".env"), "CONTRARY_TEXT=\"from .env\"\n").unwrap();
    assert_eq!(text(&|_| {}, config.clone()), "from .env");
    let environment = |command: &mut Command| {
        command.env("CONTRARY_TEXT", "from environment");
    };
    assert_eq!(text(&environment, config.clone()), "from environment");
    let flag = |command: &mut Command| {
        command
            .env("CONTRARY_TEXT", "from environment")
            .args(["--text", "from flag"]);
    };
    assert_eq!(text(&flag, config), "from flag");
}

#[test]
fn a_wrong_or_unknown_key_of_the_config_table_is_named() {
    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"txet": "typo"}));
    let message = agent.wait_for("event", |message| match message {
        AgentMessage::Event(event) if event.kind == "unknown_setting" => {
            Some(event.message.clone())
        }
        _ => None,
    });
    assert!(message.contains("txet"), "{message}");
    agent.wait_for("heartbeat", heartbeat);

    let mut agent = supervise(&mut example("contrary"));
    agent.greet(json!({"interval_ms": "soon"}));
    assert_eq!(agent.wait_for_exit(), Some(2));
    assert!(agent.log.contains("--interval-ms"), "{}", agent.log);
}

#[test]
fn a_stop_before_the_first_hello_is_obeyed() {
    let mut agent = supervise(&mut example("contrary"));
    agent.wait_for("hello", |message| (message.kind() == "hello").then_some(()));
    agent.expect_silence(Duration::from_millis(100));
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait_for_exit(), Some(0));
}

#[test]
fn into_a_pipe_goes_the_wire() {
    let mut agent = start(&mut example("contrary"));
    agent.wait_for("heartbeat", heartbeat);
}
