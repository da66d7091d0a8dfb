//! Ends, hangs and states in words, as they stand in the database, the log and the status.
//! It decides nothing.

use std::time::{Duration, Instant};

use coordinator_config::duration_text;
use lifecycle::{Cause, Hang, Left, Phase, Surrender, Why};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use shared_state::InstanceState;

/// How a process ended: `exit code 3`, `killed by SIGKILL (9)`.
pub(crate) fn cause(cause: Cause) -> String {
    match cause {
        Cause::Exited(code) => format!("exit code {code}"),
        Cause::Signaled(number) => match Signal::try_from(number) {
            Ok(signal) => format!("killed by {signal} ({number})"),
            Err(_) => format!("killed by signal {number}"),
        },
        Cause::OutOfMemory => "out of memory: killed by SIGKILL (9)".into(),
        Cause::SpawnFailed(errno) => {
            format!("could not be started: {}", Errno::from_raw(errno).desc())
        }
    }
}

/// How a process ended, and what it failed to do before.
pub(crate) fn end(ended: Cause, hang: Option<Hang>) -> String {
    match hang {
        None => cause(ended),
        Some(found) => format!("{}; {}", self::hang(found), cause(ended)),
    }
}

/// What a process that hangs failed to do.
pub(crate) fn hang(hang: Hang) -> String {
    match hang {
        Hang::NotReady { within } => format!("not ready within {}", duration_text(within)),
        Hang::Silent { within } => format!("no heartbeat within {}", duration_text(within)),
    }
}

fn surrender(surrender: Surrender) -> String {
    match surrender {
        Surrender::Window {
            restarts_max,
            window,
        } => {
            format!(
                "more than {restarts_max} restarts within {}",
                duration_text(window)
            )
        }
        Surrender::ShortLived {
            in_a_row,
            stable_after,
        } => format!(
            "{in_a_row} invocations in a row ended before they were healthy for {}",
            duration_text(stable_after)
        ),
        Surrender::RetryFailed { stable_after } => format!(
            "the retry was not healthy for {} either",
            duration_text(stable_after)
        ),
    }
}

/// The state that people see.
pub(crate) fn state(phase: &Phase) -> InstanceState {
    match phase {
        Phase::Stopped => InstanceState::Stopped,
        Phase::Waiting { .. } | Phase::Scheduled => InstanceState::Waiting,
        Phase::Spawning | Phase::Starting { .. } => InstanceState::Starting,
        Phase::Running { .. } => InstanceState::Running,
        Phase::Unhealthy { .. } => InstanceState::Unhealthy,
        Phase::Stopping { .. } => InstanceState::Stopping,
        Phase::Backoff { .. } => InstanceState::Backoff,
        Phase::Exited { .. } => InstanceState::Exited,
        Phase::Fatal { .. } => InstanceState::Fatal,
    }
}

/// Why it is in this state. `spawn_error` says more than the error number; `waits_for` names what is not ready.
pub(crate) fn reason(phase: &Phase, spawn_error: Option<&str>, waits_for: &str) -> String {
    let ended = |cause: Cause, hang| match (cause, spawn_error) {
        (Cause::SpawnFailed(_), Some(why)) => why.to_owned(),
        _ => end(cause, hang),
    };
    match *phase {
        Phase::Stopped => "stopped as asked".into(),
        Phase::Scheduled => "next run by schedule".into(),
        Phase::Waiting { .. } => format!("waits for {waits_for}"),
        Phase::Spawning => "is being started".into(),
        Phase::Starting { .. } => "started, not ready yet".into(),
        Phase::Running { .. } => "ready".into(),
        Phase::Unhealthy {
            hang: found,
            killed,
            ..
        } => match killed {
            false => format!("{}; it got the watchdog signal", hang(found)),
            true => format!("{}; it was killed and has not ended yet", hang(found)),
        },
        Phase::Stopping { killed: true, .. } => "did not stop in time; it was killed".into(),
        Phase::Stopping { why, .. } => match why {
            Why::Asked => "asked to stop".into(),
            Why::Old { age } => format!(
                "is {} old, as old as max_age lets it become; another takes its place",
                age_text(age)
            ),
        },
        // When it is tried again is a time of its own: a text would soon be wrong.
        Phase::Backoff { cause, hang, .. } => ended(cause, hang),
        Phase::Exited {
            cause: Cause::Exited(0),
            ..
        } => "finished with exit code 0".into(),
        Phase::Exited { cause, hang } => format!("ended: {}", ended(cause, hang)),
        Phase::Fatal {
            retry_at,
            surrender: why,
            cause,
            hang,
        } => {
            let last = ended(cause, hang);
            let retry = match retry_at {
                Some(_) => "",
                None => "; it is not tried again",
            };
            format!("{}; last: {last}{retry}", surrender(why))
        }
    }
}

/// Kind and message of the event about a time of the schedule that starts nothing.
pub(crate) fn left_out(left: Left) -> (&'static str, &'static str) {
    match left {
        Left::Skipped => (
            "run_skipped",
            "a time of its schedule was skipped: the run before is still going",
        ),
        Left::Queued => (
            "run_queued",
            "a time of its schedule came during a run; it runs once more right after",
        ),
        Left::QueueFull => (
            "run_skipped",
            "a time of its schedule was skipped: one run waits already",
        ),
        Left::Fatal => (
            "run_skipped",
            "a time of its schedule was skipped: it is FATAL",
        ),
    }
}

/// Whole seconds where there are many.
fn age_text(age: Duration) -> String {
    duration_text(match age.as_secs() {
        0..10 => Duration::from_millis(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        seconds => Duration::from_secs(seconds),
    })
}

/// How long until then, for people.
pub(crate) fn time_left(at: Instant, now: Instant) -> String {
    let left = at.saturating_duration_since(now);
    // Milliseconds matter only where there are few.
    let rounded = if left < Duration::from_secs(10) {
        Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs(left.as_secs())
    };
    duration_text(rounded)
}
