//! The runs above and below one run, as far as they are stored. No index is kept for them: runs below a run begin while it
//! runs, and the index of starts holds those few.

use rusqlite::params;

use super::runs::run;
use super::{Result, Snapshot, bounded, run_columns};
use crate::TraceRunRow;

/// Runs that began while a run ran and are looked at: a trace has 25 000 at most, others run beside it.
const LOOKED_AT_MAX: i64 = 50_000;

/// Of a run without an end, or with one far off, so much is looked at.
const LASTS_US_MAX: i64 = 24 * 3_600_000_000;

// The list is root first and holds no run twice.
const PARENTS: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM trace_runs me, json_each(coalesce(me.parent_run_ids, json_array(me.parent_run_id))) above
    CROSS JOIN trace_runs r ON r.run_id = above.value
    WHERE me.run_id = ?1 AND r.project_no = me.project_no ORDER BY above.key LIMIT ?2"
);
// CROSS JOIN fixes the order: one stretch of the index of starts, cut before the others are looked at.
const CHILDREN: &str = concat!(
    "WITH me AS (
        SELECT project_no, start_us, min(coalesce(end_us, start_us + latency_us, ?2 + start_us), ?2 + start_us) AS until_us
        FROM trace_runs WHERE run_id = ?1
    ), beside AS (
        SELECT b.run_no, b.parent_run_id FROM me CROSS JOIN trace_runs b
        WHERE b.project_no = me.project_no AND b.start_us >= me.start_us AND b.start_us <= me.until_us
        ORDER BY b.start_us LIMIT ?3
    )
    SELECT ",
    run_columns!(),
    " FROM beside CROSS JOIN trace_runs r ON r.run_no = beside.run_no
    WHERE beside.parent_run_id = ?1 ORDER BY r.start_us LIMIT ?4"
);

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[("PARENTS", PARENTS), ("CHILDREN", CHILDREN)];

impl Snapshot<'_> {
    /// The runs above a run, root first.
    pub fn trace_parents(&self, run_id: &str, limit: usize) -> Result<Vec<TraceRunRow>> {
        self.all(PARENTS, params![run_id, bounded(limit)], run)
    }

    /// The runs directly below a run, in the order in which they began.
    pub fn trace_children(&self, run_id: &str, limit: usize) -> Result<Vec<TraceRunRow>> {
        let params = params![run_id, LASTS_US_MAX, LOOKED_AT_MAX, bounded(limit)];
        self.all(CHILDREN, params, run)
    }
}
