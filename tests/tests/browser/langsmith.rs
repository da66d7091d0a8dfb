//! The page of traces over the real bridge and a LangSmith server: its counts are the server's, and it says how fresh they are.
//! How the bridge reads is tested beside it, what the page makes of any rows in `traces`.

use end_to_end::{AgentsFile, Scene, now_ms};
use langsmith_test_server::{ContractServer, Fault, KEY, PROJECT, World, expected_row};
use serde_json::{Value, json};

use crate::stage::Stage;

const RUNS: usize = 300;
const HOUR_MS: i64 = 3_600_000;

/// Thirty hours of traces. The oldest three runs never ended and are given up; the newest three may still end.
fn world() -> World {
    let mut world = World::with_runs(RUNS, now_ms(), 30 * HOUR_MS);
    for n in [0, 1, 2, RUNS - 3, RUNS - 2, RUNS - 1] {
        world.run_mut(n).ends_after_queries = u64::MAX;
    }
    world
}

fn stage(server: &ContractServer) -> Stage {
    let bridge = format!(
        "env = {{ LANGSMITH_ENDPOINT = \"{}\", LANGSMITH_API_KEY = \"{KEY}\" }}\n\
         config = {{ poll_interval = \"200ms\", safety_lag = \"0s\", since = \"3d\", requests_per_10s = 1000 }}",
        server.url()
    );
    let agents = AgentsFile::new().program("langsmith-bridge", &bridge, &["langsmith-bridge"]);
    Stage::on(Scene::started(&agents))
}

/// The text of a field of the freshness panel.
fn field(name: &str) -> String {
    format!("one('#freshness [data-figure={name:?}]')?.innerText")
}

/// What stands in the title of a tile's first figure: the exact number.
fn exact(tile: &str) -> String {
    format!("one('.trace-tile[data-tile={tile}] .value')?.title")
}

fn freshness() -> String {
    "one('#trace-notice')?.dataset.freshness".to_owned()
}

#[test]
fn what_the_bridge_read_is_counted_as_on_the_server_and_its_freshness_is_told() {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let server = runtime.block_on(ContractServer::start(world()));
    let stage = stage(&server);
    stage.open("/traces?range=7d");
    // The page without a project becomes the page of the first one by itself.
    stage.wait_for(&format!(
        "connection() === 'live' && {} === 'fresh' && {} === '3'",
        freshness(),
        field("pending")
    ));
    check_counts(&stage, &server);
    let fields = [
        ("backfill", "nothing"),
        ("gaps", "none"),
        ("pending", "3"),
        ("abandoned", "3"),
        ("http", "200"),
        ("remaining", "–"),
        ("api", "v2"),
        ("error", "none"),
    ];
    for (name, words) in fields {
        stage.check(&format!("{} === {}", field(name), json!(words)));
    }
    for (name, form) in [
        ("last-pull", "ago$"),
        ("lag", "[0-9] m?s"),
        ("watermark", ":[0-9]{2}$"),
        ("covered-from", "[0-9]"),
        ("rate", "^1.000$"),
        ("settling", "^[0-9]+$"),
    ] {
        stage.check(&format!("/{form}/.test({})", field(name)));
    }
    let tenant = server.world().tenant_id.clone();
    let page = format!("{}/o/{tenant}/projects/p/{PROJECT}", server.url());
    stage.check(&format!(
        "one('#trace-notice .outside').href === {}",
        json!(page)
    ));
    stage.check(&format!(
        "one('#trace-slowest .outside').href.startsWith({} + '/r/bbbbbbbb-')",
        json!(page)
    ));
    server.assert_contract_was_kept();
}

/// The tiles and tables against what the server knows.
fn check_counts(stage: &Stage, server: &ContractServer) {
    let world = server.world();
    let rows: Vec<Value> = world.runs().map(|run| expected_row(&world, run)).collect();
    let is_root = |row: &&Value| row["is_root"] == true;
    let is_llm = |row: &&Value| row["run_type"] == "llm";
    let has_failed = |row: &&Value| row["status"] == "error";
    let traces = rows.iter().filter(is_root).count();
    let failed = rows.iter().filter(is_root).filter(has_failed).count();
    let tokens: i64 = (rows.iter().filter(is_llm))
        .filter_map(|row| row["total_tokens"].as_i64())
        .sum();
    assert!(traces > 90 && failed > 3 && tokens > 1_000);
    let begins = |tile: &str, words: &str| format!("{}.startsWith({})", exact(tile), json!(words));
    stage.wait_for(&begins("traces", &format!("{traces};")));
    stage.check(&begins("errors", &format!("{failed} of {traces} ")));
    stage.check(&begins("tokens", &format!("{tokens} tokens")));
    for name in ["agent", "search", "ChatModel"] {
        let count = rows.iter().filter(|row| row["name"] == name).count();
        let cell = format!("one('#trace-names tr[data-name={name}] [data-label=runs]')");
        stage.check(&format!("{cell}.innerText === '{count}'"));
    }
    let failed = rows.iter().filter(has_failed).count();
    stage.check(&format!(
        "all('#trace-errors tr').reduce((sum, tr) => sum + Number(tr.dataset.failed), 0) === {failed}"
    ));
}

#[test]
fn a_server_that_is_busy_and_one_that_is_gone_are_told_apart_and_what_was_read_stays() {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let server = runtime.block_on(ContractServer::start(world()));
    let stage = stage(&server);
    stage.open("/traces?range=7d");
    stage.wait_for(&format!(
        "connection() === 'live' && {} === 'fresh'",
        freshness()
    ));
    stage.mark_page();
    let busy = || Fault::Status(429, Some(("retry-after", "3".into())));
    server
        .world()
        .faults
        .extend((0..3).map(|_| ("/runs/query", busy())));
    stage.wait_for(&format!(
        "{} === 'failing' && {} === '429' && {}.includes('429')",
        freshness(),
        field("http"),
        field("error")
    ));
    stage.wait_for(&format!(
        "{} === 'fresh' && {} === 'none' && {} === '200'",
        freshness(),
        field("error"),
        field("http")
    ));
    drop(server);
    stage.wait_for(&format!(
        "{} === 'failing' && {}.includes('failed to connect') && {} === '–'",
        freshness(),
        field("error"),
        field("http")
    ));
    stage.check(&format!("{}.startsWith('100;')", exact("traces")));
    stage.check_not_reloaded();
}
