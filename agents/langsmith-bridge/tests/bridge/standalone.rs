//! The bridge run by hand, without a coordinator.
//! What it pulls is tested with a coordinator.

use std::process::Output;

use agent_protocol::{AgentMessage, Decoded, decode};

use crate::now_ms;
use langsmith_test_server::{ContractServer, KEY, World};

pub(crate) async fn run(environment: &[(&str, &str)], flags: &[&str]) -> Output {
    let command = tokio::process::Command::new(env!("CARGO_BIN_EXE_langsmith-bridge"))
        .args(flags)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(crate::SOON, command)
        .await
        .expect("it ends by itself")
        .expect("it was built with this test")
}

#[tokio::test(flavor = "multi_thread")]
async fn once_as_json_prints_every_run_and_succeeds() {
    let server = ContractServer::start(World::with_runs(50, now_ms(), 60_000)).await;
    let output = run(
        &[
            ("LANGSMITH_ENDPOINT", server.url()),
            ("LANGSMITH_API_KEY", KEY),
        ],
        &["--once", "--json", "--safety-lag=0s"],
    )
    .await;
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let messages: Vec<AgentMessage> = text
        .lines()
        .map(|line| match decode(line.as_bytes()) {
            Decoded::Message(message) => message,
            other => panic!("{other:?}"),
        })
        .collect();
    let rows = messages.iter().filter_map(|message| match message {
        AgentMessage::Records(records) if records.kind == "langsmith_run" => {
            Some(records.rows.len())
        }
        _ => None,
    });
    assert_eq!(rows.sum::<usize>(), 50);
    let is_beat = |message: &AgentMessage| matches!(message, AgentMessage::Heartbeat(_));
    assert!(messages.iter().any(is_beat));
}

#[tokio::test(flavor = "multi_thread")]
async fn once_without_a_key_fails_and_says_why() {
    let output = run(&[], &["--once"]).await;
    assert!(!output.status.success());
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("LANGSMITH_API_KEY"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_explains_the_settings_and_takes_no_key() {
    let output = run(&[], &["--help"]).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in [
        "--since",
        "--poll-interval",
        "--page-size",
        "LANGSMITH_API_KEY",
        "LANGCHAIN_",
    ] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    assert!(
        !text.contains("--api-key"),
        "an argument can be seen by every user of the machine"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manual_has_every_setting() {
    let output = run(&[("COLUMNS", "200")], &["--help"]).await;
    let help = String::from_utf8(output.stdout).unwrap();
    let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/langsmith.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let flags = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--"));
    let mut count = 0;
    for flag in flags {
        let name = flag.split([' ', '=']).next().unwrap().replace('-', "_");
        let is_of_every_agent = ["json", "once"].contains(&name.as_str());
        assert!(
            is_of_every_agent || manual.contains(&format!("`{name}`")),
            "`{name}` is not in docs/langsmith.md"
        );
        count += 1;
    }
    assert!(count > 20, "{help}");
}
