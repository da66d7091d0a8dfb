//! What goes into the decision and what comes out of it, as plain data.
//! Nothing here happens: the caller performs effects and answers with events.

use std::time::Instant;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The operator wants it up, now: what earlier failures used up is forgotten.
    Start,
    /// The operator wants it down.
    Stop,
    /// The operator wants it down without its grace.
    Kill,
    /// Everything that it depends on became ready, or no longer is.
    Dependencies {
        /// Whether all are ready.
        ready: bool,
    },
    /// The answer to [`Effect::Spawn`]: the process lives.
    Spawned,
    /// The process ended, or could not be started: for the decision both are the same.
    Gone {
        /// How.
        cause: Cause,
        /// A fresh random number, at least 0 and below 1, for the jitter of the delay.
        random: f64,
    },
    /// The process said that it is able to work.
    Ready,
    /// The process showed that its work goes on.
    Heartbeat,
    /// The deadline may have come; an early one is ignored.
    Deadline {
        /// Since when the caller has been awake: silence that it slept through proves nothing.
        awake_since: Instant,
    },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Signaled(i32),
    /// It never began: the error number of the call that failed.
    SpawnFailed(i32),
}

/// Something to be done now. At most one follows from an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start a process, then answer with [`Event::Spawned`] or [`Event::Gone`] before any other event.
    Spawn(Start),
    /// Ask the process to end: message, stop signal and CONT.
    RequestStop,
    /// Send the watchdog signal to a process that hangs.
    SignalHang,
    /// Kill the process and all of its group.
    Kill,
    /// An essential agent cannot be kept alive: end everything.
    GiveUp,
}

/// Which start this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// 1 for the first after a healthy time or by hand, one more for each failure in between.
    pub attempt: u32,
    /// Why now.
    pub kind: StartKind,
}

/// Why a process is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartKind {
    /// The operator wants it.
    Wanted,
    /// The one before ended although nobody asked for it.
    Restart,
    /// The slow retry of one that is FATAL.
    Retry,
}
