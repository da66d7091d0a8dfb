//! Stores what agents pull from LangSmith: runs, projects, checks of days. All rows of a message or none, with the cursor
//! that they advance. It invents nothing.

mod cell;
mod compact;
mod day_checks;
mod dictionary;
mod feedback;
mod feedback_pieces;
mod figures;
mod marks;
mod normalise;
mod projects;
mod read_row;
mod rollups;
mod runs;

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::value::RawValue;

use super::{ApplyError, count};
use crate::registry::set_cursor;
use crate::{RecordsBatch, TimeMs};

pub(crate) use marks::Marks;

/// What is remembered of projects and runs between batches, and what the runs of this batch change in the roll-ups.
#[derive(Debug)]
pub(crate) struct Traces {
    projects: projects::Projects,
    dictionary: dictionary::Dictionary,
    feedback: feedback::FeedbackKeys,
    deltas: rollups::Deltas,
    pub(crate) marks: Marks,
    /// By instance: how many, and when.
    too_old: BTreeMap<i64, (u64, TimeMs)>,
}

/// Who sent a row, and when.
#[derive(Clone, Copy, Debug)]
struct Sent {
    instance_id: i64,
    ts_ms: TimeMs,
}

impl Traces {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            projects: projects::Projects::default(),
            dictionary: dictionary::Dictionary::default(),
            feedback: feedback::FeedbackKeys::default(),
            deltas: rollups::Deltas::default(),
            marks: Marks::load(connection)?,
            too_old: BTreeMap::new(),
        })
    }

    /// All rows and the cursor, or nothing.
    pub(super) fn store(
        &mut self,
        connection: &Connection,
        batch: &RecordsBatch,
    ) -> Result<(), ApplyError> {
        let sent = Sent {
            instance_id: batch.instance_id,
            ts_ms: batch.ts_ms,
        };
        // Everything is read before anything is written: a refused batch leaves no trace even outside a savepoint.
        match batch.kind.as_str() {
            "langsmith_run" => {
                let runs = read_all(&batch.rows, runs::read)?;
                runs::store_all(connection, self, sent, runs)?;
            }
            "langsmith_feedback" => {
                let pieces = read_all(&batch.rows, feedback_pieces::read)?;
                feedback_pieces::store_all(connection, self, sent, &pieces)?;
            }
            "langsmith_project" => {
                for project in read_all(&batch.rows, projects::read)? {
                    projects::store(connection, &mut self.projects, sent, &project)?;
                }
            }
            "langsmith_day_check" => {
                for check in read_all(&batch.rows, day_checks::read)? {
                    day_checks::store(connection, &mut self.projects, sent, &check)?;
                }
            }
            kind => {
                return Err(ApplyError::Refused(format!(
                    "records of kind {kind:?} are not known; known are langsmith_run, langsmith_feedback, \
                     langsmith_project and langsmith_day_check"
                )));
            }
        }
        match &batch.cursor {
            Some((name, value))
                if !set_cursor(connection, sent.instance_id, (name, value), sent.ts_ms)? =>
            {
                let instance_id = sent.instance_id;
                Err(ApplyError::Refused(format!(
                    "there is no instance {instance_id}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Writes what the runs of this batch change in the roll-ups.
    pub(super) fn finish_batch(&mut self, connection: &Connection) -> Result<(), ApplyError> {
        for (instance_id, (runs, ts_ms)) in std::mem::take(&mut self.too_old) {
            count(connection, instance_id, "runs_too_old", runs, ts_ms)?;
        }
        Ok(self.deltas.flush(connection)?)
    }

    /// The transaction is gone, or rows were removed: what is remembered may be of them.
    pub(crate) fn forget_uncommitted(&mut self) {
        self.projects.forget();
        self.dictionary.forget();
        self.feedback.forget();
        self.deltas.forget();
        self.too_old.clear();
    }

    fn count_too_old(&mut self, sent: Sent) {
        let count = self.too_old.entry(sent.instance_id).or_default();
        *count = (count.0 + 1, sent.ts_ms);
    }
}

fn read_all<'a, T>(
    rows: &'a [Box<RawValue>],
    read: fn(usize, &'a RawValue) -> Result<T, ApplyError>,
) -> Result<Vec<T>, ApplyError> {
    rows.iter()
        .enumerate()
        .map(|(at, row)| read(at, row))
        .collect()
}

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod recount_tests;
