//! The answer to `POST /api/v1/runs/query` and `/runs/query`: the older, deprecated query with its own names and limits.
//! It does not judge whether a client should have relied on them.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::faults::refuse_selects;
use crate::filter::Filter;
use crate::question::{Question, Refused, bad};
use crate::run_store::us;
use crate::runs_query::{repeat_last_row, rows_max, texts};
use crate::shown::{shown, without_zone};
use crate::world::World;
use crate::{json_response, problem};

/// What is selected where nothing is: nearly everything.
const SELECTED: [&str; 28] = [
    "id",
    "name",
    "run_type",
    "start_time",
    "end_time",
    "status",
    "error",
    "extra",
    "events",
    "inputs",
    "outputs",
    "parent_run_id",
    "session_id",
    "serialized",
    "total_tokens",
    "prompt_tokens",
    "completion_tokens",
    "total_cost",
    "prompt_cost",
    "completion_cost",
    "first_token_time",
    "trace_id",
    "dotted_order",
    "feedback_stats",
    "parent_run_ids",
    "tags",
    "in_dataset",
    "app_path",
];

/// Answers a query, or fails as often as the test wants.
pub(crate) fn answer(world: &mut World, body: &[u8]) -> Response {
    if world.counts_a_failure() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "busy");
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(refusal) = refuse_selects(world, &body, "select") {
        return refusal;
    }
    match read(world, &body) {
        Ok(answer) => json_response(StatusCode::OK, &answer),
        Err((status, detail)) => problem(status, &detail),
    }
}

fn read(world: &mut World, body: &Value) -> Result<Value, Refused> {
    let mut asked = body.clone();
    let fields = asked
        .as_object_mut()
        .ok_or_else(|| bad("the body is not an object"))?;
    let cursor = fields.remove("cursor").filter(|cursor| !cursor.is_null());
    let mut question = understand(world, &asked)?;
    question.rows_max = rows_max(&asked, "limit", 100)?;
    question.place = world.place_of(cursor.as_ref(), &asked)?;
    let mut found = question.find(world)?;
    let next = found
        .next
        .map(|place| world.give_cursor(asked.clone(), place));
    repeat_last_row(
        world,
        &mut found.runs,
        next.is_some(),
        question.place.is_some(),
    );
    let selects = texts(&asked, "select");
    let selects = selects.unwrap_or_else(|| SELECTED.map(str::to_owned).to_vec());
    let rows = found.runs.iter().map(|at| {
        let run = older(&shown(&world.runs, *at, world.queries, true));
        let named = selects
            .iter()
            .map(|name| (name.clone(), run[name.as_str()].clone()))
            .filter(|(_, value)| !(world.leaves_out_nulls && value.is_null()));
        Value::Object(named.collect::<Map<_, _>>())
    });
    let rows: Vec<Value> = rows.collect();
    if world.leaves_out_cursors {
        return Ok(json!({"runs": rows}));
    }
    Ok(json!({"runs": rows, "cursors": {"next": next, "prev": null}, "parsed_query": null}))
}

/// The query with its defaults; also used by `runs/stats`, which asks in the same way.
pub(crate) fn understand(world: &World, body: &Value) -> Result<Question, Refused> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let projects = texts(body, "session").unwrap_or_default();
    let ids = texts(body, "id");
    if let Some(ids) = ids {
        // Everything else is ignored, as on the real server.
        let projects = world.projects.iter().map(|(_, id)| id.clone()).collect();
        return Ok(Question {
            projects,
            ids: Some(ids),
            span_us: (i64::MIN, i64::MAX),
            ..Question::default()
        });
    }
    if projects.is_empty() && text("trace").is_none() {
        return Err(bad("one of session, id, trace is required"));
    }
    if !projects.iter().all(|id| world.has_project(id)) {
        return Err((StatusCode::NOT_FOUND, "session not found".into()));
    }
    let from_us = match body.get("start_time").filter(|time| !time.is_null()) {
        None => i64::MIN,
        Some(time) => us(time).ok_or_else(|| bad("start_time"))?,
    };
    let filter = text("filter").as_deref().map(Filter::parse).transpose();
    Ok(Question {
        projects,
        span_us: (from_us, i64::MAX),
        filter: filter.map_err(bad)?,
        is_root: body.get("is_root").and_then(Value::as_bool),
        has_error: body.get("error").and_then(Value::as_bool),
        run_type: text("run_type"),
        trace_id: text("trace"),
        ..Question::default()
    })
}

/// A run in the names and forms of version 1.
fn older(run: &Value) -> Value {
    let mut older = run.clone();
    for name in ["run_type", "status"] {
        older[name] = run[name].as_str().map(str::to_lowercase).into();
    }
    for name in [
        "start_time",
        "end_time",
        "first_token_time",
        "last_queued_at",
    ] {
        older[name] = without_zone(&run[name]);
    }
    for name in [
        "prompt_token_details",
        "completion_token_details",
        "prompt_cost_details",
        "completion_cost_details",
    ] {
        older[name] = run[name]["raw"].clone();
    }
    older["session_id"] = run["project_id"].clone();
    older["in_dataset"] = run["is_in_dataset"].clone();
    older["serialized"] = run["manifest"].clone();
    let files = run["attachments"].as_object();
    older["s3_urls"] = files.map_or(Value::Null, |files| {
        let stored = |(name, url): (&String, &Value)| {
            (format!("attachment.{name}"), json!({"presigned_url": url}))
        };
        Value::Object(files.iter().map(stored).collect())
    });
    older["parent_run_id"] = run["parent_run_ids"]
        .as_array()
        .and_then(|ids| ids.last().cloned())
        .into();
    let mut extra = run["extra"].as_object().cloned().unwrap_or_default();
    if !run["metadata"].is_null() {
        extra.insert("metadata".into(), run["metadata"].clone());
    }
    older["extra"] = Value::Object(extra);
    let gone = [
        "project_id",
        "is_in_dataset",
        "manifest",
        "metadata",
        "is_root",
        "latency_seconds",
        "share_url",
        "attachments",
    ];
    let fields = older.as_object_mut().expect("a run is an object");
    gone.iter().for_each(|name| drop(fields.remove(*name)));
    older
}
