//! What the writer tells about itself. It judges nothing: the coordinator decides what is unwell.

use std::time::Instant;

/// A reading of the writer's state.
#[derive(Clone, Debug)]
pub struct WriterHealth {
    /// Rows that wait, both classes.
    pub queue_rows: usize,
    /// The bound of the rows that may be dropped.
    pub queue_rows_max: usize,
    /// When the last transaction was committed.
    pub last_commit: Instant,
    /// Since when the present batch is being written; `None` while idle.
    pub writing_since: Option<Instant>,
    /// Why the present batch does not get through, while it does not.
    pub failing: Option<String>,
    /// Rows committed since the start.
    pub committed_rows: u64,
    /// Rows that found no room or could not be stored since the start.
    pub dropped_rows: u64,
}
