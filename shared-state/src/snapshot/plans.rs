//! No question of a reader walks through a table that grows: each large table is entered by a key.

use rusqlite::Connection;

/// Tables that may be read whole: their size is that of the fleet, not of its history.
const SMALL: [&str; 8] = [
    "agents",
    "instances",
    "i",
    "h",
    "s",
    "counters",
    "series",
    "state",
];
/// Walks that end at their limit: newest first along the table's own order or an index that holds the order.
const LIMITED: [(&str, &str); 8] = [
    ("PROJECTS", "SCAN p"),
    // Runs without an end, counted up to a bound.
    ("PROJECTS", "SCAN (subquery-"),
    // The list of one run, and what the query itself has cut before.
    ("PARENTS", "SCAN above VIRTUAL TABLE"),
    ("CHILDREN", "SCAN beside"),
    ("EVENTS", "SCAN e"),
    ("INCARNATION", "SCAN incarnations"),
    ("ALERTS", "SCAN a USING INDEX alerts_by_time"),
    ("ALERTS_FIRING", "SCAN a USING INDEX alerts_firing"),
];

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let rows = statement
        .raw_query()
        .mapped(|row| row.get(3))
        .collect::<Result<Vec<String>, _>>();
    rows.unwrap()
}

#[test]
fn no_question_scans_a_table_that_grows() {
    let mut connection = Connection::open_in_memory().unwrap();
    crate::schema::migrate(&mut connection).unwrap();
    let queries = super::queries();
    assert!(queries.len() > 20);
    for (name, sql) in queries {
        for step in plan(&connection, sql) {
            let Some(scanned) = step.strip_prefix("SCAN ") else {
                continue;
            };
            let table = scanned.split(' ').next().unwrap();
            let allowed = SMALL.contains(&table)
                || scanned == "CONSTANT ROW"
                || LIMITED
                    .iter()
                    .any(|(of, walk)| *of == name && step.starts_with(walk));
            assert!(allowed, "{name}: {step}\n{sql}");
        }
    }
}

#[test]
fn heartbeats_are_only_read_by_a_range_of_ids() {
    let mut connection = Connection::open_in_memory().unwrap();
    crate::schema::migrate(&mut connection).unwrap();
    for (name, sql) in super::queries() {
        let steps: Vec<_> = plan(&connection, sql)
            .into_iter()
            .filter(|step| step.contains(" heartbeats"))
            .collect();
        for step in steps {
            assert!(
                step.starts_with("SEARCH heartbeats USING INTEGER PRIMARY KEY"),
                "{name}: {step}"
            );
        }
    }
}
