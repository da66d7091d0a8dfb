//! A small summary of LangSmith runs. What was not received is absent, never zero.
//! It groups nothing by model and computes no percentile.

use rusqlite::params;

use super::{Result, Snapshot, unsigned};
use crate::{TimeMs, TraceSummary};

// Tokens and costs of LLM runs only: a parent repeats those of its children.
const SUMMARY: &str = "
    SELECT count(*), coalesce(sum(is_root), 0), coalesce(sum(status = 'error'), 0),
        coalesce(sum(status = 'pending'), 0), sum(CASE WHEN run_type = 'llm' THEN total_tokens END),
        sum(CASE WHEN run_type = 'llm' THEN CAST(total_cost AS REAL) END), max(start_us) / 1000, max(updated_ms)
    FROM trace_runs WHERE project_no = (SELECT project_no FROM trace_projects WHERE project_id = ?1)
        AND start_us >= ?2 * 1000 AND start_us < ?3 * 1000";
const PROJECTS: &str = "SELECT project_id FROM trace_projects ORDER BY project_id LIMIT ?1";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[("SUMMARY", SUMMARY), ("PROJECTS", PROJECTS)];

/// Projects looked at; a bridge pulls a handful.
const PROJECTS_MAX: i64 = 1_000;

impl Snapshot<'_> {
    /// The ids of the LangSmith projects of which anything is stored.
    pub fn trace_projects(&self) -> Result<Vec<String>> {
        self.all(PROJECTS, [PROJECTS_MAX], |row| row.get(0))
    }

    /// Runs of a project that started in a window.
    pub fn trace_summary(
        &self,
        project_id: &str,
        from_ms: TimeMs,
        to_ms: TimeMs,
    ) -> Result<TraceSummary> {
        let summary = self.one(SUMMARY, params![project_id, from_ms, to_ms], |row| {
            Ok(TraceSummary {
                runs: unsigned(row.get(0)?),
                roots: unsigned(row.get(1)?),
                errors: unsigned(row.get(2)?),
                pending: unsigned(row.get(3)?),
                total_tokens: row.get(4)?,
                total_cost: row.get(5)?,
                newest_start_ms: row.get(6)?,
                updated_ms: row.get(7)?,
            })
        })?;
        Ok(summary.unwrap_or_default())
    }
}
