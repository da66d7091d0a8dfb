//! The answer to `POST /api/v2/runs/query`, with the defaults and limits that the documentation gives.
//! It does not judge whether a client should have relied on them.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::world::{TrueRun, World};
use super::{json_response, problem};

const DAY_MS: i64 = 86_400_000;

pub(super) fn answer(world: &mut World, body: &[u8]) -> Response {
    world.queries += 1;
    if world
        .fails_every
        .is_some_and(|n| world.queries.is_multiple_of(n))
    {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "busy");
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match read(world, &body) {
        Ok(answer) => json_response(StatusCode::OK, &answer),
        Err((status, detail)) => problem(status, detail),
    }
}

type Refused = (StatusCode, &'static str);

fn read(world: &mut World, body: &Value) -> Result<Value, Refused> {
    let bad = |detail| (StatusCode::BAD_REQUEST, detail);
    let ids = |name: &str| -> Option<Vec<&str>> {
        body.get(name)?
            .as_array()?
            .iter()
            .map(Value::as_str)
            .collect()
    };
    let projects = ids("project_ids")
        .filter(|ids| !ids.is_empty())
        .ok_or(bad("project_ids is required"))?;
    if !projects
        .iter()
        .all(|id| world.projects.iter().any(|(_, known)| known == id))
    {
        return Err((StatusCode::NOT_FOUND, "session not found"));
    }
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let bound = |name: &str, default_ms| {
        body.get(name)
            .map_or(Some(default_ms), |text| ms(text.as_str()?))
    };
    let min_ms = bound("min_start_time", now_ms - DAY_MS).ok_or(bad("min_start_time"))?;
    let max_ms = bound("max_start_time", now_ms).ok_or(bad("max_start_time"))?;
    if max_ms - min_ms > 401 * DAY_MS || min_ms > max_ms {
        return Err(bad("the window is too long or ends before it begins"));
    }
    let page_size = body
        .get("page_size")
        .map_or(Some(100), Value::as_u64)
        .filter(|n| (1..=1000).contains(n));
    let page_size = usize::try_from(page_size.ok_or(bad("page_size must be 1 to 1000"))?).unwrap();
    let mut asked = body.clone();
    let cursor = asked.as_object_mut().unwrap().remove("cursor");
    let place = match cursor {
        None => None,
        Some(cursor) => {
            let known = cursor.as_str().and_then(|cursor| world.cursors.get(cursor));
            let (given_for, place) = known.ok_or(bad("invalid cursor"))?;
            if *given_for != asked {
                return Err(bad("the cursor belongs to another query"));
            }
            Some(place.clone())
        }
    };
    let wanted = ids("ids");
    let mut found: Vec<&TrueRun> = (world.runs.iter())
        .filter(|run| run.arrives_after_queries < world.queries)
        .filter(|run| projects.contains(&text(run, "project_id")))
        .filter(|run| {
            wanted
                .as_ref()
                .is_none_or(|ids| ids.contains(&text(run, "id")))
        })
        .filter(|run| {
            ms(text(run, "start_time"))
                .is_some_and(|start_ms| start_ms >= min_ms && start_ms < max_ms)
        })
        .collect();
    found.sort_by_key(|run| std::cmp::Reverse(key(run)));
    let begin = place.map_or(0, |place| found.partition_point(|run| key(run) > place));
    let end = (begin + page_size).min(found.len());
    let next = found
        .get(end)
        .map(|run| (format!("opaque-{}", world.cursors.len()), key(run)));
    let begin = if world.repeats_rows {
        begin.saturating_sub(1)
    } else {
        begin
    };
    let selects = ids("selects").unwrap_or_else(|| vec!["ID"]);
    let with_subtree = asked.get("include_subtree_usage") == Some(&json!(true));
    let items = found[begin..end].iter().map(|run| {
        select(
            &shown(world, run, with_subtree),
            &selects,
            world.naive_times,
        )
    });
    let items: Vec<Value> = items.collect();
    let Some((cursor, place)) = next else {
        return Ok(json!({"items": items, "next_cursor": null}));
    };
    world.cursors.insert(cursor.clone(), (asked, place));
    Ok(json!({"items": items, "next_cursor": cursor}))
}

/// The run as it is after the queries so far, with its children's figures where they are wanted.
///
/// A root's own figures are summed over its whole trace, as far as its runs have ended.
pub(super) fn shown(world: &World, run: &TrueRun, with_subtree: bool) -> Value {
    let mut fields = run.fields.clone();
    if with_subtree && fields["is_root"] == true {
        for figure in ["prompt_tokens", "completion_tokens", "total_tokens"] {
            let parts = world
                .runs
                .iter()
                .filter(|part| part.fields["trace_id"] == fields["trace_id"]);
            let ended = parts.filter(|part| part.ends_after_queries < world.queries);
            fields[figure] = ended
                .filter_map(|part| part.fields[figure].as_u64())
                .sum::<u64>()
                .into();
        }
    }
    if run.ends_after_queries >= world.queries {
        fields["status"] = "PENDING".into();
        for name in [
            "end_time",
            "latency_seconds",
            "error",
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
        ] {
            fields[name] = Value::Null;
        }
        for name in [
            "prompt_cost",
            "completion_cost",
            "total_cost",
            "first_token_time",
        ] {
            fields[name] = Value::Null;
        }
    }
    fields
}

fn select(run: &Value, selects: &[&str], naive_times: bool) -> Value {
    let mut selected = Map::new();
    for name in selects.iter().map(|name| name.to_lowercase()) {
        let mut value = run.get(&name).cloned().unwrap_or(Value::Null);
        if naive_times && name.ends_with("_time") {
            value = value
                .as_str()
                .map_or(Value::Null, |text| text.trim_end_matches('Z').into());
        }
        selected.insert(name, value);
    }
    Value::Object(selected)
}

fn key(run: &TrueRun) -> (String, String) {
    (
        text(run, "start_time").to_owned(),
        text(run, "id").to_owned(),
    )
}

fn text<'a>(run: &'a TrueRun, name: &str) -> &'a str {
    run.fields[name].as_str().unwrap_or_default()
}

pub(super) fn us(text: &str) -> Option<i64> {
    Some(text.parse::<jiff::Timestamp>().ok()?.as_microsecond())
}

pub(super) fn ms(text: &str) -> Option<i64> {
    Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}
