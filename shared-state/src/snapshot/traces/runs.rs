//! Single runs of a project as tables show them: the slowest and the pending. It adds nothing up.

use rusqlite::{Row, params};

use super::pieces::DAY_MS;
use super::{Result, Snapshot, bounded, run_columns};
use crate::{TimeMs, TraceRunRow};

/// Days looked at for the slowest: one seek each.
const DAYS_MAX: i64 = 800;
/// More than a page shows.
const SLOWEST_MAX: usize = 500;

const PENDING: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM trace_runs r WHERE r.project_no = ?1 AND r.status = 'pending' AND r.start_us IS NOT NULL
    ORDER BY r.start_us LIMIT ?2"
);
// From the index alone; what is faster than the slowest found so far is not looked at.
const SLOWEST_OF_DAY: &str = "
    SELECT run_no, coalesce(latency_us, end_us - start_us) FROM trace_runs
    WHERE is_root = 1 AND status <> 'pending' AND project_no = ?1 AND start_us / 86400000000 = ?2
        AND coalesce(latency_us, end_us - start_us) > ?3 AND start_us >= ?4 AND start_us < ?5
    ORDER BY coalesce(latency_us, end_us - start_us) DESC LIMIT ?6";
const BY_NUMBER: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM trace_runs r WHERE r.run_no = ?1"
);

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("PENDING", PENDING),
    ("SLOWEST_OF_DAY", SLOWEST_OF_DAY),
    ("BY_NUMBER", BY_NUMBER),
];

impl Snapshot<'_> {
    /// Runs that have not ended, the oldest first; abandoned ones among them.
    pub fn trace_pending(&self, project_no: i64, limit: usize) -> Result<Vec<TraceRunRow>> {
        self.all(PENDING, params![project_no, bounded(limit)], run)
    }

    /// The roots that took longest of those that started in a window and have ended.
    pub fn trace_slowest(
        &self,
        project_no: i64,
        from_ms: TimeMs,
        to_ms: TimeMs,
        limit: usize,
    ) -> Result<Vec<TraceRunRow>> {
        let limit = limit.min(SLOWEST_MAX);
        let (from_us, to_us) = (from_ms.saturating_mul(1_000), to_ms.saturating_mul(1_000));
        let last = (to_ms - 1).div_euclid(DAY_MS);
        let first = from_ms.div_euclid(DAY_MS).max(last - DAYS_MAX);
        // Slowest first.
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
        let mut rows = Vec::with_capacity(slowest.len());
        for (run_no, _) in slowest {
            rows.extend(self.one(BY_NUMBER, [run_no], run)?);
        }
        Ok(rows)
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
