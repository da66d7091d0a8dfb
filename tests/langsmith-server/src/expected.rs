//! What a run has to be in the database, computed from the server's truth and apart from the bridge.
//! It answers no requests.

use serde_json::{Map, Value};

use super::runs_query::{shown, us};
use super::world::{TrueRun, World};

/// What `run` is in the database once it is read for the last time, computed apart from the bridge.
pub fn expected_row(world: &World, run: &TrueRun) -> Value {
    let fields = shown(world, run, true);
    let mut row = Map::new();
    let mut put = |column: &str, value: Value| {
        if !value.is_null() {
            row.insert(column.to_owned(), value);
        }
    };
    for same in [
        "project_id",
        "trace_id",
        "name",
        "is_root",
        "error",
        "metadata",
        "tags",
        "thread_id",
    ] {
        put(same, fields[same].clone());
    }
    for same in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        put(same, fields[same].clone());
    }
    put("run_id", fields["id"].clone());
    put("project", "default".into());
    put("feedback", fields["feedback_stats"].clone());
    put(
        "parent_run_id",
        fields["parent_run_ids"]
            .as_array()
            .and_then(|ids| ids.last().cloned())
            .unwrap_or_default(),
    );
    for (column, field) in [("run_type", "run_type"), ("status", "status")] {
        put(column, fields[field].as_str().map(str::to_lowercase).into());
    }
    for (column, field) in [
        ("start_us", "start_time"),
        ("end_us", "end_time"),
        ("first_token_us", "first_token_time"),
    ] {
        put(column, fields[field].as_str().and_then(us).into());
    }
    put(
        "latency_us",
        fields["latency_seconds"]
            .as_f64()
            .map(|seconds| (seconds * 1e6).round() as i64)
            .into(),
    );
    for cost in ["prompt_cost", "completion_cost", "total_cost"] {
        put(
            cost,
            fields[cost]
                .as_str()
                .map(str::to_owned)
                .or_else(|| fields[cost].as_f64().map(decimal))
                .into(),
        );
    }
    put("model", fields["metadata"]["ls_model_name"].clone());
    put("provider", fields["metadata"]["ls_provider"].clone());
    Value::Object(row)
}

/// Rust writes the shortest decimal without an exponent, which is what the server's JSON holds as digits.
fn decimal(number: f64) -> String {
    let text = number.to_string();
    if number == 0.0 {
        "0.0".to_owned()
    } else {
        text
    }
}
