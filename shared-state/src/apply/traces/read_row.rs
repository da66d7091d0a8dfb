//! Reads the rows of a records message: names and kinds of their fields, and where a row is at fault.
//! It stores nothing.

use std::sync::LazyLock;

use rusqlite::params_from_iter;
use serde_json::{Map, Value};

use super::cell::{Cell, Kind, read_cell};
use crate::apply::ApplyError;

/// The fields of a run that `trace_runs` has a column for, in the order of its statements' parameters.
pub(super) const RUN: [(&str, Kind); 39] = [
    ("trace_id", Kind::Text),
    ("parent_run_id", Kind::Text),
    ("parent_run_ids", Kind::List),
    ("dotted_order", Kind::Text),
    ("name", Kind::Text),
    ("run_type", Kind::Word),
    ("status", Kind::OneOf(&["success", "error", "pending"])),
    ("is_root", Kind::Flag),
    ("start_us", Kind::Integer),
    ("end_us", Kind::Integer),
    ("first_token_us", Kind::Integer),
    ("latency_us", Kind::Integer),
    ("error", Kind::Text),
    ("model", Kind::Text),
    ("provider", Kind::Text),
    ("prompt_tokens", Kind::Count),
    ("completion_tokens", Kind::Count),
    ("total_tokens", Kind::Count),
    ("prompt_cost", Kind::Decimal),
    ("completion_cost", Kind::Decimal),
    ("total_cost", Kind::Decimal),
    ("prompt_token_details", Kind::Counts),
    ("completion_token_details", Kind::Counts),
    ("prompt_cost_details", Kind::Decimals),
    ("completion_cost_details", Kind::Decimals),
    ("price_model_id", Kind::Text),
    ("tags", Kind::List),
    ("metadata", Kind::Object),
    ("feedback", Kind::Object),
    ("thread_id", Kind::Text),
    ("reference_example_id", Kind::Text),
    ("reference_dataset_id", Kind::Text),
    ("is_in_dataset", Kind::Flag),
    ("app_path", Kind::Text),
    ("last_queued_us", Kind::Integer),
    ("thread_evaluation_us", Kind::Integer),
    ("ls_user_id", Kind::Text),
    ("is_abandoned", Kind::Flag),
    ("project", Kind::Text),
];

/// Where the fields stand that more than storing is done with.
pub(super) mod at {
    pub(in super::super) const NAME: usize = 4;
    pub(in super::super) const RUN_TYPE: usize = 5;
    pub(in super::super) const STATUS: usize = 6;
    pub(in super::super) const IS_ROOT: usize = 7;
    pub(in super::super) const START: usize = 8;
    pub(in super::super) const END: usize = 9;
    pub(in super::super) const FIRST_TOKEN: usize = 10;
    pub(in super::super) const LATENCY: usize = 11;
    pub(in super::super) const ERROR: usize = 12;
    pub(in super::super) const MODEL: usize = 13;
    pub(in super::super) const TOKENS: [usize; 3] = [15, 16, 17];
    pub(in super::super) const COSTS: [usize; 3] = [18, 19, 20];
    pub(in super::super) const FEEDBACK: usize = 28;
    pub(in super::super) const IS_ABANDONED: usize = 37;
    /// Not a column of the run: the project's name.
    pub(in super::super) const PROJECT: usize = 38;
}

/// The fields of a run that `trace_run_contents` has a column for.
pub(super) const CONTENTS: [(&str, Kind); 9] = [
    ("inputs", Kind::Json),
    ("outputs", Kind::Json),
    ("events", Kind::Json),
    ("extra", Kind::Json),
    ("manifest", Kind::Json),
    ("attachments", Kind::Json),
    ("inputs_preview", Kind::Text),
    ("outputs_preview", Kind::Text),
    ("error_preview", Kind::Text),
];

/// Both in the order of names, with the place that each has in the two together.
static RUN_BY_NAME: LazyLock<Vec<(&str, Kind, usize)>> = LazyLock::new(|| {
    let mut fields: Vec<_> = RUN
        .iter()
        .chain(&CONTENTS)
        .enumerate()
        .map(|(place, (name, kind))| (*name, *kind, place))
        .collect();
    fields.sort_unstable_by_key(|field| field.0);
    fields
});

/// The fields of a project.
pub(super) const PROJECT: [(&str, Kind); 16] = [
    ("name", Kind::Text),
    ("source", Kind::OneOf(&["langsmith", "local"])),
    ("web_url", Kind::Text),
    ("api", Kind::OneOf(&["v1", "v2"])),
    ("last_pull_ms", Kind::Integer),
    ("watermark_ms", Kind::Integer),
    ("covered_from_ms", Kind::Integer),
    ("backfill_ms", Kind::Integer),
    ("pending_runs", Kind::Count),
    ("settling_runs", Kind::Count),
    ("abandoned_runs", Kind::Count),
    ("gaps", Kind::List),
    ("http_status", Kind::Integer),
    ("requests_per_10s", Kind::Number),
    ("requests_remaining", Kind::Number),
    ("error", Kind::Text),
];

/// The fields of a piece of feedback.
pub(super) const FEEDBACK: [(&str, Kind); 6] = [
    ("key", Kind::Text),
    ("score", Kind::Number),
    ("value", Kind::Text),
    ("comment", Kind::Text),
    ("source", Kind::Text),
    ("is_error", Kind::Flag),
];

/// The fields of a day's check.
pub(super) const DAY_CHECK: [(&str, Kind); 3] = [
    ("day_ms", Kind::Integer),
    ("server_runs", Kind::Count),
    ("read_runs", Kind::Count),
];

/// One row of a message.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    at: usize,
    fields: &'a Map<String, Value>,
}

impl<'a> Row<'a> {
    pub(super) fn new(at: usize, row: &'a Value) -> Result<Self, ApplyError> {
        match row {
            Value::Object(fields) => Ok(Self { at, fields }),
            _ => Err(ApplyError::Refused(format!("row {at} is not an object"))),
        }
    }

    pub(super) fn id(&self, name: &str) -> Result<&'a str, ApplyError> {
        match self.fields.get(name) {
            Some(Value::String(id)) if !id.is_empty() => Ok(id),
            _ => Err(self.refuse(name, "a string that is not empty")),
        }
    }

    pub(super) fn tells(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub(super) fn cells(&self, fields: &[(&str, Kind)]) -> Result<Vec<Cell<'a>>, ApplyError> {
        fields
            .iter()
            .map(|(name, kind)| match self.fields.get(*name) {
                Some(value) => {
                    read_cell(value, *kind).map_err(|expected| self.refuse(name, &expected))
                }
                None => Ok(Cell::Null),
            })
            .collect()
    }

    /// The fields of a run and of its contents, the latter empty where none is told. One walk through what was sent:
    /// looking fifty names up costs more than storing them.
    pub(super) fn run_cells(&self) -> Result<(Vec<Cell<'a>>, Vec<Cell<'a>>), ApplyError> {
        let (mut cells, mut contents) = (vec![Cell::Null; RUN.len()], Vec::new());
        let mut next = 0;
        for (name, value) in self.fields {
            // Names come in order, so each search goes on where the last ended; out of order it begins anew.
            if next > 0 && RUN_BY_NAME[next - 1].0 >= name.as_str() {
                next = 0;
            }
            while RUN_BY_NAME
                .get(next)
                .is_some_and(|known| known.0 < name.as_str())
            {
                next += 1;
            }
            let Some((_, kind, slot)) = RUN_BY_NAME.get(next).filter(|known| known.0 == name)
            else {
                continue;
            };
            let cell = read_cell(value, *kind).map_err(|expected| self.refuse(name, &expected))?;
            if *slot < RUN.len() {
                cells[*slot] = cell;
            } else {
                contents.resize(CONTENTS.len(), Cell::Null);
                contents[slot - RUN.len()] = cell;
            }
        }
        Ok((cells, contents))
    }

    pub(super) fn refuse(&self, name: &str, expected: &str) -> ApplyError {
        ApplyError::Refused(format!("row {}: {name}: expected {expected}", self.at))
    }
}

/// Cells, then what the statement takes behind them.
pub(super) fn with<'a>(
    cells: &'a [Cell<'a>],
    more: &'a [&'a dyn rusqlite::ToSql],
) -> impl rusqlite::Params + use<'a> {
    let cells = cells.iter().map(|cell| cell as &dyn rusqlite::ToSql);
    params_from_iter(cells.chain(more.iter().copied()))
}
