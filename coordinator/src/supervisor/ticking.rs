//! What is done every second or minute: sign of life, summary of heartbeats, the health of the database, systemd.
//! It concerns no single instance.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use shared_state::{Fact, InstanceState};
use tokio::time::{Interval, MissedTickBehavior};
use tracing::{error, info, warn};

use crate::agent_log::LogWriter;
use crate::clock::{self, TICK};
use crate::own_events::record_event;
use crate::shared::Shared;
use crate::systemd::Systemd;
use crate::text_pages;

/// The dashboard takes five missed ones for a death.
const ALIVE_EVERY: Duration = Duration::from_secs(2);
/// Often enough to see that heartbeats come, rarely enough to read everything else.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);
/// The first summary comes soon: whoever has just started it is still looking.
const FIRST_SUMMARY: Duration = Duration::from_secs(10);

/// The state of what ticks.
#[derive(Debug)]
pub(super) struct Ticking {
    alive_due: Instant,
    summary_due: Instant,
    summary_since: Instant,
    database_fails: bool,
    dropped_rows: u64,
    lost_log_bytes: u64,
    log_writer: LogWriter,
    /// Pids of strangers that were reported.
    pub(super) reported: HashSet<i32>,
    /// Whether some child has ended since strangers were looked for.
    pub(super) looks_for_strangers: bool,
}

/// A timer that does not hurry after a gap.
pub(super) fn ticks() -> Interval {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

impl Ticking {
    pub(super) fn new(log_writer: LogWriter) -> Self {
        let now = Instant::now();
        Self {
            alive_due: now,
            summary_due: now + FIRST_SUMMARY,
            summary_since: now,
            database_fails: false,
            dropped_rows: 0,
            lost_log_bytes: 0,
            log_writer,
            reported: HashSet::new(),
            looks_for_strangers: false,
        }
    }

    pub(super) fn tick(&mut self, shared: &Shared, systemd: &mut Systemd, now: Instant) {
        if let Some(gap) = shared.awake.note(now) {
            warn!(
                "the coordinator stood still for {} s; no agent is judged for that time",
                gap.as_secs()
            );
            let message = format!("the coordinator stood still for {} s", gap.as_secs());
            record_event(&shared.writer, 2, "stood_still", message);
        }
        if now >= self.alive_due {
            self.alive_due = now + ALIVE_EVERY;
            shared.writer.record(Fact::Alive {
                ts_ms: clock::wall_ms(),
            });
        }
        if now >= self.summary_due {
            self.summarise(shared, now);
            text_pages::give_back();
        }
        let health = shared.writer.health();
        self.watch_database(health.failing.as_deref());
        systemd.pet(&health, now);
        systemd.tell_status(self.status(shared));
    }

    fn watch_database(&mut self, failing: Option<&str>) {
        match (failing, self.database_fails) {
            (Some(why), false) => {
                error!(
                    "the database takes nothing: {why}; agents run on, and what waits is written once it does"
                );
            }
            (None, true) => info!("the database is written again"),
            _ => {}
        }
        self.database_fails = failing.is_some();
    }

    fn summarise(&mut self, shared: &Shared, now: Instant) {
        let heartbeats = shared.board.take_heartbeats();
        let seconds = now.saturating_duration_since(self.summary_since).as_secs();
        let health = shared.writer.health();
        let queue_rows = health.queue_rows;
        let count = count_states(shared);
        info!(
            heartbeats,
            seconds, queue_rows, "heartbeats received; {count}"
        );
        let dropped = health.dropped_rows.saturating_sub(self.dropped_rows);
        if dropped > 0 {
            warn!("{dropped} rows were dropped: the database was too slow for them");
        }
        let lost = self.log_writer.lost_bytes();
        if lost > self.lost_log_bytes {
            warn!(
                "{} bytes of agents' logs could not be written",
                lost - self.lost_log_bytes
            );
        }
        self.dropped_rows = health.dropped_rows;
        self.lost_log_bytes = lost;
        self.summary_since = now;
        self.summary_due = now + SUMMARY_EVERY;
    }

    fn status(&self, shared: &Shared) -> String {
        let states = count_states(shared);
        match self.database_fails {
            false => states,
            true => format!("{states}; the database takes nothing"),
        }
    }
}

/// Such as `7 agents: 6 RUNNING, 1 BACKOFF`.
pub(super) fn count_states(shared: &Shared) -> String {
    let views = shared.board.views();
    let mut counts: BTreeMap<InstanceState, usize> = BTreeMap::new();
    let shown = views.iter().filter(|view| view.is_shown());
    for view in shown.clone() {
        *counts.entry(view.state).or_default() += 1;
    }
    let parts: Vec<String> = counts
        .iter()
        .rev()
        .map(|(state, count)| format!("{count} {}", state.as_str()))
        .collect();
    format!("{} agents: {}", shown.count(), parts.join(", "))
}
