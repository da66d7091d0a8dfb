//! Projects with their freshness, and the checks of their days. It judges neither.

use rusqlite::params;

use super::{Result, Snapshot, bounded, unsigned};
use crate::{TRACE_OPEN_MAX, TimeMs, TraceDayCheck, TraceProjectRow};

/// Projects looked at; a bridge pulls a handful.
const PROJECTS_MAX: i64 = 1_000;

const PROJECTS: &str = "
    SELECT p.project_no, p.project_id, p.name, p.source, p.web_url, p.api, p.last_pull_ms, p.watermark_ms,
        p.covered_from_ms, p.backfill_ms, p.pending_runs, p.settling_runs, p.abandoned_runs, p.gaps, p.http_status,
        p.requests_per_10s, p.requests_remaining, p.error, i.name, p.updated_ms,
        (SELECT min(start_us) FROM trace_runs r WHERE r.project_no = p.project_no),
        (SELECT max(start_us) FROM trace_runs r WHERE r.project_no = p.project_no),
        (SELECT count(*) FROM (SELECT 1 FROM trace_runs r WHERE r.project_no = p.project_no AND r.status = 'pending'
            AND coalesce(r.is_abandoned, 0) = 0 LIMIT ?2)),
        (SELECT count(*) FROM (SELECT 1 FROM trace_runs r WHERE r.project_no = p.project_no AND r.status = 'pending'
            AND coalesce(r.is_abandoned, 0) = 1 LIMIT ?2))
    FROM trace_projects p JOIN instances i ON i.instance_id = p.writer_id ORDER BY p.project_no LIMIT ?1";
const DAY_CHECKS: &str = "
    SELECT c.day_ms, c.server_runs, c.read_runs, c.checked_ms,
        (SELECT coalesce(sum(runs), 0) FROM trace_days d WHERE d.project_no = c.project_no AND d.period_ms = c.day_ms)
    FROM trace_day_checks c
    WHERE c.project_no = ?1 AND c.day_ms >= ?2 AND c.day_ms < ?3 ORDER BY c.day_ms DESC LIMIT ?4";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[("PROJECTS", PROJECTS), ("DAY_CHECKS", DAY_CHECKS)];

impl Snapshot<'_> {
    /// All projects, in the order in which they were first heard of.
    pub fn trace_projects(&self) -> Result<Vec<TraceProjectRow>> {
        let count = |value: Option<i64>| value.map(unsigned);
        let params = params![
            PROJECTS_MAX,
            i64::try_from(TRACE_OPEN_MAX).unwrap_or(i64::MAX)
        ];
        self.all(PROJECTS, params, |row| {
            let gaps: Option<String> = row.get(13)?;
            Ok(TraceProjectRow {
                project_no: row.get(0)?,
                project_id: row.get(1)?,
                name: row.get(2)?,
                source: row.get(3)?,
                web_url: row.get(4)?,
                api: row.get(5)?,
                last_pull_ms: row.get(6)?,
                watermark_ms: row.get(7)?,
                covered_from_ms: row.get(8)?,
                backfill_ms: row.get(9)?,
                pending_runs: count(row.get(10)?),
                settling_runs: count(row.get(11)?),
                abandoned_runs: count(row.get(12)?),
                gaps: gaps
                    .and_then(|gaps| serde_json::from_str(&gaps).ok())
                    .unwrap_or_default(),
                http_status: row.get(14)?,
                requests_per_10s: row.get(15)?,
                requests_remaining: row.get(16)?,
                error: row.get(17)?,
                writer: row.get(18)?,
                updated_ms: row.get(19)?,
                oldest_start_us: row.get(20)?,
                newest_start_us: row.get(21)?,
                stored_pending: unsigned(row.get(22)?),
                stored_abandoned: unsigned(row.get(23)?),
            })
        })
    }

    /// The checks of a project's days, newest first, beside the runs that are counted here.
    pub fn trace_day_checks(
        &self,
        project_no: i64,
        from_ms: TimeMs,
        to_ms: TimeMs,
        limit: usize,
    ) -> Result<Vec<TraceDayCheck>> {
        let params = params![project_no, from_ms, to_ms, bounded(limit)];
        self.all(DAY_CHECKS, params, |row| {
            Ok(TraceDayCheck {
                day_ms: row.get(0)?,
                server_runs: row.get::<_, Option<i64>>(1)?.map(unsigned),
                read_runs: row.get::<_, Option<i64>>(2)?.map(unsigned),
                checked_ms: row.get(3)?,
                stored_runs: unsigned(row.get(4)?),
            })
        })
    }
}
