//! What the operator configured for one agent, as far as the decision needs it.
//! Where it comes from is not known here.

use std::time::Duration;

/// The rules for one instance. All of them may change between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// When it is started again after an end that nobody asked for.
    pub restart: Restart,
    /// Exit codes that mean that it finished.
    pub success_exit_codes: Vec<i32>,
    /// Upper bound of the first delay before a restart; zero restarts at once.
    pub backoff_initial: Duration,
    /// By how much the upper bound of each next delay is longer; at least 1.
    pub backoff_factor: f64,
    /// The longest delay.
    pub backoff_max: Duration,
    /// Healthy for this long, an invocation sets back what its predecessors used up.
    pub stable_after: Duration,
    /// Restarts that `restart_window` may hold.
    pub restarts_max: u32,
    /// The window of `restarts_max`.
    pub restart_window: Duration,
    /// Invocations in a row that ended before `stable_after`.
    pub short_lived_max: u32,
    /// After this long FATAL is tried again; `None` for never.
    pub fatal_retry: Option<Duration>,
    /// Whether giving up is an emergency of the whole coordinator; there is no retry then.
    pub essential: bool,
    /// How it becomes ready.
    pub readiness: Readiness,
    /// How long it may be silent; `None` for ever.
    pub heartbeat_timeout: Option<Duration>,
    /// From the watchdog signal to KILL.
    pub watchdog_grace: Duration,
    /// From the request to stop to KILL.
    pub stop_timeout: Duration,
    /// Older processes are replaced; `None` for never.
    pub max_age: Option<MaxAge>,
    /// Whether it runs at certain times only, and what then happens if it still runs.
    pub schedule: Option<Overlap>,
}

/// How old a process may become.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxAge {
    /// From the start of the process, on average.
    pub after: Duration,
    /// By which share of it a single process may be younger or older, from 0 to 1: many that were started together are
    /// then not replaced together.
    pub variance: f64,
}

impl MaxAge {
    /// How old a process becomes that drew this random number, at least 0 and below 1.
    pub fn of(self, random: f64) -> Duration {
        let variance = self.variance.clamp(0.0, 1.0);
        let share = 1.0 + variance * (2.0 * random.clamp(0.0, 1.0) - 1.0);
        // What is no number, or more than a duration holds, leaves the age as it is.
        Duration::try_from_secs_f64(self.after.as_secs_f64() * share).unwrap_or(self.after)
    }
}

/// What happens if a time of the schedule comes while the run before is still going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// That time is left out.
    Skip,
    /// One run, and never more than one, waits for the end of the other.
    Queue,
}

/// When an invocation that ended by itself is followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Whatever its end was.
    Always,
    /// Unless its exit code is one of the success codes.
    OnFailure,
    /// Not at all.
    Never,
}

/// How an invocation becomes ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It says so within this time, or counts as hung.
    Says {
        /// From the start of the process.
        within: Duration,
    },
    /// By being alive for this long.
    Lives {
        /// From the start of the process.
        after: Duration,
    },
}
