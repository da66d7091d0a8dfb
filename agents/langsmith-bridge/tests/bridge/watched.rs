//! What a person at a terminal sees of a backfill.
//! The words of the bar are tested in `bar`.

use std::io::Read as _;

use langsmith_test_server::{ContractServer, KEY, World};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::now_ms;

/// Everything that the bridge wrote to its terminal until it ended.
fn watch(server: &ContractServer, flags: &[&str]) -> (String, bool) {
    let size = PtySize {
        cols: 160,
        ..PtySize::default()
    };
    let pty = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_langsmith-bridge"));
    command.args(["--once", "--safety-lag=0s"]);
    command.args(flags);
    command.env_clear();
    command.env("TERM", "xterm");
    command.env("LANGSMITH_ENDPOINT", server.url());
    command.env("LANGSMITH_API_KEY", KEY);
    command.cwd(env!("CARGO_TARGET_TMPDIR"));
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut bytes = Vec::new();
    // The end of a terminal is an error on this system.
    let _ended = pty
        .master
        .try_clone_reader()
        .unwrap()
        .read_to_end(&mut bytes);
    let status = child.wait().unwrap();
    (
        String::from_utf8_lossy(&bytes).into_owned(),
        status.success(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_at_a_terminal_shows_how_far_it_is_and_leaves_no_trace_of_the_bar() {
    let span_ms = 9 * 24 * 3_600_000;
    let server = ContractServer::start(World::with_runs(400, now_ms(), span_ms)).await;
    // So few questions that the last of them wait for their turn: a bar that lives for an instant is not drawn.
    let flags = ["--since=10d", "--page-size=10", "--requests-per-10s=40"];
    let (text, is_success) = watch(&server, &flags);
    assert!(is_success, "{text}");
    assert!(text.contains(" runs/s, "), "rate: {text}");
    assert!(text.contains(" left"), "time left: {text}");
    let last_drawn = text.rfind("runs/s").unwrap();
    let cleared = text.rfind("\u{1b}[2K").expect("a bar is taken away");
    assert!(last_drawn < cleared, "{text}");
    assert!(
        text.rfind("up to date, 400 stored").unwrap() > cleared,
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_it_would_store_and_prints_no_row() {
    let server = ContractServer::start(World::with_runs(60, now_ms(), 60_000)).await;
    let environment = [
        ("LANGSMITH_ENDPOINT", server.url()),
        ("LANGSMITH_API_KEY", KEY),
    ];
    let flags = [
        "--once",
        "--json",
        "--dry-run",
        "--safety-lag=0s",
        "--page-size=10",
    ];
    let output = crate::standalone::run(&environment, &flags).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("would store 60 rows of runs"), "{text}");
    assert!(
        text.contains("20 chain, 20 llm, 20 tool; 6 failed"),
        "{text}"
    );
    assert!(!text.contains(r#""type":"records""#), "{text}");
    assert!(
        !String::from_utf8_lossy(&output.stderr).contains("runs/s"),
        "no terminal, no bar"
    );
    assert!(output.status.success());
    assert!(
        server.world().run_queries().len() >= 6,
        "it asks everything"
    );
}
