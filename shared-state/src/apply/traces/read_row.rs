//! Reads the rows of a records message: names and kinds of their fields, and where a row is at fault.
//! It stores nothing.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use rusqlite::params_from_iter;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::cell::{Cell, Kind, read_cell, string};
use crate::apply::ApplyError;

/// The fields of a run that `trace_runs` has a column for, in the order of its statements' parameters.
pub(super) static RUN: [(&str, Kind); 39] = [
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
pub(super) static CONTENTS: [(&str, Kind); 9] = [
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

/// The places of both in the two together, in the order of names.
static PLACES_BY_NAME: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let mut places: Vec<_> = (0..RUN.len() + CONTENTS.len()).collect();
    places.sort_unstable_by_key(|place| field_at(*place).map(|field| field.0));
    places
});

fn field_at(place: usize) -> Option<(&'static str, Kind)> {
    let of_contents = || CONTENTS.get(place - RUN.len());
    RUN.get(place).or_else(of_contents).copied()
}

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

/// One row of a message: names, and values as JSON.
pub(super) struct Row<'a> {
    at: usize,
    fields: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Row<'a> {
    pub(super) fn new(at: usize, row: &'a RawValue) -> Result<Self, ApplyError> {
        if !row.get().starts_with('{') {
            return Err(ApplyError::Refused(format!("row {at} is not an object")));
        }
        let fields = serde_json::from_str::<Fields<'a>>(row.get());
        match fields {
            Ok(Fields(fields)) => Ok(Self { at, fields }),
            Err(error) => Err(ApplyError::Refused(format!("row {at}: {error}"))),
        }
    }

    /// The last one wins.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let mut newest_first = self.fields.iter().rev();
        newest_first
            .find(|(known, _)| known == name)
            .map(|(_, json)| *json)
    }

    pub(super) fn id(&self, name: &str) -> Result<Cow<'a, str>, ApplyError> {
        let id = self.get(name).and_then(string).filter(|id| !id.is_empty());
        id.ok_or_else(|| self.refuse(name, "a string that is not empty"))
    }

    pub(super) fn tells(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn cells(&self, fields: &[(&str, Kind)]) -> Result<Vec<Cell<'a>>, ApplyError> {
        fields
            .iter()
            .map(|(name, kind)| match self.get(name) {
                Some(json) => self.cell(name, json, *kind),
                None => Ok(Cell::Null),
            })
            .collect()
    }

    /// The fields of a run and of its contents, the latter empty where none is told. One walk through what was sent:
    /// looking fifty names up costs more than storing them.
    pub(super) fn run_cells(&self) -> Result<(Vec<Cell<'a>>, Vec<Cell<'a>>), ApplyError> {
        let (mut cells, mut contents) = (vec![Cell::Null; RUN.len()], Vec::new());
        let mut next = 0;
        for (name, json) in &self.fields {
            let Some((place, kind)) = place_of(name, next) else {
                continue;
            };
            next = place + 1;
            let cell = self.cell(name, json, kind)?;
            if place < RUN.len() {
                cells[place] = cell;
            } else {
                contents.resize(CONTENTS.len(), Cell::Null);
                contents[place - RUN.len()] = cell;
            }
        }
        Ok((cells, contents))
    }

    fn cell(&self, name: &str, json: &'a str, kind: Kind) -> Result<Cell<'a>, ApplyError> {
        read_cell(json, kind).map_err(|expected| self.refuse(name, &expected))
    }

    pub(super) fn refuse(&self, name: &str, expected: &str) -> ApplyError {
        ApplyError::Refused(format!("row {}: {name}: expected {expected}", self.at))
    }
}

/// Where a field of this name stands, and what it takes. Most senders keep the order, so the place after the last is tried first.
fn place_of(name: &str, next: usize) -> Option<(usize, Kind)> {
    let name_at = |place: usize| field_at(place).map(|(name, _)| name);
    let place = if name_at(next) == Some(name) {
        next
    } else {
        let found = PLACES_BY_NAME.binary_search_by_key(&Some(name), |place| name_at(*place));
        PLACES_BY_NAME[found.ok()?]
    };
    field_at(place).map(|(_, kind)| (place, kind))
}

/// An object as its names and the text of its values.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(RUN.len());
        while let Some((Name(name), json)) = entries.next_entry::<_, &RawValue>()? {
            fields.push((name, json.get()));
        }
        Ok(Fields(fields))
    }
}

/// A key, borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Cells, then what the statement takes behind them.
pub(super) fn with<'a>(
    cells: &'a [Cell<'a>],
    more: &'a [&'a dyn rusqlite::ToSql],
) -> impl rusqlite::Params + use<'a> {
    let cells = cells.iter().map(|cell| cell as &dyn rusqlite::ToSql);
    params_from_iter(cells.chain(more.iter().copied()))
}
