//! Reads runs as they are stored, with their project and contents, every column as the JSON value that it stands for.
//! It shares no code with the crate that wrote them.

use std::collections::BTreeMap;

use end_to_end::Database;
use serde_json::{Map, Value};

/// Columns that hold JSON.
const JSON: [&str; 14] = [
    "parent_run_ids",
    "prompt_token_details",
    "completion_token_details",
    "prompt_cost_details",
    "completion_cost_details",
    "tags",
    "metadata",
    "feedback",
    "inputs",
    "outputs",
    "events",
    "extra",
    "manifest",
    "attachments",
];

/// Columns that say who stored a run and when, not what it is; so do those that end in `_no`, the database's own numbers.
const OWN: [&str; 4] = ["writer_id", "received_ms", "updated_ms", "source"];

/// A stored run; columns that are NULL are left out.
pub(crate) type StoredRun = Map<String, Value>;

/// All runs by their id.
pub(crate) fn stored_runs(database: &Database) -> BTreeMap<String, StoredRun> {
    let sql = "SELECT r.*, p.project_id, p.name AS project, c.* FROM trace_runs r JOIN trace_projects p USING (project_no)
        LEFT JOIN trace_run_contents c USING (run_no)";
    let rows = database.try_rows(sql, [], |row| {
        let mut run = StoredRun::new();
        for (at, name) in row.as_ref().column_names().enumerate() {
            let value = match row.get_ref(at)? {
                rusqlite::types::ValueRef::Integer(integer) => integer.into(),
                rusqlite::types::ValueRef::Real(real) => real.into(),
                rusqlite::types::ValueRef::Text(text) => text_value(name, text),
                rusqlite::types::ValueRef::Null | rusqlite::types::ValueRef::Blob(_) => continue,
            };
            if !OWN.contains(&name) && !name.ends_with("_no") {
                run.insert(name.to_owned(), value);
            }
        }
        Ok(run)
    });
    let by_id = |run: StoredRun| (run["run_id"].as_str().unwrap_or_default().to_owned(), run);
    rows.unwrap_or_default().into_iter().map(by_id).collect()
}

fn text_value(name: &str, text: &[u8]) -> Value {
    let text = String::from_utf8_lossy(text);
    if JSON.contains(&name) {
        return serde_json::from_str(&text).expect("a column of JSON holds JSON");
    }
    text.into_owned().into()
}

/// The fields in which two objects differ, with both values.
pub(crate) fn differences(left: &Map<String, Value>, right: &Map<String, Value>) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let of =
        |object: &Map<String, Value>, name: &String| object.get(name).cloned().unwrap_or_default();
    let differing = names
        .into_iter()
        .filter(|name| of(left, name) != of(right, name));
    differing
        .map(|name| format!("{name}: {} and {}", of(left, name), of(right, name)))
        .collect()
}
