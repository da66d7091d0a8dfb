//! What the Traces page reads equals what a walk through the rows finds.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::collections::BTreeMap;

use common::*;
use serde_json::{Value, json};
use shared_state::*;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Five days before T0, at the start of a day.
const FIRST_MS: i64 = (T0 / DAY_MS - 5) * DAY_MS;

/// A run as the test knows it.
#[derive(Clone, Debug)]
struct Known {
    start_us: i64,
    is_root: bool,
    model: Option<&'static str>,
    status: &'static str,
    latency_us: i64,
    tokens: i64,
    row: Value,
}

fn known(n: i64) -> Known {
    let dice = |salt: i64, sides: i64| (n * 7_919 + salt * 104_729).pow(2) / 97 % sides;
    let start_us = (FIRST_MS * 1_000) + dice(1, 5 * DAY_MS * 1_000);
    let model = [None, Some("m1"), Some("m2")][usize::try_from(dice(2, 3)).unwrap()];
    let is_root = model.is_none() && dice(3, 2) == 0;
    let status =
        ["success", "success", "success", "error", "pending"][usize::try_from(dice(4, 5)).unwrap()];
    let (latency_us, tokens) = (dice(5, 90_000_000), dice(6, 5_000));
    let mut row = json!({"run_id": format!("r{n}"), "project_id": "p", "name": format!("n{}", dice(7, 4)),
        "run_type": if model.is_some() { "llm" } else { "chain" }, "model": model, "is_root": is_root, "status": status,
        "start_us": start_us, "total_tokens": tokens, "total_cost": format!("0.{tokens:07}1")});
    if status != "pending" {
        row["latency_us"] = latency_us.into();
        row["end_us"] = (start_us + latency_us).into();
    }
    if status == "error" {
        row["error"] = format!(
            "{} after {n} s",
            ["failed", "stopped"][usize::try_from(n % 2).unwrap()]
        )
        .into();
    }
    if n % 10 == 0 {
        row["feedback"] = json!({"good": {"n": 2, "avg": 0.1}});
    }
    Known {
        start_us,
        is_root,
        model,
        status,
        latency_us,
        tokens,
        row,
    }
}

async fn fill(place: &Place, runs: &[Known]) {
    let Opened { writer, thread, .. } = place.open();
    let instance_id = register(&writer, "bridge").await;
    for runs in runs.chunks(60) {
        let batch = RecordsBatch {
            instance_id,
            kind: "langsmith_run".into(),
            rows: RecordsBatch::written(runs.iter().map(|run| run.row.clone())),
            cursor: None,
            ts_ms: T0,
        };
        writer.commit(Fact::Records(batch)).await.unwrap();
    }
    thread.join(std::time::Duration::from_secs(10)).unwrap();
}

fn assert_near(found: i64, exact: i64, what: &str) {
    assert!(
        (found - exact).abs() * 128 <= exact,
        "{what}: {found} for {exact}"
    );
}

fn assert_figures(figures: &TraceFigures, runs: &[&Known], what: &str) {
    let with = |status: &str| runs.iter().filter(|run| run.status == status).count() as u64;
    assert_eq!(
        (figures.runs, figures.errors, figures.pending),
        (runs.len() as u64, with("error"), with("pending")),
        "{what}"
    );
    let mut latencies: Vec<i64> = runs
        .iter()
        .filter(|run| run.status != "pending")
        .map(|run| run.latency_us)
        .collect();
    latencies.sort_unstable();
    let Some(found) = figures.latency else {
        assert!(latencies.is_empty(), "{what}");
        return;
    };
    for (percent, found) in [(50, found.p50_us), (95, found.p95_us), (99, found.p99_us)] {
        let rank = (latencies.len() * percent).div_ceil(100).max(1);
        assert_near(found, latencies[rank - 1], what);
    }
}

/// Ten millions of a dollar: the costs of `known` have eight digits.
fn cost(runs: &[&Known]) -> Option<TraceSum<String>> {
    let sum: i64 = runs.iter().map(|run| run.tokens * 10 + 1).sum();
    let digits = format!("{sum:09}");
    let (whole, fraction) = digits.split_at(digits.len() - 8);
    let plain = format!("{whole}.{fraction}");
    let plain = plain.trim_end_matches('0').trim_end_matches('.');
    (!runs.is_empty()).then(|| TraceSum {
        sum: plain.to_owned(),
        runs: runs.len() as u64,
    })
}

#[tokio::test]
async fn any_window_equals_a_walk_through_the_rows() {
    let place = place();
    let runs: Vec<Known> = (0..600).map(known).collect();
    fill(&place, &runs).await;
    let windows = [
        (0, 5 * DAY_MS, DAY_MS),
        (0, 5 * DAY_MS, HOUR_MS),
        (
            7 * HOUR_MS + 13 * MINUTE_MS,
            3 * DAY_MS + 22 * HOUR_MS + MINUTE_MS,
            DAY_MS,
        ),
        (DAY_MS + 5 * MINUTE_MS, DAY_MS + 55 * MINUTE_MS, MINUTE_MS),
        (DAY_MS - MINUTE_MS, 2 * DAY_MS + MINUTE_MS, 6 * HOUR_MS),
        (3 * DAY_MS, 3 * DAY_MS, HOUR_MS),
    ];
    for (from, to, column_ms) in windows {
        let (from_ms, to_ms) = (FIRST_MS + from, FIRST_MS + to);
        let within: Vec<&Known> = runs
            .iter()
            .filter(|run| (from_ms * 1_000..to_ms * 1_000).contains(&run.start_us))
            .collect();
        let roots: Vec<&Known> = within.iter().copied().filter(|run| run.is_root).collect();
        let llm: Vec<&Known> = within
            .iter()
            .copied()
            .filter(|run| run.model.is_some())
            .collect();
        let all = TraceFilter::default();
        let m1 = TraceFilter {
            model: Some("m1".into()),
            ..TraceFilter::default()
        };
        let of_m1: Vec<&Known> = llm
            .iter()
            .copied()
            .filter(|run| run.model == Some("m1"))
            .collect();
        let filtered = place.read(|snapshot| snapshot.trace_totals(1, from_ms, to_ms, &m1));
        assert_figures(&filtered.roots, &of_m1, "filtered");
        let window =
            place.read(|snapshot| snapshot.trace_window(1, from_ms, to_ms, column_ms, &all));
        let totals = place.read(|snapshot| snapshot.trace_totals(1, from_ms, to_ms, &all));
        assert_eq!(window.totals, totals, "both read the same");
        assert_eq!((totals.from_ms, totals.to_ms), (from_ms, to_ms));
        assert_eq!(totals.runs, within.len() as u64);
        assert_figures(&totals.roots, &roots, "roots");
        assert_figures(&totals.llm, &llm, "llm");
        assert_eq!(totals.usage.total_cost, cost(&llm));
        assert_eq!(
            totals.usage.prompt_tokens, None,
            "what nobody told is absent"
        );
        for group in &window.by_model {
            let of: Vec<&Known> = llm
                .iter()
                .copied()
                .filter(|run| run.model == Some(&*group.name))
                .collect();
            assert_figures(&group.figures, &of, &group.name);
            assert_eq!(group.usage.total_cost, cost(&of));
        }
        let named: u64 = window.by_name.iter().map(|group| group.figures.runs).sum();
        assert_eq!(named, within.len() as u64);
        let mut columns: BTreeMap<i64, Vec<&Known>> = BTreeMap::new();
        for run in &roots {
            let column = run.start_us.div_euclid(column_ms * 1_000) * column_ms;
            columns.entry(column).or_default().push(run);
        }
        let shown = window
            .chart
            .iter()
            .filter(|bucket| bucket.roots.runs > 0)
            .count();
        assert_eq!(shown, columns.len());
        for bucket in window.chart.iter().filter(|bucket| bucket.roots.runs > 0) {
            assert_figures(&bucket.roots, &columns[&bucket.ts_ms], "a column");
        }
        let good = within
            .iter()
            .filter(|run| !run.row["feedback"].is_null())
            .count() as u64;
        let feedback = totals.feedback.first().map_or(0, |feedback| feedback.count);
        assert_eq!(feedback, 2 * good);
        let window_ms = (from_ms, to_ms);
        assert_errors(&place, window_ms, &TraceFilter::default(), &within);
        assert_slowest(&place, window_ms, &TraceFilter::default(), &roots);
        for (run_type, name, model) in [
            (Some("llm"), None, None),
            (Some("chain"), Some("n1"), None),
            (None, None, Some("m2")),
            (None, Some("n2"), Some("m1")),
            (Some("tool"), None, None),
        ] {
            let filter = TraceFilter {
                run_type: run_type.map(str::to_owned),
                name: name.map(str::to_owned),
                model: model.map(str::to_owned),
            };
            let is = |run: &Known, column: &str, wanted: Option<&str>| {
                wanted.is_none_or(|wanted| run.row[column] == wanted)
            };
            let chosen = within.iter().copied().filter(|run| {
                is(run, "run_type", run_type) && is(run, "name", name) && is(run, "model", model)
            });
            let chosen: Vec<_> = chosen.collect();
            assert_errors(&place, window_ms, &filter, &chosen);
            assert_slowest(&place, window_ms, &filter, &chosen);
        }
    }
}

fn assert_errors(
    place: &Place,
    (from_ms, to_ms): (i64, i64),
    filter: &TraceFilter,
    within: &[&Known],
) {
    let errors = place.read(|snapshot| snapshot.trace_errors(1, from_ms, to_ms, filter, 10));
    assert!(!errors.is_partial);
    let groups = errors.groups;
    for word in ["failed", "stopped"] {
        let of: Vec<_> = within
            .iter()
            .filter(|run| {
                run.row["error"]
                    .as_str()
                    .is_some_and(|error| error.starts_with(word))
            })
            .collect();
        let message = format!("{word} after <n> s");
        let group = groups.iter().find(|group| group.message == message);
        let newest = of.iter().map(|run| run.start_us).max();
        let roots = of.iter().filter(|run| run.is_root).count() as u64;
        assert_eq!(
            group.map_or((0, 0), |group| (group.runs, group.roots)),
            (of.len() as u64, roots),
            "{message}"
        );
        let example = group.and_then(|group| group.example.as_ref()?.start_us);
        assert_eq!(example, newest, "the example is the newest");
    }
}

fn assert_slowest(
    place: &Place,
    (from_ms, to_ms): (i64, i64),
    filter: &TraceFilter,
    within: &[&Known],
) {
    let slowest = place.read(|snapshot| snapshot.trace_slowest(1, from_ms, to_ms, filter, 7));
    let mut latencies: Vec<i64> = within
        .iter()
        .filter(|run| run.status != "pending")
        .map(|run| run.latency_us)
        .collect();
    latencies.sort_unstable_by_key(|us| std::cmp::Reverse(*us));
    latencies.truncate(7);
    let found: Vec<i64> = slowest.iter().map(|run| run.latency_us.unwrap()).collect();
    assert_eq!(found, latencies);
}

#[tokio::test]
async fn pending_runs_come_before_abandoned_ones_and_one_run_with_all_that_is_known() {
    let place = place();
    let mut runs: Vec<Known> = (0..60).map(known).collect();
    for run in runs
        .iter_mut()
        .filter(|run| run.status == "pending")
        .step_by(3)
    {
        run.row["is_abandoned"] = true.into();
    }
    runs[0].row["inputs"] = json!({"question": "why"});
    runs[0].row["metadata"] = json!({"k": [1]});
    fill(&place, &runs).await;
    let all = TraceFilter::default();
    let pending = place.read(|snapshot| snapshot.trace_pending(1, &all, 100));
    let expected = runs.iter().filter(|run| run.status == "pending").count();
    assert!(expected > 3 && pending.len() == expected);
    let (abandoned, open): (Vec<_>, Vec<_>) = pending
        .iter()
        .partition(|run| run.is_abandoned == Some(true));
    assert!(!abandoned.is_empty() && pending[open.len()..].iter().eq(abandoned.iter().copied()));
    assert!(open.is_sorted_by_key(|run| run.start_us));
    assert!(abandoned.is_sorted_by_key(|run| std::cmp::Reverse(run.start_us)));
    let project = &place.read(|snapshot| snapshot.trace_projects())[0];
    assert_eq!(
        (project.stored_pending, project.stored_abandoned),
        (open.len() as u64, abandoned.len() as u64)
    );
    let llm = TraceFilter {
        run_type: Some("llm".into()),
        ..TraceFilter::default()
    };
    let of_llm = place.read(|snapshot| snapshot.trace_pending(1, &llm, 2));
    let expected = pending.iter().filter(|run| run.run_type == llm.run_type);
    assert!(of_llm.len() == 2 && of_llm.iter().eq(expected.take(2)));
    let detail = place.read(|snapshot| snapshot.trace_run("r0")).unwrap();
    assert_eq!(
        (&*detail.project_id, detail.run.start_us),
        ("p", Some(runs[0].start_us))
    );
    assert_eq!(
        detail.contents,
        [("inputs".to_owned(), json!({"question": "why"}))]
    );
    assert!(
        detail
            .fields
            .contains(&("metadata".to_owned(), json!({"k": [1]})))
    );
    assert!(place.read(|snapshot| snapshot.trace_run("none")).is_none());
}
