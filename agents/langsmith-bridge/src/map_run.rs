//! Responsible for turning a run as the API sends it, in either version, into a row.
//! It does not store anything and gives no column a value that was not received.

use std::collections::BTreeMap;

use langsmith_values::{is_uuid, parse_us, read_cost, read_count};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::page::Fields;
use crate::run_row::{Contents, RunRow};

/// What is true of every run of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping<'a> {
    /// The project that was asked for; the run's own id wins where it was sent.
    pub(crate) project_id: &'a str,
    pub(crate) project: &'a str,
    /// Version 1 cannot send metadata without all of `extra`; whether that is wanted too.
    pub(crate) has_extra: bool,
    /// Largest content that is kept, as JSON.
    pub(crate) content_bytes_max: usize,
}

/// A row, and what was left out of it.
#[derive(Debug)]
pub(crate) struct MappedRun {
    pub(crate) row: RunRow,
    /// Fields that were sent and could not be understood.
    pub(crate) unreadable: u64,
    /// Fields that were cut or left out because of their size.
    pub(crate) oversized: u64,
}

/// The row of one run, absent where it has no usable id.
pub(crate) fn map_run(mut fields: Fields<'_>, mapping: Mapping<'_>) -> Option<MappedRun> {
    let fields = &mut fields;
    let run_id = fields.take::<String>("id").filter(|id| is_uuid(id))?;
    let project_id: Option<String> = take_either(fields, "project_id", "session_id");
    let mut row = RunRow {
        project_id: project_id
            .filter(|id| is_uuid(id))
            .unwrap_or_else(|| mapping.project_id.to_owned()),
        project: Some(mapping.project.to_owned()),
        trace_id: fields.take("trace_id"),
        parent_run_ids: fields.take("parent_run_ids"),
        parent_run_id: fields.take("parent_run_id"),
        is_root: fields.take("is_root"),
        name: fields.take("name"),
        run_type: fields
            .take::<String>("run_type")
            .map(|text| text.to_lowercase()),
        status: fields.take_as("status", read_status),
        start_us: fields.take_as("start_time", read_time),
        end_us: fields.take_as("end_time", read_time),
        latency_us: fields.take_as("latency_seconds", read_latency),
        first_token_us: fields.take_as("first_token_time", read_time),
        error: fields.take("error"),
        metadata: fields.take_as("metadata", read_object),
        dotted_order: fields.take("dotted_order"),
        thread_id: fields.take("thread_id"),
        tags: fields.take_as("tags", read_list),
        total_tokens: fields.take_as("total_tokens", read_count),
        prompt_tokens: fields.take_as("prompt_tokens", read_count),
        completion_tokens: fields.take_as("completion_tokens", read_count),
        total_cost: fields.take_as("total_cost", read_cost),
        prompt_cost: fields.take_as("prompt_cost", read_cost),
        completion_cost: fields.take_as("completion_cost", read_cost),
        prompt_token_details: take_details(fields, "prompt_token_details", read_count),
        completion_token_details: take_details(fields, "completion_token_details", read_count),
        prompt_cost_details: take_details(fields, "prompt_cost_details", read_cost),
        completion_cost_details: take_details(fields, "completion_cost_details", read_cost),
        price_model_id: fields.take("price_model_id"),
        feedback: fields.take_as("feedback_stats", read_object),
        reference_example_id: fields.take("reference_example_id"),
        reference_dataset_id: fields.take("reference_dataset_id"),
        is_in_dataset: take_either(fields, "is_in_dataset", "in_dataset"),
        app_path: fields.take("app_path"),
        last_queued_us: fields.take_as("last_queued_at", read_time),
        thread_evaluation_us: fields.take_as("thread_evaluation_time", read_time),
        ls_user_id: fields.take("ls_user_id"),
        contents: take_contents(fields, mapping),
        is_abandoned: None, // the plan knows
        model: None,
        provider: None,
        run_id,
    };
    fill_in_older(&mut row, fields);
    fill_in_model(&mut row);
    let oversized = row.bound_sizes(mapping.content_bytes_max);
    Some(MappedRun {
        row,
        unreadable: fields.unreadable(),
        oversized,
    })
}

/// What version 1 says in other words, or leaves to be worked out from what it says.
fn fill_in_older(row: &mut RunRow, fields: &mut Fields<'_>) {
    if row.parent_run_id.is_none() {
        row.parent_run_id = row
            .parent_run_ids
            .as_ref()
            .and_then(|ids| ids.last().cloned());
    }
    if row.is_root.is_none() {
        row.is_root = row
            .trace_id
            .as_ref()
            .map(|trace_id| *trace_id == row.run_id);
    }
    if row.latency_us.is_none() && fields.raw("session_id").is_some() {
        row.latency_us = row
            .end_us
            .zip(row.start_us)
            .map(|(end_us, start_us)| end_us - start_us);
    }
    if row.metadata.is_none()
        && let Some(extra) = fields.raw("extra")
    {
        row.metadata = Fields::parse(extra).raw("metadata").and_then(read_object);
    }
}

/// The names that LangChain's own programs put into metadata.
#[derive(Deserialize)]
struct ModelNames<'a> {
    #[serde(borrow, default)]
    ls_model_name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ls_provider: Option<&'a RawValue>,
}

fn fill_in_model(row: &mut RunRow) {
    let Some(metadata) = &row.metadata else {
        return;
    };
    let Ok(names) = serde_json::from_str::<ModelNames<'_>>(metadata.get()) else {
        return;
    };
    let text = |raw: Option<&RawValue>| {
        let text = serde_json::from_str::<String>(raw?.get()).ok()?;
        (!text.is_empty()).then_some(text)
    };
    (row.model, row.provider) = (text(names.ls_model_name), text(names.ls_provider));
}

fn take_contents(fields: &mut Fields<'_>, mapping: Mapping<'_>) -> Contents {
    Contents {
        inputs: fields.take_as("inputs", read_any),
        outputs: fields.take_as("outputs", read_any),
        events: fields.take_as("events", read_any),
        extra: mapping
            .has_extra
            .then(|| fields.take_as("extra", read_any))
            .flatten(),
        manifest: fields
            .take_as("manifest", read_any)
            .or_else(|| fields.take_as("serialized", read_any)),
        attachments: fields.take_as("attachments", read_any),
        inputs_preview: fields.take("inputs_preview"),
        outputs_preview: fields.take("outputs_preview"),
        error_preview: fields.take("error_preview"),
    }
}

fn take_either<T: serde::de::DeserializeOwned>(
    fields: &mut Fields<'_>,
    newer: &str,
    older: &str,
) -> Option<T> {
    fields.take(newer).or_else(|| fields.take(older))
}

/// Figures by category, which version 2 wraps in `raw`. A category that cannot be read costs only itself.
fn take_details<T>(
    fields: &mut Fields<'_>,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let mut details = Fields::parse(fields.raw(name)?);
    if let Some(raw) = details.raw("raw").filter(|raw| raw.starts_with('{')) {
        details = Fields::parse(raw);
    }
    let mut by_category = BTreeMap::new();
    for (category, json) in details.iter() {
        match read(json) {
            Some(figure) => drop(by_category.insert(category.to_owned(), figure)),
            None => fields.note_unreadable(),
        }
    }
    Some(by_category)
}

fn read_any(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}

fn read_object(json: &str) -> Option<Box<RawValue>> {
    read_any(json).filter(|_| json.starts_with('{'))
}

fn read_list(json: &str) -> Option<Box<RawValue>> {
    read_any(json).filter(|_| json.starts_with('['))
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

/// Seconds to the nearest microsecond.
fn read_latency(json: &str) -> Option<i64> {
    let microseconds = (serde_json::from_str::<f64>(json).ok()? * 1e6).round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be far inside the range of i64"
    )]
    (microseconds.abs() < 1e15).then_some(microseconds as i64)
}

#[cfg(test)]
#[path = "map_run_tests.rs"]
mod tests;
