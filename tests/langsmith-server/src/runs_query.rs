//! The answer to `POST /api/v2/runs/query`, with the defaults and limits that the documentation gives.
//! It does not judge whether a client should have relied on them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::faults::refuse_selects;
use crate::filter::Filter;
use crate::question::{Found, Question, Refused, bad};
use crate::run_store::us;
use crate::shown::{select, shown};
use crate::world::World;
use crate::{problem, text_response};

const DAY_US: i64 = 86_400_000_000;

/// Answers a query, or fails as often as the test wants.
pub(crate) fn answer(world: &mut World, body: &[u8]) -> Response {
    if world.counts_a_failure() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "busy");
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(refusal) = refuse_selects(world, &body, "selects") {
        return refusal;
    }
    match read(world, &body) {
        Ok(answer) => text_response(StatusCode::OK, "application/json", answer),
        Err((status, detail)) => problem(status, &detail),
    }
}

fn read(world: &mut World, body: &Value) -> Result<String, Refused> {
    let mut asked = body.clone();
    let fields = asked
        .as_object_mut()
        .ok_or_else(|| bad("the body is not an object"))?;
    let cursor = fields.remove("cursor").filter(|cursor| !cursor.is_null());
    let mut question = understand(world, &asked)?;
    question.place = world.place_of(cursor.as_ref(), &asked)?;
    let Found { mut runs, next } = question.find(world)?;
    let cursor = next.map(|place| world.give_cursor(asked.clone(), place));
    repeat_last_row(world, &mut runs, cursor.is_some(), question.place.is_some());
    let selects = texts(&asked, "selects").unwrap_or_else(|| vec!["ID".into()]);
    let selects: Vec<String> = selects.iter().map(|name| name.to_lowercase()).collect();
    let with_subtree = asked["include_subtree_usage"] == true;
    let mut hasher = DefaultHasher::new();
    (
        &selects,
        with_subtree,
        world.naive_times,
        world.leaves_out_nulls,
    )
        .hash(&mut hasher);
    let written = hasher.finish();
    let mut answer = String::from(r#"{"items":["#);
    for (n, at) in runs.into_iter().enumerate() {
        answer.push_str(if n == 0 { "" } else { "," });
        answer.push_str(&write(world, at, &selects, with_subtree, written));
    }
    answer.push_str(&format!(r#"],"next_cursor":{}}}"#, json!(cursor)));
    Ok(answer)
}

/// One run in JSON; what was written before is taken again, so that a large answer costs little.
fn write(
    world: &mut World,
    at: usize,
    selects: &[String],
    with_subtree: bool,
    asked: u64,
) -> Arc<str> {
    if let Some((key, text)) = &world.runs.slot(at).written
        && *key == asked
    {
        return Arc::clone(text);
    }
    let run = shown(&world.runs, at, world.queries, with_subtree);
    let text: Arc<str> = Value::Object(select(&run, selects, world))
        .to_string()
        .into();
    if world.runs.is_steady(at) {
        world.runs.note_written(at, asked, Arc::clone(&text));
    }
    text
}

/// The query with its defaults.
fn understand(world: &World, body: &Value) -> Result<Question, Refused> {
    let projects = texts(body, "project_ids").filter(|ids| !ids.is_empty());
    let projects = projects.ok_or_else(|| bad("project_ids is required"))?;
    if !projects.iter().all(|id| world.has_project(id)) {
        return Err((StatusCode::NOT_FOUND, "session not found".into()));
    }
    let now_us = jiff::Timestamp::now().as_microsecond();
    let time = |name: &str| match body.get(name) {
        None => Ok(None),
        Some(value) => us(value).map(Some).ok_or_else(|| bad(name)),
    };
    let from_us = time("min_start_time")?.unwrap_or(now_us - DAY_US);
    let to_us = time("max_start_time")?.unwrap_or(now_us);
    if to_us - from_us > 401 * DAY_US || from_us > to_us {
        return Err(bad("the window is too long or ends before it begins"));
    }
    let feedback_us = (
        time("min_feedback_modified_at")?,
        time("max_feedback_modified_at")?,
    );
    let filter = body.get("filter").and_then(Value::as_str);
    let filter = filter.map(Filter::parse).transpose().map_err(bad)?;
    if filter.as_ref().is_some_and(Filter::mixes_feedback) {
        return Err(bad("or() must not mix run fields and feedback fields"));
    }
    let is_bounded = feedback_us.0.is_some() || feedback_us.1.is_some();
    if is_bounded && world.refuses_feedback_bounds {
        return Err(bad("min_feedback_modified_at: unknown field"));
    }
    if is_bounded && !filter.as_ref().is_some_and(Filter::is_about_feedback) {
        return Err(bad(
            "bounds on feedback times need a feedback condition in filter",
        ));
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Question {
        projects,
        span_us: (from_us, to_us),
        ids: texts(body, "ids"),
        filter,
        is_root: body.get("is_root").and_then(Value::as_bool),
        has_error: body.get("has_error").and_then(Value::as_bool),
        run_type: text("run_type"),
        trace_id: text("trace_id"),
        feedback_us,
        place: None,
        rows_max: rows_max(body, "page_size", 1000)?,
    })
}

/// How many rows a page may hold.
pub(crate) fn rows_max(body: &Value, name: &str, most: u64) -> Result<usize, Refused> {
    let asked = body.get(name).filter(|size| !size.is_null());
    let size = asked.map_or(Some(100.min(most)), Value::as_u64);
    let size = size.filter(|size| (1..=most).contains(size));
    let size = size.ok_or_else(|| bad(format!("Limit exceeds maximum allowed value of {most}")))?;
    Ok(usize::try_from(size).expect("a small number"))
}

/// A list of texts.
pub(crate) fn texts(body: &Value, name: &str) -> Option<Vec<String>> {
    let list = body.get(name)?.as_array()?;
    list.iter()
        .map(|text| Some(text.as_str()?.to_owned()))
        .collect()
}

/// New runs that arrive while a client pages push the last row of a page to the top of the next: the same row twice.
pub(crate) fn repeat_last_row(
    world: &mut World,
    runs: &mut Vec<usize>,
    has_next: bool,
    is_later_page: bool,
) {
    if !world.repeats_rows {
        return;
    }
    if let Some(repeated) = world.last_row.take().filter(|_| is_later_page) {
        runs.insert(0, repeated);
    }
    world.last_row = runs.last().copied().filter(|_| has_next);
}
