//! One run with all that is stored of it. It reads no other run.

use rusqlite::types::ValueRef;
use serde_json::Value;

use super::{Result, Snapshot, json, run_columns};
use crate::TraceRunDetail;

use super::runs::run;

const RUN: &str = concat!(
    "SELECT ",
    run_columns!(),
    ", r.run_no, p.project_id, p.name, p.web_url
    FROM trace_runs r JOIN trace_projects p ON p.project_no = r.project_no WHERE r.run_id = ?1"
);

/// Columns as JSON, text or number.
const FIELDS: &str = "
    SELECT parent_run_id, parent_run_ids, dotted_order, thread_id, first_token_us, provider, price_model_id,
        prompt_tokens, completion_tokens, total_tokens, prompt_cost, completion_cost, total_cost, prompt_token_details,
        completion_token_details, prompt_cost_details, completion_cost_details, tags, metadata, feedback,
        reference_example_id, reference_dataset_id, is_in_dataset, app_path, last_queued_us, thread_evaluation_us,
        ls_user_id, received_ms, updated_ms
    FROM trace_runs WHERE run_no = ?1";
const CONTENTS: &str = "
    SELECT inputs, outputs, events, extra, manifest, attachments, inputs_preview, outputs_preview, error_preview
    FROM trace_run_contents WHERE run_no = ?1";
/// Of these, JSON.
const JSON_COLUMNS: [&str; 14] = [
    "parent_run_ids",
    "prompt_token_details",
    "completion_token_details",
    "prompt_cost_details",
    "completion_cost_details",
    "tags",
    "metadata",
    "feedback",
    "inputs",
    "outputs",
    "events",
    "extra",
    "manifest",
    "attachments",
];

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("TRACE_RUN", RUN),
    ("TRACE_FIELDS", FIELDS),
    ("TRACE_CONTENTS", CONTENTS),
];

impl Snapshot<'_> {
    /// A run by LangSmith's id.
    pub fn trace_run(&self, run_id: &str) -> Result<Option<TraceRunDetail>> {
        let found = self.one(RUN, [run_id], |row| {
            Ok((
                row.get::<_, i64>(12)?,
                TraceRunDetail {
                    run: run(row)?,
                    project_id: row.get(13)?,
                    project: row.get(14)?,
                    web_url: row.get(15)?,
                    fields: Vec::new(),
                    contents: Vec::new(),
                },
            ))
        })?;
        let Some((run_no, mut detail)) = found else {
            return Ok(None);
        };
        detail.fields = self.told_columns(FIELDS, run_no)?;
        detail.contents = self.told_columns(CONTENTS, run_no)?;
        Ok(Some(detail))
    }

    /// The columns that hold anything, by name.
    fn told_columns(&self, sql: &str, run_no: i64) -> Result<Vec<(String, Value)>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([run_no])?;
        let Some(row) = rows.next()? else {
            return Ok(Vec::new());
        };
        let mut told = Vec::new();
        for (column, name) in names.into_iter().enumerate() {
            let value = match row.get_ref(column)? {
                ValueRef::Null | ValueRef::Blob(_) => continue,
                ValueRef::Integer(integer) => integer.into(),
                ValueRef::Real(real) => real.into(),
                ValueRef::Text(text) => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    match JSON_COLUMNS.contains(&name.as_str()) {
                        true => json(Some(text)).unwrap_or_default(),
                        false => text.into(),
                    }
                }
            };
            told.push((name, value));
        }
        Ok(told)
    }
}
