//! What a run has to be in the database, computed from the server's truth and apart from the bridge.
//! It answers no requests.

use serde_json::{Map, Value, json};

use crate::run_store::{TrueRun, us};
use crate::shown::shown;
use crate::world::World;

/// Columns that hold a field as it is.
const SAME: [&str; 16] = [
    "trace_id",
    "parent_run_ids",
    "dotted_order",
    "name",
    "is_root",
    "error",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "price_model_id",
    "metadata",
    "tags",
    "thread_id",
    "reference_example_id",
    "reference_dataset_id",
    "app_path",
];

/// Columns of times, and the fields they come from.
const TIMES: [(&str, &str); 5] = [
    ("start_us", "start_time"),
    ("end_us", "end_time"),
    ("first_token_us", "first_token_time"),
    ("last_queued_us", "last_queued_at"),
    ("thread_evaluation_us", "thread_evaluation_time"),
];

/// What `run` is in the database once it is read for the last time, computed apart from the bridge.
///
/// Contents (inputs, outputs and such) are not among it: they are not read unless a user wants them.
pub fn expected_row(world: &World, run: &TrueRun) -> Value {
    let id = run.fields["id"].as_str().unwrap_or_default();
    let at = world.runs.find(id).expect("the run is one of the world's");
    let fields = shown(&world.runs, at, world.queries, true);
    let mut row = Map::new();
    let mut put = |column: &str, value: Value| {
        if !value.is_null() {
            row.insert(column.to_owned(), value);
        }
    };
    for same in SAME {
        put(same, fields[same].clone());
    }
    let project = (world.projects.iter()).find(|(_, id)| *id == fields["project_id"]);
    put("run_id", fields["id"].clone());
    put("project_id", fields["project_id"].clone());
    put("project", json!(project.map(|(name, _)| name)));
    put("feedback", fields["feedback_stats"].clone());
    let parents = fields["parent_run_ids"].as_array();
    put(
        "parent_run_id",
        parents.and_then(|ids| ids.last().cloned()).into(),
    );
    put("is_in_dataset", fields["is_in_dataset"].clone());
    put("is_abandoned", false.into());
    put("ls_user_id", fields["ls_user_id"].clone());
    for lower in ["run_type", "status"] {
        put(lower, fields[lower].as_str().map(str::to_lowercase).into());
    }
    for (column, field) in TIMES {
        put(column, us(&fields[field]).into());
    }
    let seconds = fields["latency_seconds"].as_f64();
    put(
        "latency_us",
        seconds.map(|seconds| (seconds * 1e6).round() as i64).into(),
    );
    for cost in ["prompt_cost", "completion_cost", "total_cost"] {
        put(cost, amount(&fields[cost]));
    }
    for details in ["prompt_token_details", "completion_token_details"] {
        put(details, fields[details]["raw"].clone());
    }
    for details in ["prompt_cost_details", "completion_cost_details"] {
        let amounts = fields[details]["raw"].as_object();
        let amounts =
            amounts.map(|raw| raw.iter().map(|(name, cost)| (name.clone(), amount(cost))));
        put(
            details,
            amounts.map_or(Value::Null, |amounts| Value::Object(amounts.collect())),
        );
    }
    put("model", fields["metadata"]["ls_model_name"].clone());
    put("provider", fields["metadata"]["ls_provider"].clone());
    Value::Object(row)
}

/// An amount as decimal text.
fn amount(value: &Value) -> Value {
    let text = value.as_str().map(str::to_owned);
    text.or_else(|| value.as_f64().map(decimal)).into()
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
