//! Roll-ups and retention: what is due, in steps of a few milliseconds between batches. It keeps no transaction open
//! from one step to the next, so that a batch never waits for more than one step.

mod retention;
mod rollup;
#[cfg(test)]
mod tests;
mod trace_retention;

use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::TimeMs;
use crate::apply::Applier;

/// What is kept how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Raw heartbeats.
    pub heartbeats: Duration,
    /// Metric points, one a second at most.
    pub points: Duration,
    /// Minutes of heartbeats, metrics and LangSmith runs.
    pub minutes: Duration,
    /// Hours of heartbeats and metrics; hours and days of LangSmith runs.
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

/// Roll-ups are this far behind at rest; the heartbeat bar reads what they have not counted from the raw rows.
const ROLL_UP_EVERY: Duration = Duration::from_secs(15);
/// Nothing is kept by the second: what is too old may wait this long.
const PRUNE_EVERY: Duration = Duration::from_secs(120);
/// Under constant load maintenance takes this long, then leaves the thread to batches for ten times as long.
const SHARE: Duration = Duration::from_millis(4);
/// A wall clock that runs ahead of the monotonic one by more than this is not believed by retention: a wrong clock
/// must not delete a year.
const CLOCK_SLACK_MS: i64 = 60_000;

#[derive(Clone, Copy, Debug)]
enum Stage {
    Heartbeats,
    Level {
        at: usize,
        pass: rollup::Pass,
    },
    Prune {
        task: usize,
        after: i64,
        now_ms: TimeMs,
    },
    Shrink,
}

/// What is due next.
#[derive(Debug)]
pub(crate) struct Maintenance {
    retention: Retention,
    stage: Option<Stage>,
    next: Instant,
    next_prune: Instant,
    share_again: Instant,
    believed: Option<(Instant, TimeMs)>,
}

impl Maintenance {
    pub(crate) fn new(mut retention: Retention, now: Instant) -> Self {
        // An hour is made of minutes and a minute of points: each must outlive what is made of it.
        retention.minutes = retention.minutes.max(retention.points + 2 * HOUR);
        Self {
            retention,
            stage: None,
            next: now,
            next_prune: now,
            share_again: now,
            believed: None,
        }
    }

    pub(crate) fn next_step(&self) -> Instant {
        self.next
    }

    /// Does a little between two batches when they follow each other without a pause.
    pub(crate) fn share_time_with_batches(
        &mut self,
        connection: &Connection,
        applier: &mut Applier,
        now_ms: TimeMs,
    ) {
        let started = Instant::now();
        if started < self.next || started < self.share_again {
            return;
        }
        self.run_while(connection, applier, now_ms, || started.elapsed() < SHARE);
        self.share_again = Instant::now() + 10 * started.elapsed();
    }

    /// Does what is due, step by step, for as long as nothing more urgent waits.
    pub(crate) fn run_while(
        &mut self,
        connection: &Connection,
        applier: &mut Applier,
        now_ms: TimeMs,
        is_free: impl Fn() -> bool,
    ) {
        while is_free() {
            match self.step(connection, applier, now_ms, Instant::now()) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    // Each step is one transaction, rolled back by now; it begins anew with the next run.
                    tracing::debug!(%error, "maintenance is put off");
                    self.stage = None;
                    self.next = Instant::now() + Duration::from_secs(1);
                    return;
                }
            }
        }
    }

    /// One step; false when nothing is due before `next_step`.
    pub(crate) fn step(
        &mut self,
        connection: &Connection,
        applier: &mut Applier,
        now_ms: TimeMs,
        now: Instant,
    ) -> rusqlite::Result<bool> {
        let stage = self.stage.unwrap_or(Stage::Heartbeats);
        let next = match stage {
            Stage::Heartbeats if rollup::roll_heartbeats(connection, applier)? => Some(stage),
            Stage::Heartbeats => Some(Stage::Level {
                at: 0,
                pass: rollup::Pass::default(),
            }),
            Stage::Level { at, mut pass } => {
                match rollup::roll_level(connection, applier, at, &mut pass, now_ms)? {
                    true => Some(Stage::Level { at, pass }),
                    false if at + 1 < rollup::LEVELS.len() => Some(Stage::Level {
                        at: at + 1,
                        pass: rollup::Pass::default(),
                    }),
                    false if now >= self.next_prune => Some(Stage::Prune {
                        task: 0,
                        after: 0,
                        now_ms: self.believe(now_ms, now),
                    }),
                    false => None,
                }
            }
            Stage::Prune {
                task,
                mut after,
                now_ms,
            } => {
                let more = retention::prune(
                    connection,
                    applier,
                    &self.retention,
                    task,
                    &mut after,
                    now_ms,
                )?;
                match (more, task + 1 < retention::TASKS) {
                    (true, _) => Some(Stage::Prune {
                        task,
                        after,
                        now_ms,
                    }),
                    (false, true) => Some(Stage::Prune {
                        task: task + 1,
                        after: 0,
                        now_ms,
                    }),
                    (false, false) => Some(Stage::Shrink),
                }
            }
            Stage::Shrink if retention::shrink(connection)? => Some(stage),
            Stage::Shrink => {
                self.next_prune = now + PRUNE_EVERY;
                None
            }
        };
        self.stage = next;
        if next.is_none() {
            self.next = now + ROLL_UP_EVERY;
        }
        Ok(next.is_some())
    }

    fn believe(&mut self, now_ms: TimeMs, now: Instant) -> TimeMs {
        let believed = self.believed.map_or(now_ms, |(at, then_ms)| {
            let passed = i64::try_from(now.duration_since(at).as_millis()).unwrap_or(i64::MAX);
            now_ms.min(
                then_ms
                    .saturating_add(passed)
                    .saturating_add(CLOCK_SLACK_MS),
            )
        });
        self.believed = Some((now, believed));
        believed
    }
}

/// Runs a step in a transaction of its own; it is rolled back if the step fails.
fn in_transaction<T>(
    connection: &Connection,
    step: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let result = step(&transaction)?;
    transaction.commit()?;
    Ok(result)
}
