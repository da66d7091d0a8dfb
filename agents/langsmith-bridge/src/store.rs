//! Responsible for handing rows and cursor to the coordinator so that each is stored once and none is lost in silence.
//! It does not know what the rows or the cursor mean.

use std::collections::BTreeMap;

use agent_sdk::{Context, Cursor, Level, RecordsError};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::dry_run::DryRun;
use crate::run_row::WrittenRow;
use crate::sent::Sent;

/// The kind of rows, known to version 1 of the protocol.
const KIND: &str = "langsmith_run";

/// The kind of a day's counts.
const DAY_CHECK: &str = "langsmith_day_check";

/// The way to the coordinator's store.
#[derive(Debug, Default)]
pub(crate) struct Store {
    sent: Sent,
    /// The cursors that were acknowledged last, by name.
    cursors: BTreeMap<String, Value>,
    /// Nothing is stored, only counted.
    dry_run: Option<DryRun>,
}

/// What became of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Rows that were acknowledged, new and changed ones.
    pub(crate) rows: u64,
    /// Rows that the coordinator refused for good.
    pub(crate) refused: u64,
}

impl Store {
    /// The way to the store, or to a count of what would be stored.
    pub(crate) fn new(is_dry_run: bool) -> Self {
        Self {
            dry_run: is_dry_run.then(DryRun::default),
            ..Self::default()
        }
    }

    /// What would have been stored, in a dry run.
    pub(crate) fn dry_run(&self) -> Option<&DryRun> {
        self.dry_run.as_ref()
    }

    /// The cursor of this name that this process stored last.
    pub(crate) fn cursor(&self, name: &str) -> Option<&Value> {
        self.cursors.get(name)
    }

    /// Whether exactly this row is stored, as far as this process remembers.
    pub(crate) fn has(&self, row: &WrittenRow) -> bool {
        self.sent.has(row)
    }

    /// Stores the rows that changed, and the cursor with the last of them. On an error some rows may be stored and the
    /// cursor is not: storing everything again is then right.
    pub(crate) async fn commit(
        &mut self,
        context: &Context,
        mut rows: Vec<WrittenRow>,
        cursor: Cursor,
    ) -> Result<Stored, RecordsError> {
        rows.retain(|row| !self.sent.has(row));
        if let Some(dry_run) = &mut self.dry_run {
            for row in &rows {
                dry_run.note(&serde_json::from_str(row.json.get()).unwrap_or_default());
                self.sent.note(row);
            }
            self.cursors.insert(cursor.name, cursor.value);
            return Ok(Stored::default());
        }
        if rows.is_empty() && self.cursor(&cursor.name) == Some(&cursor.value) {
            return Ok(Stored::default());
        }
        let stored = self.send(context, rows, cursor.clone()).await?;
        self.cursors.insert(cursor.name, cursor.value);
        Ok(stored)
    }

    /// Sends rows whose progress comes later; whether all of them are stored.
    pub(crate) async fn send_early(context: &Context, rows: &[WrittenRow]) -> bool {
        rows.is_empty() || context.raw_records(KIND, rows, None).await.is_ok()
    }

    /// Rows were sent early and stored. They are not sent again with their progress.
    pub(crate) fn note_early(&mut self, rows: &[WrittenRow]) -> Stored {
        rows.iter().for_each(|row| self.sent.note(row));
        Stored {
            rows: rows.len() as u64,
            refused: 0,
        }
    }

    /// Stores the counts of a day together with the cursor.
    pub(crate) async fn commit_check(
        &mut self,
        context: &Context,
        check: Box<RawValue>,
        cursor: Cursor,
    ) -> Result<(), RecordsError> {
        if self.dry_run.is_none() {
            let cursor = Some(cursor.clone());
            context.raw_records(DAY_CHECK, &[check], cursor).await?;
        }
        self.cursors.insert(cursor.name, cursor.value);
        Ok(())
    }

    /// Rows that are refused for good are halved until those that are to blame stand alone; these are named and left
    /// out, for otherwise one bad row would hold up all that follow.
    async fn send(
        &mut self,
        context: &Context,
        rows: Vec<WrittenRow>,
        cursor: Cursor,
    ) -> Result<Stored, RecordsError> {
        let mut stored = Stored::default();
        let mut to_send = vec![(rows, Some(cursor))];
        while let Some((mut rows, cursor)) = to_send.pop() {
            let Err(error) = context.raw_records(KIND, &rows, cursor.clone()).await else {
                stored.rows += rows.len() as u64;
                rows.iter().for_each(|row| self.sent.note(row));
                continue;
            };
            let is_final = matches!(
                error,
                RecordsError::Refused { .. } | RecordsError::Encode(_)
            );
            if !is_final || rows.is_empty() {
                return Err(error);
            }
            if rows.len() > 1 {
                let second_half = rows.split_off(rows.len() / 2);
                to_send.push((second_half, cursor)); // taken last, so that the cursor stays last
                to_send.push((rows, None));
                continue;
            }
            stored.refused += 1;
            let run_id = &rows[0].run_id;
            let message = format!("run {run_id} is not stored: failed to {error}");
            let data = json!({"run_id": run_id});
            context.event_with_data(Level::Error, "run_refused", message, data);
            if cursor.is_some() {
                to_send.push((Vec::new(), cursor));
            }
        }
        Ok(stored)
    }
}
