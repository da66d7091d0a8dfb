//! Responsible for handing rows and cursor to the coordinator so that each is stored once and none is lost in silence.
//! It does not know what the rows or the cursor mean.

use std::collections::BTreeMap;

use agent_sdk::{Context, Cursor, Level, RecordsError};
use serde_json::{Value, json};

use crate::dry_run::DryRun;
use crate::figures::Figures;
use crate::run_row::RunRow;
use crate::sent::Sent;

/// The kind of rows, known to version 1 of the protocol.
const KIND: &str = "langsmith_run";

/// The way to the coordinator's store.
#[derive(Debug, Default)]
pub(crate) struct Store {
    sent: Sent,
    /// The cursors that were acknowledged last, by name.
    cursors: BTreeMap<String, Value>,
    /// Nothing is stored, only counted.
    dry_run: Option<DryRun>,
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

    /// Stores the rows that changed, and the cursor with the last of them. On an error some rows may be stored and the
    /// cursor is not: storing everything again is then right.
    pub(crate) async fn commit(
        &mut self,
        context: &Context,
        rows: &[RunRow],
        cursor: Cursor,
        figures: &mut Figures,
    ) -> Result<(), RecordsError> {
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| serde_json::to_value(row).expect("a row is plain data"))
            .filter(|row| !self.sent.has(run_id(row), &row.to_string()))
            .collect();
        if let Some(dry_run) = &mut self.dry_run {
            for row in &rows {
                dry_run.note(row);
                self.sent.note(run_id(row), &row.to_string());
            }
            self.cursors.insert(cursor.name, cursor.value);
            return Ok(());
        }
        if rows.is_empty() && self.cursor(&cursor.name) == Some(&cursor.value) {
            return Ok(());
        }
        self.send(context, rows, cursor.clone(), figures).await?;
        self.cursors.insert(cursor.name, cursor.value);
        Ok(())
    }

    /// Rows that are refused for good are halved until those that are to blame stand alone; these are named and left
    /// out, for otherwise one bad row would hold up all that follow.
    async fn send(
        &mut self,
        context: &Context,
        rows: Vec<Value>,
        cursor: Cursor,
        figures: &mut Figures,
    ) -> Result<(), RecordsError> {
        let mut to_send = vec![(rows, Some(cursor))];
        while let Some((mut rows, cursor)) = to_send.pop() {
            let Err(error) = context.records(KIND, rows.clone(), cursor.clone()).await else {
                figures.runs_stored += rows.len() as u64;
                for row in &rows {
                    self.sent.note(run_id(row), &row.to_string());
                }
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
            figures.runs_refused += 1;
            let message = format!("run {} is not stored: failed to {error}", run_id(&rows[0]));
            context.event_with_data(
                Level::Error,
                "run_refused",
                message,
                json!({"run_id": run_id(&rows[0])}),
            );
            if cursor.is_some() {
                to_send.push((Vec::new(), cursor));
            }
        }
        Ok(())
    }
}

fn run_id(row: &Value) -> &str {
    row["run_id"]
        .as_str()
        .expect("every row is made with its id")
}
