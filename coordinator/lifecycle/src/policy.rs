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
