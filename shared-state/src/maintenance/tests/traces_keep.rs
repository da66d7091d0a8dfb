//! Retention of LangSmith runs: runs go, what they were counted in stays as long as it should, and nothing is counted twice.

use serde_json::{Value, json};

use super::*;
use crate::RecordsBatch;

fn send(connection: &Connection, applier: &mut Applier, rows: Vec<Value>) {
    let batch = RecordsBatch {
        instance_id: 1,
        kind: "langsmith_run".into(),
        rows: RecordsBatch::written(rows),
        cursor: None,
        ts_ms: T0,
    };
    apply(connection, applier, Fact::Records(batch));
}

fn run_at(n: i64, start_ms: TimeMs) -> Value {
    json!({"run_id": format!("r{n}"), "project_id": "p", "name": "n", "status": "error", "is_root": true,
        "start_us": start_ms * 1_000, "end_us": start_ms * 1_000 + 9, "error": "bad", "inputs": {"n": n}})
}

fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn counts(connection: &Connection) -> [i64; 6] {
    [
        "SELECT count(*) FROM trace_runs",
        "SELECT count(*) FROM trace_run_contents",
        "SELECT coalesce(sum(runs), 0) FROM trace_minutes",
        "SELECT coalesce(sum(runs), 0) FROM trace_hours",
        "SELECT coalesce(sum(runs), 0) FROM trace_days",
        "SELECT coalesce(sum(runs), 0) FROM trace_error_days",
    ]
    .map(|sql| number(connection, sql))
}

#[test]
fn runs_that_are_removed_stay_counted_and_are_not_counted_again() {
    let connection = database();
    connection
        .pragma_update(None, "foreign_keys", true)
        .unwrap();
    let mut applier = Applier::load(&connection, 1, T0).unwrap();
    let keep = Retention {
        trace_runs: 30 * DAY,
        ..Retention::default()
    };
    let rows: Vec<Value> = (0..1_200).map(|n| run_at(n, T0 + n * HOUR_MS)).collect();
    send(&connection, &mut applier, rows.clone());
    assert_eq!(counts(&connection), [1_200; 6]);
    // The newest is a day old; the 50 days before it are there.
    let now_ms = T0 + 1_200 * HOUR_MS + DAY_MS;
    run_all(&connection, &mut applier, &keep, now_ms);
    let (runs, minutes) = (29 * 24, 13 * 24);
    let kept = [runs, runs, minutes, 1_200, 1_200, 1_200];
    assert_eq!(counts(&connection), kept);
    // All of it is sent again, before and after a restart.
    send(&connection, &mut applier, rows.clone());
    let mut applier = Applier::load(&connection, 1, T0).unwrap();
    send(&connection, &mut applier, rows);
    assert_eq!(counts(&connection), kept);
    let too_old = "SELECT value FROM counters WHERE name = 'runs_too_old' AND instance_id = 1";
    assert_eq!(number(&connection, too_old), 2 * (1_200 - runs));
}

#[test]
fn a_change_of_a_run_is_not_taken_from_minutes_that_are_gone() {
    let connection = database();
    let mut applier = Applier::load(&connection, 1, T0).unwrap();
    send(
        &connection,
        &mut applier,
        vec![run_at(1, T0), run_at(2, T0)],
    );
    let keep = Retention::default();
    run_all(&connection, &mut applier, &keep, T0 + 20 * DAY_MS);
    assert_eq!(counts(&connection), [2, 2, 0, 2, 2, 2]);
    let later = json!({"run_id": "r1", "project_id": "p", "status": "success", "start_us": (T0 + 19 * DAY_MS) * 1_000});
    send(&connection, &mut applier, vec![later]);
    assert_eq!(counts(&connection), [2, 2, 1, 2, 2, 1]);
}

#[test]
fn everything_goes_in_the_end_but_the_project() {
    let connection = database();
    let mut applier = Applier::load(&connection, 1, T0).unwrap();
    let rows = (0..3_000).map(|n| run_at(n, T0 + n * 60_000)).collect();
    send(&connection, &mut applier, rows);
    let keep = Retention::default();
    run_all(&connection, &mut applier, &keep, T0 + 410 * DAY_MS);
    assert_eq!(counts(&connection), [0; 6]);
    for table in ["trace_series", "trace_error_groups", "trace_error_hours"] {
        assert_eq!(
            number(&connection, &format!("SELECT count(*) FROM {table}")),
            0,
            "{table}"
        );
    }
    // Numbers that were remembered are not used any more.
    send(
        &connection,
        &mut applier,
        vec![run_at(1, T0 + 409 * DAY_MS)],
    );
    let joined = "SELECT count(*) FROM trace_days JOIN trace_series USING (series_no)";
    assert_eq!(number(&connection, joined), 1);
    assert_eq!(
        number(&connection, "SELECT count(*) FROM trace_projects"),
        1
    );
}
