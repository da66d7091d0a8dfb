//! Stores LangSmith runs. What a row does not tell keeps what is known; a run that has ended does not become pending
//! again; nothing is written where nothing changed. What a change makes of the roll-ups is counted by `rollups`.

use std::borrow::Cow;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row as SqlRow, params};
use serde_json::value::RawValue;

use super::cell::Cell;
use super::dictionary::SeriesKey;
use super::figures::Figures;
use super::read_row::{CONTENTS, Row, at, with};
use super::rollups::Place;
use super::{Sent, Traces};
use crate::apply::ApplyError;

const FIND: &str = include_str!("find_run.sql");
const INSERT: &str = include_str!("insert_run.sql");
const UPDATE: &str = include_str!("update_run.sql");
/// Columns before the fields in `FIND`.
const KEYS: usize = 4;
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
    run_id: Cow<'a, str>,
    project_id: Cow<'a, str>,
    cells: Vec<Cell<'a>>,
    /// Empty where none were sent.
    contents: Vec<Cell<'a>>,
}

/// What is known of a run before it is changed.
struct Known {
    run_no: i64,
    project_no: i64,
    /// Absent where it is counted nowhere.
    place: Option<Place>,
    cells: Vec<Cell<'static>>,
}

pub(super) fn read<'a>(at: usize, row: &'a RawValue) -> Result<SentRun<'a>, ApplyError> {
    let row = Row::new(at, row)?;
    let (cells, contents) = row.run_cells()?;
    Ok(SentRun {
        run_id: row.id("run_id")?,
        project_id: row.id("project_id")?,
        cells,
        contents,
    })
}

/// What each run of a message needs; looking a long statement up by its text costs as much as running it.
struct Statements<'a> {
    find: CachedStatement<'a>,
    insert: CachedStatement<'a>,
}

pub(super) fn store_all(
    connection: &Connection,
    traces: &mut Traces,
    sent: Sent,
    runs: Vec<SentRun<'_>>,
) -> Result<(), ApplyError> {
    let mut statements = Statements {
        find: connection.prepare_cached(FIND)?,
        insert: connection.prepare_cached(INSERT)?,
    };
    runs.into_iter()
        .try_for_each(|run| store(connection, &mut statements, traces, sent, run))
}

fn store(
    connection: &Connection,
    statements: &mut Statements<'_>,
    traces: &mut Traces,
    sent: Sent,
    mut run: SentRun<'_>,
) -> Result<(), ApplyError> {
    let project_name = run.cells[at::PROJECT].text();
    let project_no = traces
        .projects
        .number(connection, sent, &run.project_id, project_name)?;
    run.cells.truncate(COLUMNS);
    let known = statements
        .find
        .query_row([&run.run_id], |row| {
            let is_new = adds(row, project_no, &run.cells)?;
            Ok((row.get(0)?, is_new.then(|| known(row)).transpose()?))
        })
        .optional()?;
    let run_no = match known {
        None => {
            let start_us = run.cells[at::START].integer();
            if start_us.is_some_and(|start_us| !traces.marks.keeps_run(start_us)) {
                // It was removed because of its age; its roll-ups have counted it.
                traces.count_too_old(sent);
                return Ok(());
            }
            insert(
                connection,
                &mut statements.insert,
                traces,
                sent,
                project_no,
                &run,
            )?
        }
        Some((run_no, None)) => run_no,
        Some((run_no, Some(known))) => {
            update(connection, traces, sent, project_no, &known, run.cells)?;
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
    let cells: Vec<_> = (KEYS..KEYS + COLUMNS)
        .map(|column| Ok(Cell::stored(row.get_ref(column)?)))
        .collect::<rusqlite::Result<_>>()?;
    let project_no = row.get(1)?;
    let series_no: Option<i64> = row.get(2)?;
    let place = series_no
        .zip(cells[at::START].integer())
        .map(|(series_no, start_us)| {
            Ok::<_, rusqlite::Error>(Place {
                project_no,
                series_no,
                error_group_no: row.get(3)?,
                start_us,
            })
        });
    Ok(Known {
        run_no: row.get(0)?,
        project_no,
        place: place.transpose()?,
        cells,
    })
}

fn insert(
    connection: &Connection,
    statement: &mut CachedStatement<'_>,
    traces: &mut Traces,
    sent: Sent,
    project_no: i64,
    run: &SentRun<'_>,
) -> Result<i64, ApplyError> {
    let place = count_in(connection, traces, project_no, &run.cells)?;
    let (series_no, group_no) = numbers(place);
    let more = params![
        run.run_id,
        project_no,
        sent.instance_id,
        sent.ts_ms,
        series_no,
        group_no
    ];
    statement.execute(with(&run.cells, more))?;
    Ok(connection.last_insert_rowid())
}

fn update(
    connection: &Connection,
    traces: &mut Traces,
    sent: Sent,
    project_no: i64,
    known: &Known,
    cells: Vec<Cell<'_>>,
) -> Result<(), ApplyError> {
    let merged = merge(&known.cells, cells);
    if merged == known.cells && project_no == known.project_no {
        return Ok(());
    }
    if let Some(place) = known.place {
        let figures = figures(connection, traces, place.project_no, &known.cells)?;
        traces.deltas.count(place, &figures, &traces.marks, -1);
    }
    let place = count_in(connection, traces, project_no, &merged)?;
    let (series_no, group_no) = numbers(place);
    let more = params![
        known.run_no,
        project_no,
        sent.instance_id,
        sent.ts_ms,
        series_no,
        group_no
    ];
    connection
        .prepare_cached(UPDATE)?
        .execute(with(&merged, more))?;
    Ok(())
}

fn numbers(place: Option<Place>) -> (Option<i64>, Option<i64>) {
    (
        place.map(|place| place.series_no),
        place.and_then(|place| place.error_group_no),
    )
}

fn figures(
    connection: &Connection,
    traces: &mut Traces,
    project_no: i64,
    cells: &[Cell<'_>],
) -> rusqlite::Result<Figures> {
    let feedback = cells[at::FEEDBACK].text();
    let mut figures = Figures::of(cells);
    figures.feedback = traces.feedback.read(connection, project_no, feedback)?;
    Ok(figures)
}

/// Counts a run as it now is; nowhere while its start is not known.
fn count_in(
    connection: &Connection,
    traces: &mut Traces,
    project_no: i64,
    cells: &[Cell<'_>],
) -> Result<Option<Place>, ApplyError> {
    let Some(start_us) = cells[at::START].integer() else {
        return Ok(None);
    };
    let figures = figures(connection, traces, project_no, cells)?;
    let start_ms = start_us.div_euclid(1_000);
    let text = |column: usize| cells[column].text().unwrap_or("");
    let key = SeriesKey {
        project_no,
        run_type: text(at::RUN_TYPE),
        name: text(at::NAME),
        model: text(at::MODEL),
        is_root: figures.is_root,
    };
    let dictionary = &mut traces.dictionary;
    let place = Place {
        project_no,
        series_no: dictionary.series(connection, key, start_ms)?,
        error_group_no: match figures.is_error {
            true => {
                Some(dictionary.error_group(connection, project_no, text(at::ERROR), start_ms)?)
            }
            false => None,
        },
        start_us,
    };
    traces.deltas.count(place, &figures, &traces.marks, 1);
    Ok(Some(place))
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
