//! The questions of the Traces page: projects, windows of roll-ups, the slowest, the failed, the pending, one run.
//! What was not received is absent, never zero.

mod chosen;
mod errors;
mod failed;
mod family;
mod pieces;
mod projects;
mod run;
mod runs;
mod sums;
mod window;

use super::{Result, Snapshot, bounded, json, unsigned};
use crate::apply::TraceMarks;

/// The columns of [`crate::TraceRunRow`], from `trace_runs r`.
macro_rules! run_columns {
    () => {
        "r.run_id, r.trace_id, r.name, r.run_type, r.status, r.is_root, r.start_us, r.end_us,
         coalesce(r.latency_us, r.end_us - r.start_us), r.model, r.error, r.is_abandoned"
    };
}
use run_columns;

impl Snapshot<'_> {
    fn trace_marks(&self) -> Result<TraceMarks> {
        Ok(TraceMarks::load(self.connection)?)
    }
}

#[cfg(test)]
pub(super) fn queries() -> Vec<(&'static str, &'static str)> {
    [
        projects::QUERIES,
        window::QUERIES,
        runs::QUERIES,
        chosen::QUERIES,
        errors::QUERIES,
        failed::QUERIES,
        run::QUERIES,
        family::QUERIES,
    ]
    .concat()
}
