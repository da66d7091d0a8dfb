//! A small summary of LangSmith runs. What was not received is absent, never zero.
//! It groups nothing by model and computes no percentile.

use rusqlite::params;

use super::{Result, Snapshot, unsigned};
use crate::{TimeMs, TraceSummary};

// Tokens and costs of LLM runs only: a parent repeats those of its children.
const SUMMARY: &str = "
    SELECT count(*), coalesce(sum(is_root), 0), coalesce(sum(status = 'error'), 0),
        coalesce(sum(status = 'pending'), 0), sum(CASE WHEN run_type = 'llm' THEN total_tokens END),
        sum(CASE WHEN run_type = 'llm' THEN CAST(total_cost AS REAL) END), max(start_ms), max(updated_ms)
    FROM trace_runs WHERE project_id = ?1 AND start_ms >= ?2 AND start_ms < ?3";
// One seek for each project: the next one after the last.
const NEXT_PROJECT: &str = "SELECT min(project_id) FROM trace_runs WHERE project_id > ?1";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[("SUMMARY", SUMMARY), ("NEXT_PROJECT", NEXT_PROJECT)];

/// Projects looked at; a bridge pulls a handful.
const PROJECTS_MAX: usize = 1_000;

impl Snapshot<'_> {
    /// The ids of the LangSmith projects of which runs are stored.
    pub fn trace_projects(&self) -> Result<Vec<String>> {
        let mut projects: Vec<String> = Vec::new();
        while projects.len() < PROJECTS_MAX {
            let last = projects.last().map_or("", String::as_str);
            let next: Option<String> = self.one(NEXT_PROJECT, [last], |row| row.get(0))?.flatten();
            match next {
                Some(next) => projects.push(next),
                None => break,
            }
        }
        Ok(projects)
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
