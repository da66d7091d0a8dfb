//! Stores what agents pull from LangSmith: runs, projects, checks of days. All rows of a message or none, with the cursor
//! that they advance. It invents nothing.

mod cell;
mod day_checks;
mod projects;
mod read_row;
mod runs;

use rusqlite::Connection;
use serde_json::Value;

use super::ApplyError;
use crate::registry::set_cursor;
use crate::{RecordsBatch, TimeMs};

/// What is remembered of projects and runs between batches.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    projects: projects::Projects,
}

/// Who sent a row, and when.
#[derive(Clone, Copy)]
struct Sent {
    instance_id: i64,
    ts_ms: TimeMs,
}

impl Traces {
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
                for run in read_all(&batch.rows, runs::read)? {
                    runs::store(connection, self, sent, run)?;
                }
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
                    "records of kind {kind:?} are not known; known are langsmith_run, langsmith_project and \
                     langsmith_day_check"
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

    /// The transaction is gone: what is remembered may be of it.
    pub(super) fn forget_uncommitted(&mut self) {
        self.projects.forget();
    }
}

fn read_all<'a, T>(
    rows: &'a [Value],
    read: fn(usize, &'a Value) -> Result<T, ApplyError>,
) -> Result<Vec<T>, ApplyError> {
    rows.iter()
        .enumerate()
        .map(|(at, row)| read(at, row))
        .collect()
}
