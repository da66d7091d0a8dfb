//! Single runs of a project as tables show them: the slowest and the pending. It adds nothing up.

use rusqlite::{Row, params};

use super::pieces::DAY_MS;
use super::{Result, Snapshot, bounded, run_columns};
use crate::{TimeMs, TraceFilter, TraceRunRow};

/// Days looked at for the slowest: one seek each.
const DAYS_MAX: i64 = 800;
/// More than a page shows.
const SLOWEST_MAX: usize = 500;
/// Runs that have not ended and are looked at for those of a filter.
const LOOKED_AT_MAX: i64 = 50_000;

// From the index alone: it holds the series. Those that still run come oldest first, those given up newest first.
const PENDING: &str = "
    SELECT run_no, series_no FROM trace_runs
    WHERE project_no = ?1 AND status = 'pending' AND coalesce(is_abandoned, 0) = 0 AND start_us IS NOT NULL
    ORDER BY start_us LIMIT ?2";
const ABANDONED: &str = "
    SELECT run_no, series_no FROM trace_runs
    WHERE project_no = ?1 AND status = 'pending' AND coalesce(is_abandoned, 0) = 1 AND start_us IS NOT NULL
    ORDER BY start_us DESC LIMIT ?2";
// From the index alone; what is faster than the slowest found so far is not looked at.
const SLOWEST_OF_DAY: &str = "
    SELECT run_no, coalesce(latency_us, end_us - start_us) FROM trace_runs
    WHERE is_root = 1 AND status <> 'pending' AND project_no = ?1 AND start_us / 86400000000 = ?2
        AND coalesce(latency_us, end_us - start_us) > ?3 AND start_us >= ?4 AND start_us < ?5
    ORDER BY coalesce(latency_us, end_us - start_us) DESC LIMIT ?6";
pub(super) const BY_NUMBER: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM trace_runs r WHERE r.run_no = ?1"
);

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("PENDING", PENDING),
    ("ABANDONED", ABANDONED),
    ("SLOWEST_OF_DAY", SLOWEST_OF_DAY),
    ("BY_NUMBER", BY_NUMBER),
];

impl Snapshot<'_> {
    /// Runs that have not ended: first those that may still end, the oldest first, then abandoned ones, the newest first. With a
    /// filter, those among the first 50 000 of each.
    pub fn trace_pending(
        &self,
        project_no: i64,
        filter: &TraceFilter,
        limit: usize,
    ) -> Result<Vec<TraceRunRow>> {
        let chosen = self.trace_chosen(project_no, filter)?;
        let mut found: Vec<i64> = Vec::new();
        for sql in [PENDING, ABANDONED] {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![project_no, LOOKED_AT_MAX])?;
            while found.len() < limit
                && let Some(row) = rows.next()?
            {
                let series_no: Option<i64> = row.get(1)?;
                let is_chosen = chosen
                    .as_ref()
                    .is_none_or(|chosen| series_no.is_some_and(|no| chosen.contains(&no)));
                if is_chosen {
                    found.push(row.get(0)?);
                }
            }
        }
        self.trace_rows(found)
    }

    /// The roots that took longest of those that started in a window and have ended; with a filter the runs that it admits,
    /// roots or not.
    pub fn trace_slowest(
        &self,
        project_no: i64,
        from_ms: TimeMs,
        to_ms: TimeMs,
        filter: &TraceFilter,
        limit: usize,
    ) -> Result<Vec<TraceRunRow>> {
        let limit = limit.min(SLOWEST_MAX);
        let slowest = match self.trace_chosen(project_no, filter)? {
            Some(chosen) => self.trace_slowest_of(project_no, &chosen, (from_ms, to_ms), limit)?,
            None => self.trace_slowest_roots(project_no, from_ms, to_ms, limit)?,
        };
        self.trace_rows(slowest.into_iter().map(|(run_no, _)| run_no))
    }

    /// Numbers and durations, slowest first.
    fn trace_slowest_roots(
        &self,
        project_no: i64,
        from_ms: TimeMs,
        to_ms: TimeMs,
        limit: usize,
    ) -> Result<Vec<(i64, i64)>> {
        let (from_us, to_us) = (from_ms.saturating_mul(1_000), to_ms.saturating_mul(1_000));
        let last = (to_ms - 1).div_euclid(DAY_MS);
        let first = from_ms.div_euclid(DAY_MS).max(last - DAYS_MAX);
        let mut slowest: Vec<(i64, i64)> = Vec::new();
        for day in (first..=last).rev() {
            let least = match slowest.len() < limit {
                true => -1,
                false => slowest.last().map_or(-1, |(_, latency_us)| *latency_us),
            };
            let params = params![project_no, day, least, from_us, to_us, bounded(limit)];
            let of_day = self.all(SLOWEST_OF_DAY, params, |row| Ok((row.get(0)?, row.get(1)?)))?;
            slowest.extend(of_day);
            slowest.sort_by_key(|(_, latency_us)| std::cmp::Reverse(*latency_us));
            slowest.truncate(limit);
        }
        Ok(slowest)
    }

    fn trace_rows(&self, numbers: impl IntoIterator<Item = i64>) -> Result<Vec<TraceRunRow>> {
        let rows = numbers
            .into_iter()
            .map(|run_no| self.one(BY_NUMBER, [run_no], run));
        let rows: Vec<_> = rows.collect::<Result<_>>()?;
        Ok(rows.into_iter().flatten().collect())
    }
}

/// The columns of `run_columns`.
pub(super) fn run(row: &Row<'_>) -> rusqlite::Result<TraceRunRow> {
    Ok(TraceRunRow {
        run_id: row.get(0)?,
        trace_id: row.get(1)?,
        name: row.get(2)?,
        run_type: row.get(3)?,
        status: row.get(4)?,
        is_root: row.get(5)?,
        start_us: row.get(6)?,
        end_us: row.get(7)?,
        latency_us: row.get(8)?,
        model: row.get(9)?,
        error: row.get(10)?,
        is_abandoned: row.get(11)?,
    })
}
