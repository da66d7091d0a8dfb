//! axe-core finds nothing to complain of: every page, dark and light, on a desktop and on a phone.
//! What it cannot judge (the order of the focus, words) is tested elsewhere.

use std::path::PathBuf;

use end_to_end::{AgentsFile, Scene};

use crate::stage::Stage;

#[test]
fn axe_finds_nothing_in_the_dark() {
    judge_all_pages("dark");
}

#[test]
fn axe_finds_nothing_in_the_light() {
    judge_all_pages("light");
}

#[test]
fn axe_finds_nothing_while_there_is_no_database_or_no_coordinator() {
    let mut stage = Stage::on(Scene::new(&fleet()));
    for theme in ["dark", "light"] {
        stage.open(&format!("/?theme={theme}"));
        stage.wait_for("banner() === 'waiting'");
        judge(&stage);
    }
    stage.scene.start();
    stage.scene.wait_for_state("well", "RUNNING");
    stage.scene.stop();
    for theme in ["dark", "light"] {
        stage.open(&format!("/?theme={theme}"));
        stage.wait_for("banner() === 'down' && connection() === 'stale' && row('well')");
        judge(&stage);
    }
}

/// One agent in each of the states that stay: their colours and words are all on the page.
fn fleet() -> AgentsFile {
    let env = "env = { PERFORMANCE_MONITOR_INTERVAL = \"300ms\", PERFORMANCE_MONITOR_MEMORY_WARNING_PERCENT = \"6\", PERFORMANCE_MONITOR_DISK_WARNING_PERCENT = \"6\" }";
    AgentsFile::new()
        .puppet(
            "well",
            "",
            &[
                "print=hello",
                "eprint=\u{1b}[31mred\u{1b}[0m and plain",
                "event=note:a note",
                "metrics=load:1",
                "live=50ms",
            ],
        )
        .puppet("finished", "restart = \"never\"", &["ready", "exit=0"])
        .puppet(
            "fatal",
            "short_lived_max = 2\nfatal_retry = \"1h\"",
            &["exit=3"],
        )
        .puppet(
            "backoff",
            "backoff_initial = \"1h\"\nbackoff_max = \"1h\"",
            &["exit=4"],
        )
        .puppet("waiting", "depends_on = [\"fatal\"]", &["live=50ms"])
        .puppet("stopped", "autostart = false", &["live=50ms"])
        .puppet("starting", "ready_timeout = \"1h\"", &["idle"])
        .program("performance-monitor", env, &["performance-monitor"])
        .program("langsmith-bridge", "", &["langsmith-bridge"])
        .puppet("courier", "", &crate::traces::COURIER)
}

fn judge_all_pages(theme: &str) {
    let mut stage = Stage::started(&fleet());
    let well = stage.scene.wait_for_state("well", "RUNNING").instance_id;
    for (name, state) in [
        ("fatal", "FATAL"),
        ("backoff", "BACKOFF"),
        ("finished", "EXITED"),
        ("performance-monitor", "RUNNING"),
    ] {
        stage.scene.wait_for_state(name, state);
    }
    crate::traces::send_samples(&stage);
    let monitor = stage.scene.instance("performance-monitor").instance_id;
    stage.open("/alerts");
    stage.wait_for("all('#alerts tr').length > 0");
    for (width, is_phone) in [(1280, false), (390, true)] {
        stage.browser.resize(width, 844, is_phone);
        for (path, is_ready) in [
            (
                "/",
                "row('langsmith-bridge')?.dataset.status === 'degraded' && connection() === 'live'",
            ),
            (
                &format!("/agents/{well}"),
                "connection() === 'live' && one('#charts .curve') && lines().length > 1",
            ),
            (
                &format!("/agents/{monitor}"),
                "connection() === 'live' && one('#charts .curve')",
            ),
            (
                "/traces",
                "connection() === 'live' && all('#trace-models tr').length > 0 && one('#trace-charts .column')",
            ),
            (
                "/traces?type=llm&model=gpt-x&from=60000&to=3600000",
                "connection() === 'live' && one('#trace-chosen')",
            ),
            (
                "/traces/runs/root-1",
                "connection() === 'live' && one('#run-children tr')",
            ),
            ("/alerts", "connection() === 'live'"),
            (
                "/events",
                "connection() === 'live' && all('#events tr').length > 3",
            ),
            ("/system", "connection() === 'live'"),
            ("/help", "document.readyState === 'complete'"),
        ] {
            let joint = if path.contains('?') { '&' } else { '?' };
            stage.open(&format!("{path}{joint}theme={theme}"));
            stage.wait_for(is_ready);
            stage.check(&format!(
                "document.documentElement.dataset.theme === '{theme}'"
            ));
            judge(&stage);
        }
    }
}

/// The simplest page is judged by more rules than this; fewer mean that axe has not seen it.
const RULES_MIN: u64 = 15;

/// Runs axe-core with all its rules.
fn judge(stage: &Stage) {
    // What axe itself provokes is no fault of the page: the page's own log is judged before.
    stage.check_log();
    let axe = std::fs::read_to_string(axe_path()).expect("axe-core can be read");
    stage.browser.try_run(&axe).expect("axe-core loads");
    let result = stage.browser.run_promise(
        "const { violations, passes } = await axe.run(document, { resultTypes: ['violations'] });
        const brief = ({ html, failureSummary }) => ({ html: html.slice(0, 200), failureSummary });
        return { passes: passes.length, violations: violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 4).map(brief) })) };",
    );
    let place = stage.text("location.href + ' at ' + innerWidth");
    assert_eq!(
        result["violations"],
        serde_json::json!([]),
        "{place}: {result:#}"
    );
    let passes = result["passes"].as_u64().unwrap_or_default();
    assert!(
        passes >= RULES_MIN,
        "{place}: axe has judged by {passes} rules only: {result:#}"
    );
    stage.browser.take_log();
}

/// Where `scripts/requirements test` puts it: in the folder that cargo builds in.
fn axe_path() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let path = "npm/node_modules/axe-core/axe.min.js";
    let found = test
        .ancestors()
        .map(|folder| folder.join(path))
        .find(|path| path.exists());
    found.expect("axe-core is missing: run `scripts/requirements test` first")
}
