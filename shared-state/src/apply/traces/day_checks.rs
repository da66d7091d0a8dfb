//! Stores how many runs of a closed day the server counts and how many were read. It compares nothing.

use std::borrow::Cow;

use rusqlite::{Connection, params};
use serde_json::value::RawValue;

use super::Sent;
use super::cell::Cell;
use super::projects::Projects;
use super::read_row::{DAY_CHECK, Row, with};
use crate::apply::ApplyError;

const DAY_MS: i64 = 86_400_000;

const PUT: &str = "
    INSERT INTO trace_day_checks (day_ms, server_runs, read_runs, project_no, checked_ms) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (project_no, day_ms) DO UPDATE SET server_runs = coalesce(excluded.server_runs, server_runs),
        read_runs = coalesce(excluded.read_runs, read_runs), checked_ms = excluded.checked_ms";

/// A day's check as it was sent.
pub(super) struct SentCheck<'a> {
    project_id: Cow<'a, str>,
    cells: Vec<Cell<'a>>,
}

pub(super) fn read<'a>(at: usize, row: &'a RawValue) -> Result<SentCheck<'a>, ApplyError> {
    let row = Row::new(at, row)?;
    let cells = row.cells(&DAY_CHECK)?;
    match cells[0].integer() {
        Some(day_ms) if day_ms % DAY_MS == 0 => Ok(SentCheck {
            project_id: row.id("project_id")?,
            cells,
        }),
        _ => Err(row.refuse("day_ms", "the start of a UTC day in milliseconds")),
    }
}

pub(super) fn store(
    connection: &Connection,
    projects: &mut Projects,
    sent: Sent,
    check: &SentCheck<'_>,
) -> Result<(), ApplyError> {
    let project_no = projects.number(connection, sent, &check.project_id, None)?;
    let more = params![project_no, sent.ts_ms];
    connection
        .prepare_cached(PUT)?
        .execute(with(&check.cells, more))?;
    Ok(())
}
