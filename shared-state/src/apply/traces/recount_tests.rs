//! Whatever happens to runs, the roll-ups equal a recount of the rows.

use std::collections::BTreeMap;

use bigdecimal::BigDecimal;
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::normalise::normalise;
use crate::apply::Applier;
use crate::trace_rollup::{Feedback, Histogram, Rollup, feedback_from_json};
use crate::{Fact, RecordsBatch};

const DAY_US: i64 = 86_400_000_000;
const T0_US: i64 = 20_000 * DAY_US;

pub(super) fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    crate::schema::migrate(&mut connection).unwrap();
    connection
        .execute_batch(
            "INSERT INTO incarnations VALUES (1, 'h', 1, 1, 'v', 0, 0, NULL, NULL);
            INSERT INTO agents VALUES (1, 'a', 'json', '[]', '{}', 0, NULL);
            INSERT INTO instances (instance_id, agent_id, ordinal, name, goal, state, reason, since_ms)
                VALUES (1, 1, 0, 'a', 'up', 'STOPPED', '', 0)",
        )
        .unwrap();
    connection
}

/// Period length, project, period, type, name, model, root.
type SeriesKey = (i64, i64, i64, String, String, String, bool);
/// Period length, project, period, message.
type ErrorKey = (i64, i64, i64, String);

#[derive(Debug, Default, PartialEq)]
struct Counted {
    rollups: BTreeMap<SeriesKey, Rollup>,
    errors: BTreeMap<ErrorKey, (i64, i64)>,
}

/// One place that recounts everything, from the rows alone.
fn recount(connection: &Connection) -> Counted {
    let mut counted = Counted::default();
    let mut statement = connection.prepare("SELECT * FROM trace_runs").unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let text = |name: &str| row.get::<_, Option<String>>(name).unwrap();
        let integer = |name: &str| row.get::<_, Option<i64>>(name).unwrap();
        let Some(start_us) = integer("start_us") else {
            continue;
        };
        let project: i64 = row.get("project_no").unwrap();
        let (status, is_root) = (
            text("status").unwrap_or_default(),
            integer("is_root") == Some(1),
        );
        let mut one = Rollup {
            runs: 1,
            errors: i64::from(status == "error"),
            pending: i64::from(status == "pending"),
            ..Rollup::default()
        };
        let latency_us = integer("latency_us").or(integer("end_us").map(|end| end - start_us));
        if let Some(latency_us) =
            latency_us.filter(|us| *us >= 0 && (status == "success" || status == "error"))
        {
            one.latencies.count(latency_us.unsigned_abs(), 1);
        }
        if let Some(first_us) = integer("first_token_us").filter(|us| *us >= start_us) {
            one.first_tokens
                .count((first_us - start_us).unsigned_abs(), 1);
        }
        for (kind, name) in ["prompt", "completion", "total"].into_iter().enumerate() {
            if let Some(tokens) = integer(&format!("{name}_tokens")) {
                (one.tokens[kind].sum, one.tokens[kind].runs) = (tokens, 1);
            }
            if let Some(cost) = text(&format!("{name}_cost")) {
                (one.costs[kind].sum, one.costs[kind].runs) = (cost.parse().unwrap(), 1);
            }
        }
        let feedback: Map<String, Value> = text("feedback")
            .map(|text| serde_json::from_str(&text).unwrap())
            .unwrap_or_default();
        for (key, stat) in feedback {
            let n = stat["n"].as_i64().unwrap();
            let mean = stat["avg"]
                .as_f64()
                .map(|mean| mean.to_string().parse::<BigDecimal>().unwrap());
            let sum = mean.clone().unwrap_or_default() * n;
            let scored = if mean.is_some() { n } else { 0 };
            one.feedback.insert(
                key,
                Feedback {
                    count: n,
                    scored,
                    sum,
                },
            );
        }
        let told = |name: &str| text(name).unwrap_or_default();
        for length_ms in [60_000, 3_600_000, 86_400_000] {
            let period_ms = start_us.div_euclid(1_000).div_euclid(length_ms) * length_ms;
            let key = (
                length_ms,
                project,
                period_ms,
                told("run_type"),
                told("name"),
                told("model"),
                is_root,
            );
            counted.rollups.entry(key).or_default().add(&one);
            if status == "error" && length_ms > 60_000 {
                let key = (length_ms, project, period_ms, normalise(&told("error")));
                let errors = counted.errors.entry(key).or_default();
                *errors = (errors.0 + 1, errors.1 + i64::from(is_root));
            }
        }
    }
    counted
}

/// What the roll-ups hold.
fn stored(connection: &Connection) -> Counted {
    let mut counted = Counted::default();
    for (table, length_ms) in [
        ("minutes", 60_000),
        ("hours", 3_600_000),
        ("days", 86_400_000),
    ] {
        let sql = format!("SELECT * FROM trace_{table} JOIN trace_series s USING (series_no)");
        let mut statement = connection.prepare(&sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let integer = |name: &str| row.get::<_, Option<i64>>(name).unwrap();
            let histogram = |name: &str| {
                let blob: Option<Vec<u8>> = row.get(name).unwrap();
                blob.map_or_else(Histogram::default, |blob| Histogram::from_blob(&blob))
            };
            let mut rollup = Rollup {
                runs: row.get("runs").unwrap(),
                errors: row.get("errors").unwrap(),
                pending: row.get("pending").unwrap(),
                latencies: histogram("latencies"),
                first_tokens: histogram("first_tokens"),
                ..Rollup::default()
            };
            for (kind, name) in ["prompt", "completion", "total"].into_iter().enumerate() {
                rollup.tokens[kind].runs = integer(&format!("{name}_tokens_runs")).unwrap();
                let tokens = integer(&format!("{name}_tokens"));
                assert_eq!(
                    tokens.is_some(),
                    rollup.tokens[kind].runs > 0,
                    "nothing is made zero"
                );
                rollup.tokens[kind].sum = tokens.unwrap_or(0);
                rollup.costs[kind].runs = integer(&format!("{name}_cost_runs")).unwrap();
                let cost: Option<String> = row.get(&*format!("{name}_cost")).unwrap();
                assert_eq!(
                    cost.is_some(),
                    rollup.costs[kind].runs > 0,
                    "nothing is made zero"
                );
                rollup.costs[kind].sum = cost.map(|cost| cost.parse().unwrap()).unwrap_or_default();
            }
            if let Some(feedback) = row.get::<_, Option<String>>("feedback").unwrap() {
                rollup.feedback = feedback_from_json(&feedback);
            }
            let key = (
                length_ms,
                row.get("project_no").unwrap(),
                row.get("period_ms").unwrap(),
                row.get("run_type").unwrap(),
                row.get("name").unwrap(),
                row.get("model").unwrap(),
                row.get("is_root").unwrap(),
            );
            counted.rollups.insert(key, rollup);
        }
    }
    for (table, length_ms) in [("hours", 3_600_000), ("days", 86_400_000)] {
        let sql = format!(
            "SELECT e.project_no, period_ms, message, runs, roots FROM trace_error_{table} e JOIN trace_error_groups USING (group_no)"
        );
        let mut statement = connection.prepare(&sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let key = (
                length_ms,
                row.get(0).unwrap(),
                row.get(1).unwrap(),
                row.get(2).unwrap(),
            );
            counted
                .errors
                .insert(key, (row.get(3).unwrap(), row.get(4).unwrap()));
        }
    }
    counted
}

#[derive(Clone, Debug)]
enum Act {
    /// Runs in one message.
    Send(Vec<Value>),
    /// The same, but the transaction is rolled back.
    Lose(Vec<Value>),
    /// Ends a transaction of several messages.
    Commit,
    /// The program starts anew.
    Restart,
}

fn run() -> impl Strategy<Value = Value> {
    let one_of = |values: Vec<Value>| prop::sample::select(values);
    let time = prop_oneof![
        Just(Value::Null),
        (0..3 * DAY_US).prop_map(|us| json!(T0_US + us)),
        (0..200_000_000_i64).prop_map(|us| json!(T0_US + us)),
    ];
    let cost = one_of(vec![
        json!(null),
        json!("0.10"),
        json!("0.000012345678901234567"),
        json!(0.25),
        json!("-1"),
    ]);
    let feedback = one_of(vec![
        json!(null),
        json!({}),
        json!({"good": {"n": 3, "avg": 0.1}}),
        json!({"good": {"n": 1, "avg": 1}, "note": {"n": 2, "avg": null}}),
    ]);
    let error = one_of(vec![
        json!(null),
        json!("failed after 3s"),
        json!("failed after 12s"),
        json!("KeyError('x')"),
    ]);
    let word = |words: &[&str]| {
        one_of(
            words
                .iter()
                .map(|word| match word.is_empty() {
                    true => Value::Null,
                    false => json!(word),
                })
                .collect(),
        )
    };
    (
        (0..6_u8, 0..2_u8, word(&["", "a", "b"]), word(&["llm", "chain", ""]), word(&["", "m1", "m2"])),
        (word(&["", "pending", "success", "error"]), any::<Option<bool>>()),
        (time.clone(), time.clone(), time, (-5..50_000_000_i64).prop_map(|us| json!(us))),
        (cost.clone(), cost, feedback, error),
        (any::<Option<u16>>(), any::<Option<u16>>()),
    )
        .prop_map(|((id, project, name, run_type, model), (status, root), (start, end, first, latency), (a, b, feedback, error), (tokens, more))| {
            json!({"run_id": format!("r{id}"), "project_id": format!("p{project}"), "name": name, "run_type": run_type,
                "model": model, "status": status, "is_root": root, "start_us": start, "end_us": end, "first_token_us": first,
                "latency_us": if tokens.is_some() { latency } else { Value::Null }, "prompt_cost": a, "total_cost": b,
                "feedback": feedback, "error": error, "prompt_tokens": tokens, "total_tokens": more})
        })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => prop::collection::vec(run(), 1..5).prop_map(Act::Send),
        1 => prop::collection::vec(run(), 1..5).prop_map(Act::Lose),
        2 => Just(Act::Commit),
        1 => Just(Act::Restart),
    ]
}

pub(super) fn records(rows: Vec<Value>) -> Fact {
    Fact::Records(RecordsBatch {
        instance_id: 1,
        kind: "langsmith_run".into(),
        rows: RecordsBatch::written(rows),
        cursor: None,
        ts_ms: 5,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn roll_ups_equal_a_recount_after_any_history(acts in prop::collection::vec(act(), 1..25)) {
        let connection = database();
        let mut applier = Applier::load(&connection, 1, 0).unwrap();
        for act in acts {
            match act {
                Act::Send(rows) => applier.apply(&connection, &records(rows)).unwrap(),
                Act::Lose(rows) => {
                    applier.finish_batch(&connection).unwrap();
                    connection.execute_batch("SAVEPOINT lost").unwrap();
                    applier.apply(&connection, &records(rows)).unwrap();
                    applier.finish_batch(&connection).unwrap();
                    connection.execute_batch("ROLLBACK TO lost; RELEASE lost").unwrap();
                    applier.forget_uncommitted(&connection);
                }
                Act::Commit => applier.finish_batch(&connection).unwrap(),
                Act::Restart => {
                    applier.finish_batch(&connection).unwrap();
                    applier = Applier::load(&connection, 1, 0).unwrap();
                }
            }
        }
        applier.finish_batch(&connection).unwrap();
        prop_assert_eq!(stored(&connection), recount(&connection));
    }
}
