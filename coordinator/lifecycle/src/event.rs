//! What goes into the decision and what comes out of it, as plain data.
//! Nothing here happens: the caller performs effects and answers with events.

use std::time::Instant;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The operator wants it up, now: what earlier failures used up is forgotten.
    Start,
    /// The coordinator begins: it is wanted up, at once or at the next time of its schedule.
    Enable,
    /// A time of its schedule has come.
    Due,
    /// The operator wants earlier failures to be forgotten; where one is waited for, the next attempt is made now.
    Reset,
    /// The rules have changed: times that the present phase waits for follow them.
    Reconfigured,
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
    Spawned {
        /// A fresh random number, at least 0 and below 1, for how old it may become.
        random: f64,
    },
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
    /// Killed because it had too much memory, by the kernel or for its limit.
    OutOfMemory,
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
    /// Tell people that a time of the schedule does not start anything now.
    LeaveOut(Left),
}

/// What became of a time of the schedule that started nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The run before is still going, and this time is left out.
    Skipped,
    /// The run before is still going, and one run follows right after it.
    Queued,
    /// One waits already.
    QueueFull,
    /// It is FATAL, which only a retry or a start by hand ends.
    Fatal,
}

/// Which start this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// 1 for the first after a healthy time or by hand, one more for each failure in between.
    pub attempt: u32,
    /// Why now.
    pub kind: StartKind,
}

impl StartKind {
    /// Whether it follows a failure, and counts as a restart.
    pub fn is_restart(self) -> bool {
        match self {
            Self::Restart | Self::Retry => true,
            Self::Wanted | Self::Scheduled | Self::Renewal => false,
        }
    }
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
    /// A time of its schedule has come.
    Scheduled,
    /// The one before had become as old as it may.
    Renewal,
}
