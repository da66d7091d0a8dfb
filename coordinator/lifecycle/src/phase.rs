//! What is wanted and what is true. Each deadline and each time lives in the phase in which it means something.
//! How one phase follows another stands in `machine`.

use std::time::{Duration, Instant};

use crate::{Cause, StartKind};

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A living process.
    Up,
    /// None.
    Down,
}

/// What is true. A process lives in `Starting`, `Running`, `Unhealthy` and `Stopping`, and in no other phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    /// Not wanted.
    Stopped,
    /// Wanted, at the next time of its schedule, which the caller knows and tells by an event: so no deadline.
    Scheduled,
    /// Wanted, but something that it depends on is not ready. Its end is the other agent's business, so no deadline.
    Waiting {
        /// What it will be then.
        kind: StartKind,
    },
    /// The caller was told to start a process and has not answered yet: that takes no time, so no deadline.
    Spawning,
    /// The process lives and is not ready.
    Starting {
        /// Start of the process.
        since: Instant,
        /// Then it is ready, or hangs: see [`Readiness`](crate::Readiness).
        ready_by: Instant,
        /// The random number of its age.
        random: f64,
    },
    /// The process is ready.
    Running {
        /// Start of the process.
        since: Instant,
        /// The random number of its age.
        random: f64,
        /// Since when it is ready.
        ready_at: Instant,
        /// The last sign of its work.
        last_sign: Instant,
        /// The next sign is awaited from then on.
        awaited_from: Instant,
        /// Whether the heartbeat timeout runs, and until when; absent where none is configured.
        silent_at: Option<Instant>,
        /// It is replaced then; absent where it may become as old as it likes.
        old_at: Option<Instant>,
    },
    /// The process hangs and is being ended.
    Unhealthy {
        /// What it failed to do.
        hang: Hang,
        /// How long it had been ready before.
        healthy: Duration,
        /// KILL is sent then, and again after it.
        kill_at: Instant,
        /// Whether KILL was sent.
        killed: bool,
    },
    /// The process was asked to end.
    Stopping {
        /// Why.
        why: Why,
        /// KILL is sent then, and again after it.
        kill_at: Instant,
        /// Whether KILL was sent.
        killed: bool,
    },
    /// Ended; it is started again.
    Backoff {
        /// Then.
        until: Instant,
        /// What ended it.
        cause: Cause,
        /// Whether it hung before.
        hang: Option<Hang>,
    },
    /// Ended as wanted.
    Exited {
        /// How.
        cause: Cause,
        /// Whether it hung before.
        hang: Option<Hang>,
    },
    /// Failed too often.
    Fatal {
        /// It is tried again then, or never.
        retry_at: Option<Instant>,
        /// What was used up.
        surrender: Surrender,
        /// What ended it last.
        cause: Cause,
        /// Whether it hung before.
        hang: Option<Hang>,
    },
}

/// Why a process was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The operator wants it.
    Asked,
    /// It has become older than it may; another one follows.
    Old {
        /// How old it was.
        age: Duration,
    },
}

/// What a process that hangs failed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hang {
    /// To say that it is ready.
    NotReady {
        /// Within this time.
        within: Duration,
    },
    /// To send a heartbeat.
    Silent {
        /// Within this time.
        within: Duration,
    },
}

/// Why it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surrender {
    /// More restarts than the window may hold.
    Window {
        /// `restarts_max`
        restarts_max: u32,
        /// `restart_window`
        window: Duration,
    },
    /// Too many short-lived invocations in a row.
    ShortLived {
        /// How many.
        in_a_row: u32,
        /// Each ended before this time.
        stable_after: Duration,
    },
    /// The slow retry after FATAL was not healthy for long enough either.
    RetryFailed {
        /// It ended before this time.
        stable_after: Duration,
    },
}

impl Phase {
    /// When something has to be decided even though nothing happens.
    pub fn deadline(&self) -> Option<Instant> {
        match *self {
            Self::Starting { ready_by, .. } => Some(ready_by),
            Self::Running {
                silent_at, old_at, ..
            } => match (silent_at, old_at) {
                (Some(silent_at), Some(old_at)) => Some(silent_at.min(old_at)),
                (one, other) => one.or(other),
            },
            Self::Unhealthy { kill_at, .. } | Self::Stopping { kill_at, .. } => Some(kill_at),
            Self::Backoff { until, .. } => Some(until),
            Self::Fatal { retry_at, .. } => retry_at,
            Self::Stopped
            | Self::Scheduled
            | Self::Waiting { .. }
            | Self::Spawning
            | Self::Exited { .. } => None,
        }
    }

    /// Whether a process lives.
    pub fn has_process(&self) -> bool {
        match self {
            Self::Starting { .. }
            | Self::Running { .. }
            | Self::Unhealthy { .. }
            | Self::Stopping { .. } => true,
            Self::Stopped
            | Self::Scheduled
            | Self::Waiting { .. }
            | Self::Spawning
            | Self::Backoff { .. }
            | Self::Exited { .. }
            | Self::Fatal { .. } => false,
        }
    }
}
