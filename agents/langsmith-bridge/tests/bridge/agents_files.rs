//! The bridge by hand with what a coordinator would give it, from the file of agents.
//! Which agent of a file is meant is tested in `agents_file`.

use std::path::PathBuf;

use langsmith_test_server::{ContractServer, KEY, World};
use tempfile::TempDir;

use crate::now_ms;
use crate::standalone::run;

/// A folder with `agents.toml`, whose agent has the key from a file of variables.
fn folder(endpoint: &str, rest: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("key.env"),
        format!("LANGSMITH_API_KEY={KEY}\n"),
    )
    .unwrap();
    let path = folder.path().join("agents.toml");
    let text = format!(
        "[agents.pull]\nenv_file = \"key.env\"\nenv = {{ LANGSMITH_ENDPOINT = \"{endpoint}\" }}\n{rest}\n"
    );
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// What it said on both ways, and its exit code.
async fn say(path: &std::path::Path, flags: &[&str]) -> (String, Option<i32>) {
    let agents = format!("--agents={}", path.display());
    let flags: Vec<&str> = [agents.as_str()].iter().chain(flags).copied().collect();
    let output = run(&[("LANGSMITH_PROJECT", "of the shell")], &flags).await;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains(KEY), "{text}");
    (text, output.status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_takes_settings_arguments_and_environment_of_the_agent_and_says_from_where() {
    let server = ContractServer::start(World::with_runs(3, now_ms(), 60_000)).await;
    let rest =
        "command = [\"langsmith-bridge\", \"--api=v1\"]\nconfig = { projects = [\"other\"] }";
    let (_folder, path) = folder(server.url(), rest);
    let (text, code) = say(&path, &["--check"]).await;
    for line in [
        "agents.toml: agents.pull\n",
        "key from LANGSMITH_API_KEY",
        "✓ project `other`",
        "✓ runs of `other`: version 1",
    ] {
        assert!(text.contains(line), "`{line}` is missing in {text}");
    }
    assert_eq!(code, Some(0), "{text}");
    let (text, _) = say(&path, &["--check", "--api=v2", "--project=default"]).await;
    assert!(text.contains("✓ runs of `default`: version 2"), "{text}");
    assert!(!text.contains("`other`"), "a flag wins: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_by_hand_and_a_dry_run_take_them_too() {
    let server = ContractServer::start(World::with_runs(30, now_ms(), 60_000)).await;
    let rest = "command = [\"langsmith-bridge\"]\n\
        config = { safety_lag = \"0s\", since = \"1h\", project = \"default\", dry_run = true }";
    let (_folder, path) = folder(server.url(), rest);
    let (text, code) = say(&path, &["--once"]).await;
    assert!(text.contains("would store 30 rows of runs"), "{text}");
    assert_eq!(code, Some(0), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_coordinator_would_not_pass_on_is_missed() {
    let (_folder, path) = folder("http://127.0.0.1:9", "command = [\"langsmith-bridge\"]");
    std::fs::write(path.parent().unwrap().join("key.env"), "OTHER=1\n").unwrap();
    let agents = format!("--agents={}", path.display());
    let output = run(&[("LANGSMITH_API_KEY", KEY)], &["--check", &agents]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("✗ settings: no API key"), "{text}");
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_the_file_is_told_with_file_and_key() {
    let command = "command = [\"langsmith-bridge\"]\n";
    for (rest, words) in [
        (
            "config = { overlap = \"15\" }",
            "agents.toml: agents.pull.config.overlap: invalid value '15'",
        ),
        (
            "config = { selects = [\"TAGS\", \"TOKENS\"] }",
            "agents.toml: agents.pull.config.selects: invalid value 'TOKENS'",
        ),
        (
            "restart = \"often\"",
            "error: agents.pull.restart: found \"often\"",
        ),
    ] {
        let (_folder, path) = folder("http://127.0.0.1:9", &format!("{command}{rest}"));
        let (text, code) = say(&path, &["--check"]).await;
        assert!(text.contains(words), "`{words}` is missing in {text}");
        assert_eq!(code, Some(2), "{text}");
    }
    let (_folder, path) = folder(
        "http://127.0.0.1:9",
        &format!("{command}config = {{ surprise = 1 }}"),
    );
    let (text, _) = say(&path, &["--check"]).await;
    assert!(
        text.contains("agents.toml: agents.pull.config.surprise is none of the settings"),
        "{text}"
    );
    let (text, code) = say(&path.with_file_name("none.toml"), &["--check"]).await;
    assert!(
        text.contains("none.toml") && text.contains("it cannot be read"),
        "{text}"
    );
    assert_eq!(code, Some(2));
}
