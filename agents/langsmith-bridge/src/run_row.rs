//! Responsible for turning a run as the API sends it into a row as the shared state stores it.
//! It does not store anything and gives no column a value that was not received.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::page::Fields;
use langsmith_values::{parse_us, plain_decimal};

/// Longest error text that is kept. Stack traces beyond it repeat themselves, and a row has to fit a line.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// Largest metadata, feedback or tags that is kept, as JSON. A row then stays far below the line limit.
const JSON_BYTES_MAX: usize = 24 * 1024;

/// Longest name, model and such: people read them in a table.
const NAME_BYTES_MAX: usize = 1024;

/// One run, with the names of the columns of `trace_runs`. A field is absent where it was not received.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct RunRow {
    pub(crate) run_id: String,
    pub(crate) project_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_run_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_root: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_us: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_us: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_token_us: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_us: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt_tokens: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) completion_tokens: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_tokens: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt_cost: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) completion_cost: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_cost: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feedback: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thread_id: Option<String>,
}

/// A row, and what was left out of it.
#[derive(Debug, PartialEq)]
pub(crate) struct MappedRun {
    pub(crate) row: RunRow,
    /// Fields that were sent and could not be understood.
    pub(crate) unreadable: u64,
    /// Fields that were cut or left out because of their size.
    pub(crate) oversized: u64,
}

/// The row of one run, absent where it has no usable id. `project_id` and `project` are those that were asked for;
/// the run's own project id wins where it was sent.
pub(crate) fn map_run(
    mut fields: Fields<'_>,
    project_id: &str,
    project: &str,
) -> Option<MappedRun> {
    let fields = &mut fields;
    let run_id = fields.take::<String>("id").filter(|id| is_uuid(id))?;
    let metadata = fields.take::<Map<String, Value>>("metadata");
    let from_metadata = |key: &str| {
        let text = metadata.as_ref()?.get(key)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let mut row = RunRow {
        run_id,
        project_id: fields
            .take("project_id")
            .filter(|id: &String| is_uuid(id))
            .unwrap_or_else(|| project_id.to_owned()),
        project: Some(project.to_owned()),
        trace_id: fields.take("trace_id"),
        parent_run_id: fields
            .take::<Vec<String>>("parent_run_ids")
            .and_then(|mut ids| ids.pop()),
        name: fields.take("name"),
        run_type: fields
            .take::<String>("run_type")
            .map(|text| text.to_lowercase()),
        status: fields.take_as("status", read_status),
        is_root: fields.take("is_root"),
        start_us: fields.take_as("start_time", read_time),
        end_us: fields.take_as("end_time", read_time),
        first_token_us: fields.take_as("first_token_time", read_time),
        latency_us: fields.take_as("latency_seconds", read_latency),
        error: fields.take("error"),
        model: from_metadata("ls_model_name"),
        provider: from_metadata("ls_provider"),
        prompt_tokens: fields.take_as("prompt_tokens", read_count),
        completion_tokens: fields.take_as("completion_tokens", read_count),
        total_tokens: fields.take_as("total_tokens", read_count),
        prompt_cost: fields.take_as("prompt_cost", read_cost),
        completion_cost: fields.take_as("completion_cost", read_cost),
        total_cost: fields.take_as("total_cost", read_cost),
        tags: fields.take("tags"),
        metadata,
        feedback: fields.take("feedback_stats"),
        thread_id: fields.take("thread_id"),
    };
    let oversized = bound_sizes(&mut row);
    Some(MappedRun {
        row,
        unreadable: fields.unreadable(),
        oversized,
    })
}

/// A time in text.
fn read_time(json: &str) -> Option<i64> {
    parse_us(&serde_json::from_str::<String>(json).ok()?)
}

/// Upper case in version 2 of the API, lower case in version 1; the database knows no others.
fn read_status(json: &str) -> Option<String> {
    let status = serde_json::from_str::<String>(json).ok()?.to_lowercase();
    matches!(status.as_str(), "success" | "error" | "pending").then_some(status)
}

/// An amount as a number or as text with a number in it; both occur.
fn read_cost(json: &str) -> Option<String> {
    if json.starts_with('"') {
        return plain_decimal(&serde_json::from_str::<String>(json).ok()?);
    }
    plain_decimal(json)
}

/// A whole number of tokens, also when it is written as `3.0`.
fn read_count(json: &str) -> Option<i64> {
    json.parse().ok().or_else(|| {
        let number = serde_json::from_str::<f64>(json).ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

/// Seconds to the nearest microsecond.
fn read_latency(json: &str) -> Option<i64> {
    let microseconds = (serde_json::from_str::<f64>(json).ok()? * 1_000_000.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be far inside the range of i64"
    )]
    (microseconds.abs() < 1e15).then_some(microseconds as i64)
}

/// The usual form of 36 characters. An id is a key in the database and goes back to the server in queries.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Cuts and leaves out what would make a row too large for a line; the count of what was touched.
fn bound_sizes(row: &mut RunRow) -> u64 {
    let mut oversized = 0;
    let texts = [
        (&mut row.error, ERROR_BYTES_MAX),
        (&mut row.name, NAME_BYTES_MAX),
        (&mut row.model, NAME_BYTES_MAX),
        (&mut row.provider, NAME_BYTES_MAX),
        (&mut row.thread_id, NAME_BYTES_MAX),
        (&mut row.trace_id, NAME_BYTES_MAX),
        (&mut row.parent_run_id, NAME_BYTES_MAX),
        (&mut row.run_type, NAME_BYTES_MAX),
    ];
    for (text, bytes_max) in texts {
        oversized += u64::from(text.as_mut().is_some_and(|text| cut(text, bytes_max)));
    }
    oversized += drop_if_large(&mut row.tags);
    oversized += drop_if_large(&mut row.metadata);
    oversized + drop_if_large(&mut row.feedback)
}

/// Shortens `text` to whole characters within `bytes_max` and marks the place; says whether it did.
fn cut(text: &mut String, bytes_max: usize) -> bool {
    let mut keep = bytes_max;
    if text.len() <= keep && json_bytes(text) > 2 * bytes_max {
        keep = bytes_max / 3; // control characters take six bytes each in JSON
    }
    if text.len() <= keep {
        return false;
    }
    text.truncate(text.floor_char_boundary(keep - '…'.len_utf8()));
    text.push('…');
    if json_bytes(text) > 2 * bytes_max {
        cut(text, bytes_max);
    }
    true
}

/// The size of a value on the wire.
fn json_bytes<T: Serialize + ?Sized>(value: &T) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |text| text.len())
}

/// A JSON value cannot be cut without changing its meaning, so a large one is left out whole.
fn drop_if_large<T: Serialize>(value: &mut Option<T>) -> u64 {
    let is_large = value
        .as_ref()
        .is_some_and(|value| json_bytes(value) > JSON_BYTES_MAX);
    if is_large {
        *value = None;
    }
    u64::from(is_large)
}

#[cfg(test)]
#[path = "run_row_tests.rs"]
mod tests;
