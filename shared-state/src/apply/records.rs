//! Stores typed rows that agents send, with the cursor that they advance. It invents nothing: what a row does not
//! tell stays NULL, and what is known is never erased by a row that does not tell it.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde_json::Value;

use super::ApplyError;
use crate::RecordsBatch;
use crate::registry::set_cursor;

const LANGSMITH_RUN: &str = "langsmith_run";

const UPSERT: &str = include_str!("upsert_trace_run.sql");

#[derive(Clone, Copy)]
enum Kind {
    Id,
    Text,
    Status,
    Flag,
    Integer,
    /// An exact decimal: a number keeps the digits it was sent with.
    Decimal,
    List,
    Object,
}

/// The fields of a row, in the order of the statement's parameters.
const FIELDS: [(&str, Kind); 26] = [
    ("run_id", Kind::Id),
    ("project_id", Kind::Id),
    ("project", Kind::Text),
    ("trace_id", Kind::Text),
    ("parent_run_id", Kind::Text),
    ("name", Kind::Text),
    ("run_type", Kind::Text),
    ("status", Kind::Status),
    ("is_root", Kind::Flag),
    ("start_ms", Kind::Integer),
    ("end_ms", Kind::Integer),
    ("first_token_ms", Kind::Integer),
    ("latency_ms", Kind::Integer),
    ("error", Kind::Text),
    ("model", Kind::Text),
    ("provider", Kind::Text),
    ("prompt_tokens", Kind::Integer),
    ("completion_tokens", Kind::Integer),
    ("total_tokens", Kind::Integer),
    ("prompt_cost", Kind::Decimal),
    ("completion_cost", Kind::Decimal),
    ("total_cost", Kind::Decimal),
    ("tags", Kind::List),
    ("metadata", Kind::Object),
    ("feedback", Kind::Object),
    ("thread_id", Kind::Text),
];

/// All rows and the cursor, or nothing.
pub(super) fn store(connection: &Connection, batch: &RecordsBatch) -> Result<(), ApplyError> {
    if batch.kind != LANGSMITH_RUN {
        return Err(ApplyError::Refused(format!(
            "records of kind {:?} are not known; known is {LANGSMITH_RUN}",
            batch.kind
        )));
    }
    // Everything is read before anything is written: a refused batch leaves no trace even outside a savepoint.
    let rows = batch
        .rows
        .iter()
        .enumerate()
        .map(|(at, row)| read(at, row))
        .collect::<Result<Vec<_>, _>>()?;
    let mut upsert = connection.prepare_cached(UPSERT)?;
    for mut row in rows {
        row.extend([Sql::Integer(batch.instance_id), Sql::Integer(batch.ts_ms)]);
        upsert.execute(params_from_iter(row))?;
    }
    if let Some((name, value)) = &batch.cursor
        && !set_cursor(connection, batch.instance_id, (name, value), batch.ts_ms)?
    {
        return Err(ApplyError::Refused(format!(
            "there is no instance {}",
            batch.instance_id
        )));
    }
    Ok(())
}

fn read(at: usize, row: &Value) -> Result<Vec<Sql>, ApplyError> {
    let Value::Object(fields) = row else {
        return Err(ApplyError::Refused(format!("row {at} is not an object")));
    };
    FIELDS
        .iter()
        .map(|(name, kind)| {
            read_field(fields.get(*name).unwrap_or(&Value::Null), *kind).map_err(|expected| {
                ApplyError::Refused(format!("row {at}: {name}: expected {expected}"))
            })
        })
        .collect()
}

fn read_field(value: &Value, kind: Kind) -> Result<Sql, &'static str> {
    let text = |text: &str| Sql::Text(text.to_owned());
    Ok(match (kind, value) {
        (Kind::Id, Value::String(id)) if !id.is_empty() => text(id),
        (Kind::Id, _) => return Err("a string that is not empty"),
        (_, Value::Null) => Sql::Null,
        (Kind::Text, Value::String(string)) => text(string),
        (Kind::Text, _) => return Err("a string or null"),
        (Kind::Status, Value::String(status))
            if matches!(status.as_str(), "success" | "error" | "pending") =>
        {
            text(status)
        }
        (Kind::Status, _) => return Err("success, error, pending or null"),
        (Kind::Flag, Value::Bool(flag)) => Sql::Integer(i64::from(*flag)),
        (Kind::Flag, Value::Number(number)) if matches!(number.as_i64(), Some(0 | 1)) => {
            Sql::Integer(number.as_i64().unwrap_or(0))
        }
        (Kind::Flag, _) => return Err("true, false or null"),
        (Kind::Integer, Value::Number(number)) => {
            Sql::Integer(whole(number).ok_or("a whole number or null")?)
        }
        (Kind::Integer, _) => return Err("a whole number or null"),
        (Kind::Decimal, Value::Number(number)) => Sql::Text(number.to_string()),
        (Kind::Decimal, Value::String(number))
            if number.parse::<f64>().is_ok_and(f64::is_finite) =>
        {
            text(number)
        }
        (Kind::Decimal, _) => return Err("a decimal number, as number or string, or null"),
        (Kind::List, Value::Array(_)) | (Kind::Object, Value::Object(_)) => {
            Sql::Text(value.to_string())
        }
        (Kind::List, _) => return Err("an array or null"),
        (Kind::Object, _) => return Err("an object or null"),
    })
}

/// A whole number, also when it was written as `3.0`.
fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let value = number
            .as_f64()
            .filter(|value| value.fract() == 0.0 && value.abs() < 9e15)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and within 53 bits, checked above"
        )]
        let whole = value as i64;
        Some(whole)
    })
}
