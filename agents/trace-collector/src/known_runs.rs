//! Responsible for what has to be remembered of a run between its requests, which may come in any order.
//! It is bounded: what was forgotten, or was before a restart, is treated as never seen.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::row::RunRow;

/// Runs that are remembered, some 30 MB. A run's requests come within seconds of each other.
const RUNS_MAX: usize = 100_000;

/// A project by id and, where it was sent, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    /// A UUID.
    pub(crate) id: String,
    /// As people named it.
    pub(crate) name: Option<String>,
}

#[derive(Debug, Default)]
struct Known {
    project: Option<Arc<Project>>,
    start_us: Option<i64>,
    /// Columns that an update told, by their place in the row: a creation that comes later must not undo them.
    told_by_update: u64,
}

/// The runs that were seen last.
#[derive(Debug, Default)]
pub(crate) struct KnownRuns {
    by_id: HashMap<Arc<str>, Known>,
    in_order: VecDeque<Arc<str>>,
}

/// How a row came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// By a creation.
    pub(crate) by_creation: bool,
    /// By an update.
    pub(crate) by_update: bool,
}

impl KnownRuns {
    /// The project of a run.
    pub(crate) fn project(&self, run_id: &str) -> Option<Arc<Project>> {
        self.by_id.get(run_id)?.project.clone()
    }

    /// When a run began.
    pub(crate) fn start_us(&self, run_id: &str) -> Option<i64> {
        self.by_id.get(run_id)?.start_us
    }

    /// The row as it is to be stored, and remembers what of it matters later. Requests overtake each other: where the
    /// creation comes after the update, what the update told stays.
    pub(crate) fn settle(&mut self, row: &RunRow, told: Told) -> Map<String, Value> {
        let Ok(Value::Object(mut columns)) = serde_json::to_value(row) else {
            return Map::new(); // a row is an object of plain data
        };
        let known = self.entry(&row.run_id);
        let is_late = told.by_creation && !told.by_update;
        for (place, name) in COLUMNS.iter().enumerate() {
            let bit = 1_u64 << place;
            if is_late && known.told_by_update & bit != 0 {
                columns.remove(*name);
            }
            if told.by_update && columns.contains_key(*name) {
                known.told_by_update |= bit;
            }
        }
        known.start_us = row.start_us.or(known.start_us);
        if known
            .project
            .as_ref()
            .is_none_or(|project| project.id != row.project_id)
        {
            known.project = Some(Arc::new(Project {
                id: row.project_id.clone(),
                name: row.project.clone(),
            }));
        }
        columns
    }

    /// A row was not stored after all: what its update told is not known to be there.
    pub(crate) fn unsettle(&mut self, run_id: &str) {
        if let Some(known) = self.by_id.get_mut(run_id) {
            known.told_by_update = 0;
        }
    }

    fn entry(&mut self, run_id: &str) -> &mut Known {
        if !self.by_id.contains_key(run_id) {
            if self.in_order.len() >= RUNS_MAX
                && let Some(oldest) = self.in_order.pop_front()
            {
                self.by_id.remove(&oldest);
            }
            let id: Arc<str> = run_id.into();
            self.in_order.push_back(Arc::clone(&id));
            self.by_id.insert(id, Known::default());
        }
        self.by_id.get_mut(run_id).expect("it was just put there")
    }
}

/// The columns that both a creation and an update can tell.
const COLUMNS: [&str; 32] = [
    "name",
    "run_type",
    "status",
    "start_us",
    "end_us",
    "first_token_us",
    "latency_us",
    "error",
    "model",
    "provider",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_cost",
    "completion_cost",
    "total_cost",
    "prompt_token_details",
    "completion_token_details",
    "prompt_cost_details",
    "completion_cost_details",
    "tags",
    "metadata",
    "thread_id",
    "reference_example_id",
    "inputs",
    "outputs",
    "events",
    "extra",
    "manifest",
    "attachments",
    "project",
    "is_root",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CREATION: Told = Told {
        by_creation: true,
        by_update: false,
    };
    const UPDATE: Told = Told {
        by_creation: false,
        by_update: true,
    };

    fn row(fields: &Value) -> RunRow {
        let text = |name: &str| fields[name].as_str().map(str::to_owned);
        RunRow {
            run_id: "r".into(),
            project_id: "p".into(),
            name: text("name"),
            status: text("status"),
            start_us: fields["start_us"].as_i64(),
            ..RunRow::default()
        }
    }

    #[test]
    fn a_creation_that_comes_after_the_update_only_adds() {
        let mut known = KnownRuns::default();
        let update = known.settle(&row(&json!({"status": "success"})), UPDATE);
        assert_eq!(update["status"], "success");
        let creation = known.settle(
            &row(&json!({"status": "pending", "name": "n", "start_us": 7})),
            CREATION,
        );
        assert_eq!(
            Value::from(creation),
            json!({"run_id": "r", "project_id": "p", "name": "n", "start_us": 7})
        );
        assert_eq!(known.start_us("r"), Some(7));
    }

    #[test]
    fn an_update_after_the_creation_tells_everything() {
        let mut known = KnownRuns::default();
        known.settle(&row(&json!({"status": "pending", "name": "n"})), CREATION);
        let update = known.settle(&row(&json!({"status": "error", "name": "m"})), UPDATE);
        assert_eq!(
            (&update["status"], &update["name"]),
            (&json!("error"), &json!("m"))
        );
        assert_eq!(known.project("r").unwrap().id, "p");
    }

    #[test]
    fn only_so_many_runs_are_remembered() {
        let mut known = KnownRuns::default();
        for n in 0..=RUNS_MAX {
            known.entry(&n.to_string()).start_us = Some(1);
        }
        assert_eq!(
            (known.by_id.len(), known.in_order.len()),
            (RUNS_MAX, RUNS_MAX)
        );
        assert_eq!(known.start_us("0"), None);
        assert_eq!(known.start_us("1"), Some(1));
    }

    #[test]
    fn every_column_that_is_remembered_is_one_of_a_row() {
        let row = include_str!("row.rs");
        for name in COLUMNS {
            assert!(row.contains(&format!("pub {name}: Option<")), "{name}");
        }
    }
}
