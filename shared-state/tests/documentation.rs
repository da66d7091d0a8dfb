//! docs/schema.md names every table and column, and its queries run.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::collections::BTreeMap;

const DOCUMENT: &str = include_str!("../../docs/schema.md");

fn database() -> rusqlite::Connection {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection
        .execute_batch(&shared_state::schema_sql())
        .unwrap();
    connection
}

fn tables(connection: &rusqlite::Connection) -> BTreeMap<String, Vec<String>> {
    let mut statement = connection
        .prepare("SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'")
        .unwrap();
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap)
        .for_each(|(table, column)| tables.entry(table).or_default().push(column));
    tables
}

/// The names in backticks in the first cells of a section's table.
fn documented() -> BTreeMap<String, Vec<String>> {
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut section = None;
    for line in DOCUMENT.lines() {
        if line.starts_with("## ") {
            section = None;
        } else if let Some(name) = line.strip_prefix("### `") {
            section = Some(name.trim_end_matches('`').to_owned());
        } else if let (Some(section), true) = (&section, line.starts_with("| `")) {
            let cell = line.trim_start_matches('|').split(" | ").next().unwrap();
            let names = cell.split('`').skip(1).step_by(2).map(str::to_owned);
            sections.entry(section.clone()).or_default().extend(names);
        }
    }
    sections
}

#[test]
fn every_table_and_column_is_documented_and_nothing_else() {
    let sorted = |mut tables: BTreeMap<String, Vec<String>>| {
        tables.values_mut().for_each(|columns| columns.sort());
        tables
    };
    assert_eq!(sorted(documented()), sorted(tables(&database())));
}

#[test]
fn every_example_query_runs() {
    let connection = database();
    let queries: Vec<_> = DOCUMENT
        .split("```sql\n")
        .skip(1)
        .map(|part| part.split("```").next().unwrap())
        .collect();
    assert!(queries.len() >= 4);
    for query in queries {
        let mut statement = connection
            .prepare(query)
            .unwrap_or_else(|error| panic!("{error}\n{query}"));
        assert!(statement.raw_query().next().unwrap().is_none());
    }
}
