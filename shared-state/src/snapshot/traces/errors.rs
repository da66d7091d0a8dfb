//! Failed runs of a window, grouped by their message. Whole hours and days come from roll-ups, the rest from an index.

use std::collections::HashMap;

use rusqlite::params;

use super::pieces::{DAY_MS, HOUR_MS, cut, round};
use super::runs::run;
use super::{Result, Snapshot, run_columns, unsigned};
use crate::{TimeMs, TraceErrorGroup, TraceErrors, TraceFilter};

/// Groups of a project are at most about a thousand, see `apply`.
const GROUPS_MAX: usize = 1_001;

const OF_DAYS: &str = "
    SELECT group_no, sum(runs), sum(roots) FROM trace_error_days
    WHERE project_no = ?1 AND period_ms >= ?2 AND period_ms < ?3 GROUP BY group_no";
const OF_HOURS: &str = "
    SELECT group_no, sum(runs), sum(roots) FROM trace_error_hours
    WHERE project_no = ?1 AND period_ms >= ?2 AND period_ms < ?3 GROUP BY group_no";
// CROSS JOIN fixes the order: one seek for each group.
const OF_MINUTES: &str = "
    SELECT g.group_no, count(*), coalesce(sum(r.is_root), 0)
    FROM trace_error_groups g CROSS JOIN trace_runs r
        ON r.error_group_no = g.group_no AND r.start_us >= ?2 * 1000 AND r.start_us < ?3 * 1000
    WHERE g.project_no = ?1 GROUP BY g.group_no";
const MESSAGE: &str = "SELECT message FROM trace_error_groups WHERE group_no = ?1";
const EXAMPLE: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM trace_runs r WHERE r.error_group_no = ?1 AND r.start_us >= ?2 * 1000 AND r.start_us < ?3 * 1000
    ORDER BY r.start_us DESC LIMIT 1"
);

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("ERRORS_OF_DAYS", OF_DAYS),
    ("ERRORS_OF_HOURS", OF_HOURS),
    ("ERRORS_OF_MINUTES", OF_MINUTES),
    ("ERROR_MESSAGE", MESSAGE),
    ("ERROR_EXAMPLE", EXAMPLE),
];

impl Snapshot<'_> {
    /// The groups with most failed runs in a window, of all runs and of roots: a failed run fails those above it, with the
    /// same message. The window is rounded to minutes like that of `trace_window`. With a filter the failed runs themselves
    /// are counted, the newest first, up to a bound.
    pub fn trace_errors(
        &self,
        project_no: i64,
        from_ms: TimeMs,
        to_ms: TimeMs,
        filter: &TraceFilter,
        limit: usize,
    ) -> Result<TraceErrors> {
        let marks = self.trace_marks()?;
        let (from_ms, to_ms) = round(from_ms, to_ms, &marks);
        let limit = limit.min(GROUPS_MAX);
        if let Some(chosen) = self.trace_chosen(project_no, filter)? {
            return self.trace_errors_of(project_no, &chosen, (from_ms, to_ms), limit);
        }
        let mut counts: HashMap<i64, (i64, i64)> = HashMap::new();
        for piece in cut(from_ms, to_ms, DAY_MS, &marks) {
            let sql = match piece.length_ms {
                DAY_MS => OF_DAYS,
                HOUR_MS => OF_HOURS,
                _ => OF_MINUTES,
            };
            let params = params![project_no, piece.from_ms, piece.to_ms];
            for (group_no, runs, roots) in self.all(sql, params, |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })? {
                let count = counts.entry(group_no).or_default();
                count.0 += runs;
                count.1 += roots;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(group_no, (runs, _))| (std::cmp::Reverse(*runs), *group_no));
        counts.truncate(limit);
        let mut groups = Vec::with_capacity(counts.len());
        for (group_no, (runs, roots)) in counts {
            groups.push(TraceErrorGroup {
                group_no,
                message: self.trace_error_message(group_no)?,
                runs: unsigned(runs),
                roots: unsigned(roots),
                example: self.one(EXAMPLE, params![group_no, from_ms, to_ms], run)?,
            });
        }
        Ok(TraceErrors {
            groups,
            is_partial: false,
        })
    }

    pub(super) fn trace_error_message(&self, group_no: i64) -> Result<String> {
        let message = self.one(MESSAGE, [group_no], |row| row.get(0))?;
        Ok(message.unwrap_or_default())
    }
}
