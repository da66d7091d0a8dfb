//! Stores LangSmith runs. What a row does not tell keeps what is known; a run that has ended does not become pending
//! again; nothing is written where nothing changed. It computes no figure.

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};
use serde_json::Value;

use super::cell::Cell;
use super::read_row::{CONTENTS, RUN, Row, at, with};
use super::{Sent, Traces};
use crate::apply::ApplyError;

const FIND: &str = include_str!("find_run.sql");
const INSERT: &str = include_str!("insert_run.sql");
const UPDATE: &str = include_str!("update_run.sql");
/// Columns before the fields in `FIND`.
const KEYS: usize = 2;
/// Fields that are columns of the run; the project's name is not.
const COLUMNS: usize = at::PROJECT;

const FIND_CONTENTS: &str = "
    SELECT inputs, outputs, events, extra, manifest, attachments, inputs_preview, outputs_preview, error_preview
    FROM trace_run_contents WHERE run_no = ?1";
const PUT_CONTENTS: &str = "
    INSERT OR REPLACE INTO trace_run_contents (inputs, outputs, events, extra, manifest, attachments, inputs_preview,
        outputs_preview, error_preview, run_no)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// A run as it was sent.
pub(super) struct SentRun<'a> {
    run_id: &'a str,
    project_id: &'a str,
    cells: Vec<Cell<'a>>,
    /// Empty where none were sent.
    contents: Vec<Cell<'a>>,
}

/// What is known of a run before it is changed.
struct Known {
    run_no: i64,
    project_no: i64,
    cells: Vec<Cell<'static>>,
}

pub(super) fn read<'a>(at: usize, row: &'a Value) -> Result<SentRun<'a>, ApplyError> {
    let row = Row::new(at, row)?;
    let has_contents = CONTENTS.iter().any(|(name, _)| row.tells(name));
    Ok(SentRun {
        run_id: row.id("run_id")?,
        project_id: row.id("project_id")?,
        cells: row.cells(&RUN)?,
        contents: match has_contents {
            true => row.cells(&CONTENTS)?,
            false => Vec::new(),
        },
    })
}

pub(super) fn store(
    connection: &Connection,
    traces: &mut Traces,
    sent: Sent,
    mut run: SentRun<'_>,
) -> Result<(), ApplyError> {
    let project_name = run.cells[at::PROJECT].text();
    let project_no = traces
        .projects
        .number(connection, sent, run.project_id, project_name)?;
    run.cells.truncate(COLUMNS);
    let known = connection
        .prepare_cached(FIND)?
        .query_row([run.run_id], |row| {
            let is_new = adds(row, project_no, &run.cells)?;
            Ok((row.get(0)?, is_new.then(|| known(row)).transpose()?))
        })
        .optional()?;
    let run_no = match known {
        None => insert(connection, sent, project_no, &run)?,
        Some((run_no, None)) => run_no,
        Some((run_no, Some(known))) => {
            update(connection, sent, project_no, &known, run.cells)?;
            run_no
        }
    };
    store_contents(connection, run_no, &run.contents)
}

/// Whether the row tells anything that is not known.
fn adds(known: &SqlRow<'_>, project_no: i64, cells: &[Cell<'_>]) -> rusqlite::Result<bool> {
    if known.get::<_, i64>(1)? != project_no {
        return Ok(true);
    }
    for (column, cell) in cells.iter().enumerate() {
        if !cell.is_null() && !cell.is(known.get_ref(KEYS + column)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn known(row: &SqlRow<'_>) -> rusqlite::Result<Known> {
    Ok(Known {
        run_no: row.get(0)?,
        project_no: row.get(1)?,
        cells: (KEYS..KEYS + COLUMNS)
            .map(|column| Ok(Cell::stored(row.get_ref(column)?)))
            .collect::<rusqlite::Result<_>>()?,
    })
}

fn insert(
    connection: &Connection,
    sent: Sent,
    project_no: i64,
    run: &SentRun<'_>,
) -> Result<i64, ApplyError> {
    let more = params![run.run_id, project_no, sent.instance_id, sent.ts_ms];
    connection
        .prepare_cached(INSERT)?
        .execute(with(&run.cells, more))?;
    Ok(connection.last_insert_rowid())
}

fn update(
    connection: &Connection,
    sent: Sent,
    project_no: i64,
    known: &Known,
    cells: Vec<Cell<'_>>,
) -> Result<(), ApplyError> {
    let merged = merge(&known.cells, cells);
    if merged == known.cells && project_no == known.project_no {
        return Ok(());
    }
    let more = params![known.run_no, project_no, sent.instance_id, sent.ts_ms];
    connection
        .prepare_cached(UPDATE)?
        .execute(with(&merged, more))?;
    Ok(())
}

/// What is known with what was sent laid over it.
fn merge<'a>(known: &[Cell<'static>], sent: Vec<Cell<'a>>) -> Vec<Cell<'a>> {
    let mut merged: Vec<Cell<'a>> = known
        .iter()
        .zip(sent)
        .enumerate()
        .map(|(column, (known, sent))| {
            // An older copy of a run that has ended meanwhile.
            let is_stale =
                column == at::STATUS && sent.text() == Some("pending") && !known.is_null();
            match sent.is_null() || is_stale {
                true => known.clone(),
                false => sent,
            }
        })
        .collect();
    let has_ended = matches!(merged[at::STATUS].text(), Some("success" | "error"));
    if has_ended && merged[at::IS_ABANDONED] == Cell::Integer(1) {
        merged[at::IS_ABANDONED] = Cell::Integer(0);
    }
    merged
}

fn store_contents(
    connection: &Connection,
    run_no: i64,
    sent: &[Cell<'_>],
) -> Result<(), ApplyError> {
    if sent.iter().all(Cell::is_null) {
        return Ok(());
    }
    let known: Option<Vec<Cell<'static>>> = connection
        .prepare_cached(FIND_CONTENTS)?
        .query_row([run_no], |row| {
            (0..CONTENTS.len())
                .map(|column| Ok(Cell::stored(row.get_ref(column)?)))
                .collect()
        })
        .optional()?;
    let merged = match &known {
        Some(known) => merge_contents(known, sent),
        None => sent.to_vec(),
    };
    if known.is_none_or(|known| known != merged) {
        connection
            .prepare_cached(PUT_CONTENTS)?
            .execute(with(&merged, params![run_no]))?;
    }
    Ok(())
}

fn merge_contents<'a>(known: &[Cell<'static>], sent: &[Cell<'a>]) -> Vec<Cell<'a>> {
    let newest = |(known, sent): (&Cell<'static>, &Cell<'a>)| match sent.is_null() {
        true => known.clone(),
        false => sent.clone(),
    };
    known.iter().zip(sent).map(newest).collect()
}
