//! Differences of the roll-ups, gathered over a batch and written in its transaction: each row that changes is read and
//! written once. What was counted out and in again leaves nothing.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::figures::Figures;
use super::marks::Marks;
use crate::trace_rollup::{
    Histogram, Rollup, Sum, feedback_from_json, feedback_to_json, parse, plain,
};

/// Project, start of the period, and series or group.
type Key = (i64, i64, i64);

/// How one of the three tables is read and written.
struct Level {
    period_ms: i64,
    find: &'static str,
    put: &'static str,
    delete: &'static str,
}

macro_rules! level {
    ($table:literal, $period_ms:literal) => {
        Level {
            period_ms: $period_ms,
            find: concat!(
                "SELECT runs, errors, pending, prompt_tokens, prompt_tokens_runs, completion_tokens, completion_tokens_runs,
                    total_tokens, total_tokens_runs, prompt_cost, prompt_cost_runs, completion_cost, completion_cost_runs,
                    total_cost, total_cost_runs, feedback, latencies, first_tokens
                FROM ", $table, " WHERE project_no = ?1 AND period_ms = ?2 AND series_no = ?3"
            ),
            put: concat!(
                "INSERT OR REPLACE INTO ", $table, " (project_no, period_ms, series_no, runs, errors, pending,
                    prompt_tokens, prompt_tokens_runs, completion_tokens, completion_tokens_runs, total_tokens,
                    total_tokens_runs, prompt_cost, prompt_cost_runs, completion_cost, completion_cost_runs, total_cost,
                    total_cost_runs, feedback, latencies, first_tokens)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)"
            ),
            delete: concat!("DELETE FROM ", $table, " WHERE project_no = ?1 AND period_ms = ?2 AND series_no = ?3"),
        }
    };
}

const LEVELS: [Level; 3] = [
    level!("trace_minutes", 60_000),
    level!("trace_hours", 3_600_000),
    level!("trace_days", 86_400_000),
];

/// Errors by hour and day.
struct ErrorLevel {
    period_ms: i64,
    /// A row that then counts nothing.
    delete: &'static str,
    change: &'static str,
    insert: &'static str,
}

macro_rules! error_level {
    ($table:literal, $period_ms:literal) => {
        ErrorLevel {
            period_ms: $period_ms,
            delete: concat!(
                "DELETE FROM ",
                $table,
                " WHERE project_no = ?1 AND period_ms = ?2 AND group_no = ?3 AND runs + ?4 = 0"
            ),
            change: concat!(
                "UPDATE ",
                $table,
                " SET runs = runs + ?4, roots = roots + ?5 WHERE project_no = ?1 AND period_ms = ?2 AND group_no = ?3"
            ),
            insert: concat!(
                "INSERT INTO ",
                $table,
                " (project_no, period_ms, group_no, runs, roots) VALUES (?1, ?2, ?3, ?4, ?5)"
            ),
        }
    };
}

const ERROR_LEVELS: [ErrorLevel; 2] = [
    error_level!("trace_error_hours", 3_600_000),
    error_level!("trace_error_days", 86_400_000),
];

/// Where a run is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) project_no: i64,
    pub(super) series_no: i64,
    pub(super) error_group_no: Option<i64>,
    pub(super) start_us: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Errors {
    runs: i64,
    roots: i64,
}

/// What is not written yet. One batch of the writer changes at most six rows for each of its runs.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    rollups: [HashMap<Key, Rollup>; 3],
    errors: [HashMap<Key, Errors>; 2],
}

impl Deltas {
    /// Counts a run in (`times` 1) or out (-1).
    pub(super) fn count(&mut self, place: Place, figures: &Figures, marks: &Marks, times: i64) {
        let start_of = |period_ms: i64| place.start_us.div_euclid(period_ms * 1_000) * period_ms;
        for (level, rollups) in LEVELS.iter().zip(&mut self.rollups) {
            let period_ms = start_of(level.period_ms);
            if marks.keeps(level.period_ms, period_ms) {
                let key = (place.project_no, period_ms, place.series_no);
                figures.count_in(rollups.entry(key).or_default(), times);
            }
        }
        let Some(group_no) = place.error_group_no else {
            return;
        };
        for (level, errors) in ERROR_LEVELS.iter().zip(&mut self.errors) {
            let period_ms = start_of(level.period_ms);
            if marks.keeps(level.period_ms, period_ms) {
                let key = (place.project_no, period_ms, group_no);
                let errors = errors.entry(key).or_default();
                errors.runs += times;
                errors.roots += times * i64::from(figures.is_root);
            }
        }
    }

    /// Writes all of it.
    pub(super) fn flush(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for (level, rollups) in LEVELS.iter().zip(&mut self.rollups) {
            let mut changed: Vec<_> = rollups.drain().collect();
            // In the order of the table: neighbours are on the same page.
            changed.sort_unstable_by_key(|(key, _)| *key);
            for (key, delta) in changed {
                if delta != Rollup::default() {
                    change(connection, level, key, delta)?;
                }
            }
        }
        for (level, errors) in ERROR_LEVELS.iter().zip(&mut self.errors) {
            let mut changed: Vec<_> = errors.drain().collect();
            changed.sort_unstable_by_key(|(key, _)| *key);
            for ((project_no, period_ms, no), delta) in changed {
                if delta != Errors::default() {
                    let delta = [project_no, period_ms, no, delta.runs, delta.roots];
                    change_errors(connection, level, delta)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn forget(&mut self) {
        self.rollups.iter_mut().for_each(HashMap::clear);
        self.errors.iter_mut().for_each(HashMap::clear);
    }
}

fn change(
    connection: &Connection,
    level: &Level,
    (project_no, period_ms, series_no): Key,
    mut rollup: Rollup,
) -> rusqlite::Result<()> {
    let known = connection
        .prepare_cached(level.find)?
        .query_row([project_no, period_ms, series_no], read)
        .optional()?;
    if let Some(known) = &known {
        rollup.add(known);
    }
    if rollup.runs <= 0 {
        connection
            .prepare_cached(level.delete)?
            .execute([project_no, period_ms, series_no])?;
        return Ok(());
    }
    let [prompt, completion, total] = &rollup.tokens;
    let [prompt_cost, completion_cost, total_cost] = &rollup.costs;
    let told = |sum: &Sum<i64>| (sum.runs != 0).then_some(sum.sum);
    let cost = |sum: &Sum<bigdecimal::BigDecimal>| (sum.runs != 0).then(|| plain(&sum.sum));
    let blob = |histogram: &Histogram| (!histogram.is_empty()).then(|| histogram.to_blob());
    connection.prepare_cached(level.put)?.execute(params![
        project_no,
        period_ms,
        series_no,
        rollup.runs,
        rollup.errors,
        rollup.pending,
        told(prompt),
        prompt.runs,
        told(completion),
        completion.runs,
        told(total),
        total.runs,
        cost(prompt_cost),
        prompt_cost.runs,
        cost(completion_cost),
        completion_cost.runs,
        cost(total_cost),
        total_cost.runs,
        feedback_to_json(&rollup.feedback),
        blob(&rollup.latencies),
        blob(&rollup.first_tokens),
    ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Rollup> {
    let tokens = |column: usize| -> rusqlite::Result<Sum<i64>> {
        Ok(Sum {
            sum: row.get::<_, Option<i64>>(column)?.unwrap_or(0),
            runs: row.get(column + 1)?,
        })
    };
    let cost = |column: usize| -> rusqlite::Result<Sum<bigdecimal::BigDecimal>> {
        Ok(Sum {
            sum: row
                .get_ref(column)?
                .as_str_or_null()?
                .map(parse)
                .unwrap_or_default(),
            runs: row.get(column + 1)?,
        })
    };
    let histogram = |column: usize| -> rusqlite::Result<Histogram> {
        let blob = row.get_ref(column)?.as_blob_or_null()?;
        Ok(blob.map(Histogram::from_blob).unwrap_or_default())
    };
    Ok(Rollup {
        runs: row.get(0)?,
        errors: row.get(1)?,
        pending: row.get(2)?,
        tokens: [tokens(3)?, tokens(5)?, tokens(7)?],
        costs: [cost(9)?, cost(11)?, cost(13)?],
        feedback: row
            .get_ref(15)?
            .as_str_or_null()?
            .map(feedback_from_json)
            .unwrap_or_default(),
        latencies: histogram(16)?,
        first_tokens: histogram(17)?,
    })
}

fn change_errors(
    connection: &Connection,
    level: &ErrorLevel,
    delta: [i64; 5],
) -> rusqlite::Result<()> {
    let [project_no, period_ms, group_no, runs, _] = delta;
    let key = [project_no, period_ms, group_no, runs];
    // In this order, because no row may count nothing, not even for a moment.
    if connection.prepare_cached(level.delete)?.execute(key)? == 0
        && connection.prepare_cached(level.change)?.execute(delta)? == 0
    {
        connection.prepare_cached(level.insert)?.execute(delta)?;
    }
    Ok(())
}
