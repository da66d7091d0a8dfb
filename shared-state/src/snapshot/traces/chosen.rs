//! The series that a filter admits, and their slowest runs. What is not filtered is in `runs`.

use std::collections::HashSet;

use rusqlite::params;

use super::pieces::DAY_MS;
use super::{Result, Snapshot, bounded};
use crate::trace_rollup::bound_of_blob;
use crate::{TimeMs, TraceFilter};

/// Seeks for the slowest, one for each day of a series. The histograms of the days say which can hold one of them: more than
/// this would have to tie.
const SEEKS_MAX: usize = 5_000;

const CHOSEN: &str = "
    SELECT series_no FROM trace_series
    WHERE project_no = ?1 AND (?2 IS NULL OR run_type = ?2) AND (?3 IS NULL OR name = ?3) AND (?4 IS NULL OR model = ?4)";
const DAYS_OF_SERIES: &str = "
    SELECT series_no, period_ms, latencies FROM trace_days
    WHERE project_no = ?1 AND period_ms >= ?2 AND period_ms < ?3 AND latencies IS NOT NULL";
// From the index alone; what is faster than the slowest found so far is not looked at.
const SLOWEST_OF_SERIES: &str = "
    SELECT run_no, coalesce(latency_us, end_us - start_us) FROM trace_runs
    WHERE status <> 'pending' AND series_no = ?1 AND start_us / 86400000000 = ?2
        AND coalesce(latency_us, end_us - start_us) > ?3 AND start_us >= ?4 AND start_us < ?5
    ORDER BY coalesce(latency_us, end_us - start_us) DESC LIMIT ?6";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("CHOSEN", CHOSEN),
    ("DAYS_OF_SERIES", DAYS_OF_SERIES),
    ("SLOWEST_OF_SERIES", SLOWEST_OF_SERIES),
];

impl Snapshot<'_> {
    /// The numbers of the series that a filter admits; nothing where it admits all.
    pub(super) fn trace_chosen(
        &self,
        project_no: i64,
        filter: &TraceFilter,
    ) -> Result<Option<HashSet<i64>>> {
        if !filter.is_some() {
            return Ok(None);
        }
        let params = params![project_no, filter.run_type, filter.name, filter.model];
        let chosen = self.all(CHOSEN, params, |row| row.get(0))?;
        Ok(Some(chosen.into_iter().collect()))
    }

    /// Numbers and durations of the slowest runs of these series, slowest first.
    pub(super) fn trace_slowest_of(
        &self,
        project_no: i64,
        chosen: &HashSet<i64>,
        (from_ms, to_ms): (TimeMs, TimeMs),
        limit: usize,
    ) -> Result<Vec<(i64, i64)>> {
        let (from_us, to_us) = (from_ms.saturating_mul(1_000), to_ms.saturating_mul(1_000));
        let first_ms = from_ms.div_euclid(DAY_MS).saturating_mul(DAY_MS);
        // No run of the day of the series took longer than its bound.
        let mut days: Vec<(i64, i64, i64)> = Vec::new();
        let mut statement = self.connection.prepare_cached(DAYS_OF_SERIES)?;
        let mut rows = statement.query(params![project_no, first_ms, to_ms])?;
        while let Some(row) = rows.next()? {
            let series_no: i64 = row.get(0)?;
            if chosen.contains(&series_no)
                && let Some(bound_us) = bound_of_blob(&row.get::<_, Vec<u8>>(2)?)
            {
                days.push((bound_us, series_no, row.get(1)?));
            }
        }
        days.sort_unstable_by(|a, b| b.cmp(a));
        let mut slowest: Vec<(i64, i64)> = Vec::new();
        for (bound_us, series_no, day_ms) in days.into_iter().take(SEEKS_MAX) {
            let least_us = match slowest.len() < limit {
                true => -1,
                false => slowest.last().map_or(-1, |(_, latency_us)| *latency_us),
            };
            if bound_us <= least_us {
                break;
            }
            let day = day_ms.div_euclid(DAY_MS);
            let params = params![series_no, day, least_us, from_us, to_us, bounded(limit)];
            let of_day = self.all(SLOWEST_OF_SERIES, params, |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            slowest.extend(of_day);
            slowest.sort_by_key(|(_, latency_us)| std::cmp::Reverse(*latency_us));
            slowest.truncate(limit);
        }
        Ok(slowest)
    }
}
