//! The smaller answers: projects, statistics, traces, and what the server says of itself.
//! Runs have files of their own.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::contract::query_pairs;
use crate::question::{Question, Refused, bad};
use crate::run_store::us;
use crate::runs_query::rows_max;
use crate::runs_query_v1::understand;
use crate::shown::shown;
use crate::world::World;
use crate::{json_response, problem};

/// `GET /api/v1/info`, which needs no key.
pub(crate) fn info(world: &World) -> Value {
    json!({
        "version": world.version,
        "batch_ingest_config": {"use_multipart_endpoint": true, "size_limit": 100, "size_limit_bytes": 20_971_520,
            "scale_up_qsize_trigger": 1000, "scale_up_nthreads_limit": 16, "scale_down_nempty_trigger": 4},
        "instance_flags": {"sdb_query_enabled": !world.only_v1, "ch_query_enabled": !world.only_v2,
            "zstd_compression_enabled": true},
    })
}

/// The projects that a query asks for, as the API lists them.
pub(crate) fn sessions(world: &World, query: Option<&str>) -> Vec<Value> {
    let pairs = query_pairs(query);
    let one = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let number = |name: &str| one(name).and_then(|text| text.parse::<usize>().ok());
    let limit = number("limit").or(number("page_size")).unwrap_or(100);
    let ids: Vec<&str> = (pairs.iter())
        .filter(|(key, _)| key == "id")
        .map(|(_, value)| value.as_str())
        .collect();
    let named = world.projects.iter().filter(|(name, id)| {
        let is_part = |part: &str| name.to_lowercase().contains(&part.to_lowercase());
        one("name").is_none_or(|wanted| wanted == name)
            && one("name_contains").is_none_or(is_part)
            && (ids.is_empty() || ids.contains(&id.as_str()))
    });
    let page = named.skip(number("offset").unwrap_or(0)).take(limit);
    page.map(|(name, id)| {
        let run_count = (one("include_stats") == Some("true")).then(|| count(world, id));
        json!({"id": id, "tenant_id": world.tenant_id, "name": name, "run_count": run_count,
            "start_time": "2026-01-01T00:00:00", "trace_tier": "shortlived", "reference_dataset_id": null})
    })
    .collect()
}

fn count(world: &World, project: &str) -> usize {
    let everything = Question {
        projects: vec![project.to_owned()],
        span_us: (i64::MIN, i64::MAX),
        ..Question::default()
    };
    everything.count(world).unwrap_or(0)
}

/// `POST /api/v1/runs/stats`.
pub(crate) fn stats(world: &World, body: &[u8]) -> Response {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let counted = understand(world, &body).and_then(|question| question.count(world));
    match counted {
        Ok(run_count) => {
            let lost = world.stats_leave_out.min(run_count);
            json_response(StatusCode::OK, &json!({"run_count": run_count - lost}))
        }
        Err((status, detail)) => problem(status, &detail),
    }
}

/// `POST /api/v2/traces/query`: roots with the sums of their traces.
pub(crate) fn traces(world: &mut World, body: &[u8]) -> Response {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match read_traces(world, &body) {
        Ok(answer) => json_response(StatusCode::OK, &answer),
        Err((status, detail)) => problem(status, &detail),
    }
}

fn read_traces(world: &mut World, body: &Value) -> Result<Value, Refused> {
    let mut asked = body.clone();
    let cursor = asked
        .as_object_mut()
        .and_then(|fields| fields.remove("cursor"));
    let project = body["project_id"]
        .as_str()
        .ok_or_else(|| bad("project_id is required"))?;
    if !world.has_project(project) {
        return Err((StatusCode::NOT_FOUND, "session not found".into()));
    }
    let now_us = jiff::Timestamp::now().as_microsecond();
    let question = Question {
        projects: vec![project.to_owned()],
        span_us: (
            us(&body["min_start_time"]).unwrap_or(now_us - 86_400_000_000),
            us(&body["max_start_time"]).unwrap_or(now_us),
        ),
        is_root: Some(true),
        rows_max: if body.get("page_size").is_some() {
            rows_max(body, "page_size", 100)?
        } else {
            20
        },
        place: world.place_of(cursor.as_ref(), &asked)?,
        ..Question::default()
    };
    let found = question.find(world)?;
    let items: Vec<Value> = (found.runs.iter())
        .map(|at| {
            let whole = shown(&world.runs, *at, world.queries, true);
            json!({"root_run": shown(&world.runs, *at, world.queries, false), "trace_aggregates": {
                "total_tokens": whole["total_tokens"], "total_cost": whole["total_cost"],
                "first_token_time": whole["first_token_time"]}})
        })
        .collect();
    let next = found.next.map(|place| world.give_cursor(asked, place));
    Ok(json!({"items": items, "next_cursor": next}))
}
