//! Removes LangSmith runs and their roll-ups when they are too old. Runs that go stay counted in hours and days: the marks
//! say from when on a run is still taken, so that none is counted twice. It never touches a project.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Retention, in_transaction};
use crate::TimeMs;
use crate::apply::{Applier, TraceMarks};

/// Runs removed in one step: each has a row, six index entries and perhaps contents.
const RUNS_PER_STEP: i64 = 500;
/// Rows of roll-ups removed in one step, when no single period has more.
const ROWS_PER_STEP: i64 = 2_000;
/// Series or groups removed in one step.
const NUMBERS_PER_STEP: i64 = 200;

const DAY_MS: i64 = 86_400_000;

const NEXT_PROJECT: &str = "SELECT min(project_no) FROM trace_projects WHERE project_no > ?1";
const RUNS: &str = "
    DELETE FROM trace_runs WHERE run_no IN (
        SELECT run_no FROM trace_runs WHERE project_no = ?1 AND start_us < ?2 * 1000 ORDER BY start_us LIMIT ?3)";
const RUNS_WITHOUT_START: &str = "
    DELETE FROM trace_runs WHERE run_no IN (
        SELECT run_no FROM trace_runs WHERE project_no = ?1 AND start_us IS NULL AND received_ms < ?2 LIMIT ?3)";
const SERIES: &str = "
    DELETE FROM trace_series WHERE series_no IN (SELECT series_no FROM trace_series WHERE last_ms < ?1 LIMIT ?2)";
const GROUPS: &str = "
    DELETE FROM trace_error_groups WHERE group_no IN (
        SELECT group_no FROM trace_error_groups WHERE last_ms < ?1 LIMIT ?2)";

/// A table of periods within projects.
struct Periods {
    length_ms: i64,
    /// The oldest period of a project.
    first: &'static str,
    /// The period in which a step ends, if there are more.
    end: &'static str,
    delete: &'static str,
}

macro_rules! periods {
    ($table:literal, $column:literal, $length_ms:literal) => {
        Periods {
            length_ms: $length_ms,
            first: concat!(
                "SELECT min(",
                $column,
                ") FROM ",
                $table,
                " WHERE project_no = ?1"
            ),
            end: concat!(
                "SELECT ",
                $column,
                " FROM ",
                $table,
                " WHERE project_no = ?1 AND ",
                $column,
                " < ?2 ORDER BY ",
                $column,
                " LIMIT 1 OFFSET ?3"
            ),
            delete: concat!(
                "DELETE FROM ",
                $table,
                " WHERE project_no = ?1 AND ",
                $column,
                " < ?2"
            ),
        }
    };
}

const PERIODS: [Periods; 6] = [
    periods!("trace_minutes", "period_ms", 60_000),
    periods!("trace_hours", "period_ms", 3_600_000),
    periods!("trace_days", "period_ms", 86_400_000),
    periods!("trace_error_hours", "period_ms", 3_600_000),
    periods!("trace_error_days", "period_ms", 86_400_000),
    periods!("trace_day_checks", "day_ms", 86_400_000),
];

/// Runs, each table of periods, series and groups.
pub(super) const TASKS: usize = PERIODS.len() + 2;

/// One step of one task; true while it has more to do. `after` is the project that is done.
pub(super) fn prune(
    connection: &Connection,
    applier: &mut Applier,
    retention: &Retention,
    task: usize,
    after: &mut i64,
    now_ms: TimeMs,
) -> rusqlite::Result<bool> {
    if task == 0 && *after == 0 {
        if next_project(connection, 0)?.is_none() {
            return Ok(false);
        }
        advance_marks(connection, applier, retention, now_ms)?;
    }
    let marks = applier.traces.marks;
    match task {
        0 => each_project(connection, after, |connection, project_no| {
            prune_runs(connection, project_no, marks.runs_from_ms)
        }),
        task if task <= PERIODS.len() => {
            each_project(connection, after, |connection, project_no| {
                prune_periods(connection, &PERIODS[task - 1], project_no, &marks)
            })
        }
        _ => prune_numbers(connection, applier),
    }
}

/// Before anything is removed: a crash in between removes less, and nothing is counted twice.
fn advance_marks(
    connection: &Connection,
    applier: &mut Applier,
    retention: &Retention,
    now_ms: TimeMs,
) -> rusqlite::Result<()> {
    let before = |age: Duration| {
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        now_ms.saturating_sub(age_ms)
    };
    let to = TraceMarks {
        runs_from_ms: before(retention.trace_runs),
        minutes_from_ms: before(retention.minutes),
        hours_from_ms: before(retention.hours),
    };
    let mut marks = applier.traces.marks;
    in_transaction(connection, |connection| marks.advance(connection, to))?;
    applier.traces.marks = marks;
    Ok(())
}

/// A step for the project after `after`; goes on to the next one when nothing is left of it.
fn each_project(
    connection: &Connection,
    after: &mut i64,
    step: impl Fn(&Connection, i64) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    let Some(project_no) = next_project(connection, *after)? else {
        return Ok(false);
    };
    if !in_transaction(connection, |connection| step(connection, project_no))? {
        *after = project_no;
    }
    Ok(true)
}

fn next_project(connection: &Connection, after: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(NEXT_PROJECT)?
        .query_row([after], |row| row.get(0))
}

fn prune_runs(
    connection: &Connection,
    project_no: i64,
    before_ms: TimeMs,
) -> rusqlite::Result<bool> {
    let params = params![project_no, before_ms, RUNS_PER_STEP];
    let removed = connection.prepare_cached(RUNS)?.execute(params)?
        + connection
            .prepare_cached(RUNS_WITHOUT_START)?
            .execute(params)?;
    Ok(removed > 0)
}

fn prune_periods(
    connection: &Connection,
    periods: &Periods,
    project_no: i64,
    marks: &TraceMarks,
) -> rusqlite::Result<bool> {
    let before_ms = marks.start_of(periods.length_ms);
    let first: Option<TimeMs> = connection
        .prepare_cached(periods.first)?
        .query_row([project_no], |row| row.get(0))?;
    let Some(first) = first.filter(|first| *first < before_ms) else {
        return Ok(false);
    };
    let end: Option<TimeMs> = connection
        .prepare_cached(periods.end)?
        .query_row([project_no, before_ms, ROWS_PER_STEP], |row| row.get(0))
        .optional()?;
    // One period at least, whatever it holds.
    let to_ms = end.map_or(before_ms, |end| end.max(first + 1));
    connection
        .prepare_cached(periods.delete)?
        .execute([project_no, to_ms])?;
    Ok(end.is_some())
}

/// Series and groups to which neither a run nor a roll-up can belong any more.
fn prune_numbers(connection: &Connection, applier: &mut Applier) -> rusqlite::Result<bool> {
    let marks = applier.traces.marks;
    let oldest_ms = marks
        .runs_from_ms
        .min(marks.minutes_from_ms)
        .min(marks.hours_from_ms);
    // `last_ms` is a day's start; another day for runs whose start was moved.
    let params = [oldest_ms - 2 * DAY_MS, NUMBERS_PER_STEP];
    let removed = in_transaction(connection, |connection| {
        Ok(connection.prepare_cached(SERIES)?.execute(params)?
            + connection.prepare_cached(GROUPS)?.execute(params)?)
    })?;
    if removed > 0 {
        applier.traces.forget_uncommitted();
    }
    Ok(removed > 0)
}
