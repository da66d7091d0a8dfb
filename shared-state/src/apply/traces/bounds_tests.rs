//! Programs that put an id into every name, error or feedback key fill no table, and all stays counted.

use serde_json::{Value, json};

use super::recount_tests::{database, records};
use crate::apply::Applier;

/// A word for a number: digits would be replaced in errors.
fn word(n: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    [letter(n / 676), letter(n / 26), letter(n)]
        .iter()
        .collect()
}

#[test]
fn too_many_names_errors_and_keys_are_counted_together() {
    let connection = database();
    let mut applier = Applier::load(&connection, 1, 0).unwrap();
    let number = |sql: &str| -> i64 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    let run = |n: usize, status: &str| -> Value {
        json!({"run_id": format!("r{n}"), "project_id": "p", "name": format!("n{n}"), "run_type": "chain",
            "status": status, "error": format!("failed: {}", word(n)), "start_us": 5,
            "feedback": {format!("k{n}"): {"n": 1, "avg": 1}}})
    };
    let count = 10_200;
    for status in ["error", "success"] {
        let rows = (0..count).map(|n| run(n, status)).collect();
        applier.apply(&connection, &records(rows)).unwrap();
        applier.finish_batch(&connection).unwrap();
        // The first run of those beyond made the row that they share.
        assert_eq!(number("SELECT count(*) FROM trace_series"), 10_001);
        assert_eq!(number("SELECT count(*) FROM trace_error_groups"), 1_001);
        assert_eq!(number("SELECT count(*) FROM trace_feedback_keys"), 200);
        assert_eq!(
            number("SELECT sum(runs) FROM trace_days"),
            i64::try_from(count).unwrap()
        );
        let others = "SELECT runs FROM trace_days JOIN trace_series USING (series_no) WHERE name = '(other)'";
        assert_eq!(number(others), 200);
        let failed = "SELECT coalesce(sum(runs), 0) FROM trace_error_days";
        let expected = if status == "error" { count } else { 0 };
        assert_eq!(number(failed), i64::try_from(expected).unwrap());
    }
}
