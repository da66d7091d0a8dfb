//! A run that a client wrote, as version 2 of the API shows it.
//! It reads no requests and keeps nothing.

use serde_json::{Map, Value, json};
use trace_collector::{Contents, Refusal, RunRow, SentRun, read_run};

use crate::run_store::TrueRun;
use crate::world::time_us;

/// The run and the name of its project.
pub(crate) fn as_run(
    sent: &SentRun<'_>,
    feedback: Option<Map<String, Value>>,
    files: Value,
) -> Result<(String, TrueRun), Refusal> {
    let contents = Contents {
        inputs: true,
        outputs: true,
        events: true,
        extra: true,
        manifest: true,
        attachments: false,
    };
    let row = read_run(sent, &contents)?;
    let project = row.project.clone().unwrap_or_default();
    let feedback_us = feedback
        .is_some()
        .then(|| jiff::Timestamp::now().as_microsecond());
    let mut fields = show(row, feedback);
    fields["attachments"] = files;
    Ok((
        project,
        TrueRun {
            fields,
            feedback_us,
            has_own_costs: true,
            ..TrueRun::default()
        },
    ))
}

fn show(row: RunRow, feedback: Option<Map<String, Value>>) -> Value {
    let upper = |text: &Option<String>| text.as_ref().map(|text| text.to_uppercase());
    let time = |us: Option<i64>| us.map(time_us);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53 microseconds")]
    let seconds = row.latency_us.map(|us| us as f64 / 1e6);
    let raw = |details: &Option<Map<String, Value>>| {
        details
            .as_ref()
            .map(|details| json!({"raw": numbers(details)}))
    };
    json!({
        "id": row.run_id, "project_id": row.project_id, "name": row.name, "run_type": upper(&row.run_type),
        "status": upper(&row.status), "start_time": time(row.start_us), "end_time": time(row.end_us), "latency_seconds": seconds,
        "first_token_time": time(row.first_token_us), "error": row.error, "extra": row.extra, "metadata": row.metadata,
        "events": row.events, "inputs": row.inputs, "outputs": row.outputs, "manifest": row.manifest,
        "parent_run_ids": row.parent_run_ids, "trace_id": row.trace_id, "thread_id": row.thread_id,
        "dotted_order": row.dotted_order, "is_root": row.is_root, "reference_example_id": row.reference_example_id,
        "total_tokens": row.total_tokens, "prompt_tokens": row.prompt_tokens, "completion_tokens": row.completion_tokens,
        "total_cost": number(row.total_cost.as_deref()), "prompt_cost": number(row.prompt_cost.as_deref()),
        "completion_cost": number(row.completion_cost.as_deref()), "prompt_token_details": raw(&row.prompt_token_details),
        "completion_token_details": raw(&row.completion_token_details), "prompt_cost_details": raw(&row.prompt_cost_details),
        "completion_cost_details": raw(&row.completion_cost_details), "tags": row.tags, "feedback_stats": feedback,
        "is_in_dataset": false, "app_path": format!("/runs/{}", row.run_id),
    })
}

/// Version 2 shows amounts as numbers.
fn number(decimal: Option<&str>) -> Value {
    decimal.map_or(Value::Null, |text| {
        serde_json::from_str(text).unwrap_or_default()
    })
}

fn numbers(details: &Map<String, Value>) -> Map<String, Value> {
    let amount = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.clone(), |text| number(Some(text)))
    };
    details
        .iter()
        .map(|(category, value)| (category.clone(), amount(value)))
        .collect()
}
