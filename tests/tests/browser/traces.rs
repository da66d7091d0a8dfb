//! The page of traces: what the database holds, live, by filters in the URL; one run; fresh, failing and empty.
//! How roll-ups are counted is tested where they are made.

use end_to_end::AgentsFile;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::session::key;
use crate::stage::Stage;

const PROJECT: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";
const HOSTILE: &str = "<script>alert(1)</script>";

/// Sends what the test writes, three times.
pub(crate) const COURIER: [&str; 8] = [
    "ready",
    "wait-for=one",
    "rows=one.rows",
    "wait-for=two",
    "rows=two.rows",
    "wait-for=three",
    "rows=three.rows",
    "live=50ms",
];

fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970");
    i64::try_from(since.as_micros()).expect("64 bits hold 292 000 years")
}

/// An agent that waits for rows to send.
fn stage() -> Stage {
    let mut stage = Stage::started(&AgentsFile::new().puppet("courier", "", &COURIER));
    stage.scene.wait_for_state("courier", "RUNNING");
    stage
}

/// Lets the courier send these.
fn send(stage: &Stage, which: &str, messages: &[(&str, Vec<Value>)]) {
    let lines: Vec<String> = messages
        .iter()
        .map(|(kind, rows)| json!([kind, rows]).to_string())
        .collect();
    std::fs::write(stage.scene.path(&format!("{which}.rows")), lines.join("\n"))
        .expect("the scene can be written to");
    stage.scene.touch(which);
}

fn with(mut row: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("{more} is no object");
    };
    row.as_object_mut().expect("rows are objects").extend(more);
    row
}

/// A project that was pulled now.
fn project(more: Value) -> Value {
    let now_ms = now_us() / 1_000;
    with(
        json!({"project_id": PROJECT, "name": "support-bot", "source": "langsmith", "api": "v2", "last_pull_ms": now_ms,
            "watermark_ms": now_ms - 30_000, "covered_from_ms": now_ms - 86_400_000, "backfill_ms": 0, "pending_runs": 1,
            "settling_runs": 2, "abandoned_runs": 0, "gaps": [], "http_status": 200, "requests_per_10s": 10,
            "requests_remaining": 7, "error": "", "web_url": "https://smith.langchain.com/o/1/projects/p/1"}),
        more,
    )
}

/// A run that took a second and ended a minute ago.
fn run(id: &str, more: Value) -> Value {
    let start_us = now_us() - 60_000_000;
    with(
        json!({"run_id": id, "trace_id": id, "project_id": PROJECT, "name": "answer", "run_type": "chain", "is_root": true,
            "status": "success", "start_us": start_us, "end_us": start_us + 1_000_000, "latency_us": 1_000_000}),
        more,
    )
}

/// A call of a model below a run.
fn call(id: &str, parent: &str, more: Value) -> Value {
    let below = json!({"trace_id": parent, "parent_run_id": parent, "parent_run_ids": [parent], "is_root": false,
        "name": "ChatModel", "run_type": "llm", "model": "gpt-x", "prompt_tokens": 100, "completion_tokens": 20,
        "total_tokens": 120, "total_cost": "0.0125"});
    with(run(id, below), more)
}

/// A few runs of all kinds, with names as long as names are.
pub(crate) fn send_samples(stage: &Stage) {
    let long = "a_name_that_is_as_long_as_names_may_be_without_any_place_to_break_it_".repeat(3);
    let failed = json!({"status": "error", "error": format!("{long}: 12 of 13"), "latency_us": 3_000_000, "name": long});
    let contents = json!({"inputs": {"text": long}, "tags": [long], "metadata": {"key": long}, "feedback": {"helpful": {"n": 2, "avg": 0.5}}});
    let day_ms = (now_us() / 86_400_000_000 - 1) * 86_400_000;
    let check = json!({"project_id": PROJECT, "day_ms": day_ms, "server_runs": 3, "read_runs": 3});
    let failing = json!({"error": "the key is refused (403)", "gaps": [[0, 60_000]], "backfill_ms": 9_000_000});
    let runs = vec![
        run("root-1", contents),
        call("call-1", "root-1", json!({})),
        run("root-2", failed),
        run(
            "root-3",
            json!({"status": "pending", "end_us": null, "latency_us": null}),
        ),
        run(
            "root-4",
            json!({"status": "pending", "end_us": null, "latency_us": null, "is_abandoned": true}),
        ),
    ];
    send(
        stage,
        "one",
        &[
            ("langsmith_project", vec![project(failing)]),
            ("langsmith_run", runs),
            ("langsmith_day_check", vec![check]),
        ],
    );
    for name in ["two.rows", "two", "three.rows", "three"] {
        stage.scene.touch(name);
    }
}

/// The text of a figure in a tile.
fn figure(tile: &str, name: &str) -> String {
    format!("one('.trace-tile[data-tile={tile}] dd[data-figure={name:?}] .value')?.innerText")
}

#[test]
fn what_the_database_holds_is_shown_and_new_runs_arrive_without_a_reload() {
    let stage = stage();
    stage.open("/traces");
    stage.wait_for(
        "connection() === 'live' && one('#trace-empty').innerText.includes('No traces yet')",
    );
    stage.check("one('#trace-empty').innerText.includes('LANGSMITH_API_KEY')");
    let failed = json!({"status": "error", "error": "Timeout after 30 s", "latency_us": 3_000_000});
    send(
        &stage,
        "one",
        &[
            ("langsmith_project", vec![project(json!({}))]),
            (
                "langsmith_run",
                vec![
                    run(
                        "root-1",
                        json!({"feedback": {"helpful": {"n": 2, "avg": 0.5}}}),
                    ),
                    call("call-1", "root-1", json!({})),
                    run("root-2", failed),
                    run(
                        "root-3",
                        json!({"status": "pending", "end_us": null, "latency_us": null}),
                    ),
                ],
            ),
        ],
    );
    // The page without a project becomes the page of the first one by itself.
    stage.wait_for(&format!("{} === '3'", figure("traces", "")));
    stage.wait_for("connection() === 'live'");
    stage.mark_page();
    stage.check(&format!("{} === '120'", figure("tokens", "total")));
    stage.check(&format!("{} === '$0.013'", figure("cost", "")));
    stage.check(&format!("{} === '33.3 %'", figure("errors", "")));
    stage.check("one('.trace-tile[data-tile=cost] .value').title.includes('0.0125')");
    stage.check(
        "all('#trace-models tr').length === 1 && one('#trace-models tr').dataset.model === 'gpt-x'",
    );
    stage.check("one('#trace-slowest tr').dataset.run === 'root-2'");
    stage.check("one('#trace-errors tr').innerText.includes('Timeout after')");
    stage.check("one('#trace-pending tr').dataset.run === 'root-3'");
    stage.check("one('#trace-feedback tr').dataset.key === 'helpful'");
    stage.check("one('#trace-notice').dataset.freshness === 'fresh'");
    let link = "one('#trace-slowest .outside')";
    stage.check(&format!(
        "{link}.href === 'https://smith.langchain.com/o/1/projects/p/1/r/root-2' && {link}.rel.includes('noopener')"
    ));
    stage.wait_for(
        "one('#trace-charts figure[data-figure=runs] .column')?.getAttribute('d').length > 5",
    );
    stage.wait_for("one('#trace-charts figure[data-figure=latency] .curve, #trace-charts figure[data-figure=latency] .point')");

    let slow = json!({"latency_us": 9_000_000, "name": "slow one"});
    send(
        &stage,
        "two",
        &[(
            "langsmith_run",
            vec![run("root-4", slow), run("root-3", json!({}))],
        )],
    );
    stage.wait_for(&format!("{} === '4'", figure("traces", "")));
    stage.wait_for("one('#trace-slowest tr').dataset.run === 'root-4'");
    stage.wait_for(
        "all('#trace-pending tr').length === 0 && all('#trace-pending, .when-empty').some(shown)",
    );
    stage.check_not_reloaded();
}

#[test]
fn filters_and_range_are_in_the_address_and_survive_a_reload() {
    let stage = stage();
    let rows = vec![
        run("root-1", json!({})),
        call("call-1", "root-1", json!({})),
        call(
            "call-2",
            "root-1",
            json!({"model": "other & model", "name": "Other"}),
        ),
        run("root-2", json!({"project_id": OTHER, "name": "elsewhere"})),
    ];
    let second = project(
        json!({"project_id": OTHER, "name": "second", "last_pull_ms": now_us() / 1_000 - 1_000}),
    );
    send(
        &stage,
        "one",
        &[
            ("langsmith_project", vec![project(json!({})), second]),
            ("langsmith_run", rows),
        ],
    );
    stage.open(&format!("/traces?project={PROJECT}&range=1h&theme=dark"));
    stage.wait_for(&format!(
        "connection() === 'live' && {} === '1'",
        figure("traces", "")
    ));
    stage.value("one('#trace-types a[data-type=llm]').click()");
    stage.wait_for(&format!(
        "location.search.includes('type=llm') && {} === '2'",
        figure("traces", "")
    ));
    stage.value("all('#trace-models tr').find((tr) => tr.dataset.model === 'other & model').querySelector('a').click()");
    stage.wait_for(&format!(
        "one('#trace-chosen') && {} === '1'",
        figure("traces", "")
    ));
    stage.value("one('#spans a[data-range=\"6h\"]').click()");
    stage.wait_for(
        "one('#spans [aria-current]')?.dataset.range === '6h' && connection() === 'live'",
    );
    let state = format!(
        "JSON.stringify([one('#trace-projects [aria-current]').dataset.project, one('#spans [aria-current]').dataset.range,
            one('#trace-types [aria-current]').dataset.type, all('#trace-chosen a').map((a) => a.innerText), {}])",
        figure("traces", "")
    );
    let before = stage.text(&state);
    assert!(
        before.contains(PROJECT) && before.contains("other & model"),
        "{before}"
    );
    stage.browser.reload();
    stage.wait_for("connection() === 'live'");
    assert_eq!(stage.text(&state), before);
    stage.value("one('#trace-chosen a[data-without=model]').click()");
    stage.wait_for(&format!(
        "!one('#trace-chosen') && {} === '2'",
        figure("traces", "")
    ));
    stage.value(&format!(
        "one('#trace-projects a[data-project=\"{OTHER}\"]').click()"
    ));
    stage.wait_for(&format!(
        "location.search.includes('{OTHER}') && connection() === 'live'"
    ));
    // A range of the reader's own, and a name.
    stage.value("one('.custom-range summary').click()");
    stage.value("one('#trace-range button').click()");
    stage.wait_for("/from=[0-9]+&to=[0-9]+/.test(location.search) && connection() === 'live'");
    stage.value("(one('#trace-name').value = 'elsewhere', one('#trace-name').dispatchEvent(new Event('change')))");
    stage.wait_for("location.search.includes('name=elsewhere') && connection() === 'live' && one('#trace-chosen')");
}

#[test]
fn names_errors_and_contents_of_runs_are_shown_as_text() {
    let stage = stage();
    let hostile = json!({"name": HOSTILE, "status": "error", "error": format!("{HOSTILE}\nsecond line"), "model": HOSTILE,
        "run_type": "llm", "tags": [HOSTILE], "metadata": {HOSTILE: HOSTILE}, "inputs": {"text": HOSTILE}, "feedback": {HOSTILE: {"n": 1}}});
    let rows = vec![
        run("../odd?id#1", hostile),
        call("child", "../odd?id#1", json!({"name": HOSTILE})),
    ];
    let bad = project(json!({"name": HOSTILE, "web_url": "javascript:alert(1)"}));
    send(
        &stage,
        "one",
        &[("langsmith_project", vec![bad]), ("langsmith_run", rows)],
    );
    stage.open("/traces");
    stage.wait_for(&format!(
        "connection() === 'live' && {} === '1'",
        figure("traces", "")
    ));
    let name = json!(HOSTILE);
    stage.check(&format!("one('#trace-projects a').innerText === {name} && one('#trace-slowest .run a').innerText === {name}"));
    stage.check("all('a[href]').every((a) => a.protocol === 'http:')");
    stage.check_log();
    stage.value("one('#trace-slowest .run a').click()");
    stage.wait_for("connection() === 'live' && one('#run')?.dataset.run === '../odd?id#1'");
    stage.check(&format!(
        "one('h1').innerText === {name} && one('.run-error').innerText.includes('second line')"
    ));
    stage.check("one('#run-children tr').dataset.run === 'child'");
    stage.value("one('#run-contents details').open = true");
    stage.check(&format!(
        "one('#run-contents pre').innerText.includes({name}) && window.ran === undefined"
    ));
    stage.value("one('#run-children a').click()");
    stage.wait_for(
        "one('#run')?.dataset.run === 'child' && one('#run-parents a') && connection() === 'live'",
    );
    stage.value("one('#run-parents a').click()");
    stage.wait_for("one('#run')?.dataset.run === '../odd?id#1'");
}

#[test]
fn old_and_failing_traces_say_so_and_recover_by_themselves() {
    let stage = stage();
    let hour_ago_ms = now_us() / 1_000 - 3_600_000;
    let old = json!({"last_pull_ms": hour_ago_ms});
    send(&stage, "one", &[("langsmith_project", vec![project(old)])]);
    stage.open("/traces");
    stage
        .wait_for("connection() === 'live' && one('#trace-notice')?.dataset.freshness === 'stale'");
    stage.check("one('#trace-notice').innerText.includes('These traces are old')");
    stage.mark_page();
    let words = "the key is refused (403)";
    let failing = json!({"error": words, "http_status": 403, "last_pull_ms": hour_ago_ms, "gaps": [[0, 60_000]]});
    send(
        &stage,
        "two",
        &[("langsmith_project", vec![project(failing)])],
    );
    stage.wait_for("one('#trace-notice').dataset.freshness === 'failing'");
    stage.check(&format!("one('#trace-notice').innerText.includes('{words}') && one('#freshness').innerText.includes('403')"));
    // What was not received is absent, not zero.
    stage.check(&format!(
        "{} === '0' && {} !== '$0.00'",
        figure("traces", ""),
        figure("cost", "")
    ));
    stage.check("one('#trace-empty').innerText.includes('No run began in this window')");
    send(
        &stage,
        "three",
        &[("langsmith_project", vec![project(json!({}))])],
    );
    stage.wait_for("one('#trace-notice').dataset.freshness === 'fresh'");
    stage.check_not_reloaded();
}

#[test]
fn the_page_of_traces_is_walked_with_the_keyboard() {
    let stage = stage();
    send(
        &stage,
        "one",
        &[
            ("langsmith_project", vec![project(json!({}))]),
            ("langsmith_run", vec![run("root-1", json!({}))]),
        ],
    );
    stage.open_fleet(&["courier"]);
    stage.browser.press(['g', 'r']);
    stage.wait_for(&format!(
        "location.pathname === '/traces' && connection() === 'live' && {} === '1'",
        figure("traces", "")
    ));
    stage.browser.press(['[']);
    stage.wait_for("location.search.includes('range=6h') && connection() === 'live' && one('#trace-charts figure[data-figure=runs] .column')");
    stage.value("one('#trace-charts figure[data-figure=runs] svg').focus()");
    stage.browser.press([key::ARROW_LEFT]);
    stage.wait_for(
        "one('#chart-said').innerText.includes('succeeded 1') && one('#trace-charts .cursor')",
    );
    stage.browser.press(['/']);
    stage.wait_for("document.activeElement === one('#trace-name')");
    stage.browser.press([key::ESCAPE, 'j', key::ENTER]);
    stage.wait_for("location.pathname === '/traces/runs/root-1'");
}
