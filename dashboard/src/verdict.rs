//! Judges what the rows say: which state is bad, who comes first, whether the coordinator is down.
//! It draws nothing and reads nothing.

use shared_state::{IncarnationRow, InstanceRow, InstanceState, InvocationRecord, TimeMs};

/// A coordinator refreshes its sign of life every 2 s; five missed ones are no accident.
pub const SEEN_AGE_MAX_MS: i64 = 10_000;

/// How a thing is doing, for its colour; every place that shows one shows an icon and a word too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As wanted.
    Good,
    /// On its way.
    Busy,
    /// Needs a look.
    Warn,
    /// Broken.
    Bad,
    /// Not running, as wanted.
    Idle,
}

impl Tone {
    /// The CSS class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Idle => "idle",
        }
    }
}

/// All states, worst first: the order of the filter buttons.
pub const STATES: [InstanceState; 9] = [
    InstanceState::Fatal,
    InstanceState::Unhealthy,
    InstanceState::Backoff,
    InstanceState::Stopping,
    InstanceState::Waiting,
    InstanceState::Starting,
    InstanceState::Running,
    InstanceState::Exited,
    InstanceState::Stopped,
];

/// The name of the state's icon, each of another shape.
pub fn icon(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Stopped => "stopped",
        InstanceState::Waiting => "waiting",
        InstanceState::Starting => "starting",
        InstanceState::Running => "running",
        InstanceState::Unhealthy => "unhealthy",
        InstanceState::Backoff => "backoff",
        InstanceState::Stopping => "stopping",
        InstanceState::Exited => "exited",
        InstanceState::Fatal => "fatal",
    }
}

/// The colour of a state.
pub fn tone(state: InstanceState) -> Tone {
    match state {
        InstanceState::Running => Tone::Good,
        InstanceState::Starting | InstanceState::Stopping | InstanceState::Waiting => Tone::Busy,
        InstanceState::Backoff => Tone::Warn,
        InstanceState::Unhealthy | InstanceState::Fatal => Tone::Bad,
        InstanceState::Stopped | InstanceState::Exited => Tone::Idle,
    }
}

/// The status that an agent gave itself, while it has a process.
pub fn status(row: &InstanceRow) -> Option<&'static str> {
    row.heartbeat.as_ref().map(|beat| status_word(beat.status))
}

/// 0, 1 and 2 in words.
pub fn status_word(status: u8) -> &'static str {
    match status {
        0 => "ok",
        1 => "degraded",
        _ => "error",
    }
}

/// What a living agent says of itself, where that is not "ok".
pub fn complaint(row: &InstanceRow) -> Option<&'static str> {
    row.pid?;
    status(row).filter(|status| *status != "ok")
}

/// Whether somebody should look at it now.
pub fn is_unwell(row: &InstanceRow) -> bool {
    matches!(
        row.state,
        InstanceState::Fatal | InstanceState::Unhealthy | InstanceState::Backoff
    ) || complaint(row) == Some("error")
}

/// The worst come first; within a rank the name decides, so that rows stay where they are.
pub fn rank(row: &InstanceRow) -> u8 {
    match row.state {
        InstanceState::Fatal => 0,
        InstanceState::Unhealthy => 1,
        InstanceState::Backoff => 2,
        InstanceState::Running if complaint(row) == Some("error") => 3,
        InstanceState::Running if complaint(row).is_some() => 4,
        InstanceState::Stopping | InstanceState::Waiting | InstanceState::Starting => 5,
        InstanceState::Running => 6,
        InstanceState::Exited => 7,
        InstanceState::Stopped => 8,
    }
}

/// The coordinator is not there; what is shown is how it left things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// Its last sign of life.
    pub as_of_ms: TimeMs,
    /// What is known of its end.
    pub why: String,
}

/// Whether the newest coordinator of this file is down.
pub fn coordinator_down(incarnation: Option<&IncarnationRow>, now_ms: TimeMs) -> Option<Down> {
    let Some(found) = incarnation else {
        return Some(Down {
            as_of_ms: now_ms,
            why: "no coordinator has used this database yet".into(),
        });
    };
    if let Some(ended_ms) = found.ended_ms {
        let reason = found.exit_reason.as_deref().unwrap_or("no reason given");
        return Some(Down {
            as_of_ms: ended_ms,
            why: format!("it ended in order ({reason})"),
        });
    }
    (now_ms.saturating_sub(found.seen_ms) > SEEN_AGE_MAX_MS).then(|| Down {
        as_of_ms: found.seen_ms,
        why: "it gave no sign of life since and left no word".into(),
    })
}

/// How an invocation ended, in words; the coordinator's own words where there are any.
pub fn outcome(row: &InvocationRecord) -> String {
    if let Some(reason) = &row.reason {
        return reason.clone();
    }
    match row.outcome.as_deref() {
        None => "running".into(),
        Some("exited") => format!("exit code {}", row.exit_code.unwrap_or_default()),
        Some("signaled") => {
            let number = row.signal.unwrap_or_default();
            nix::sys::signal::Signal::try_from(number).map_or_else(
                |_| format!("signal {number}"),
                |signal| format!("signal {number} ({signal})"),
            )
        }
        Some("spawn_failed") => "could not be started".into(),
        Some(_) => "lost: its coordinator died".into(),
    }
}

/// The colour of an invocation's end.
pub fn outcome_tone(row: &InvocationRecord) -> Tone {
    match row.outcome.as_deref() {
        None => Tone::Good,
        Some("exited") if row.exit_code == Some(0) => Tone::Idle,
        Some("lost") => Tone::Warn,
        Some(_) => Tone::Bad,
    }
}

/// The level of an event.
pub fn level(level: u8) -> (&'static str, Tone) {
    match level {
        0 => ("debug", Tone::Idle),
        1 => ("info", Tone::Busy),
        2 => ("warn", Tone::Warn),
        _ => ("error", Tone::Bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(seen_ms: TimeMs, ended_ms: Option<TimeMs>) -> IncarnationRow {
        IncarnationRow {
            incarnation_id: 1,
            host: "h".into(),
            pid: 1,
            pid_start_ticks: 1,
            version: "0".into(),
            started_ms: 0,
            seen_ms,
            ended_ms,
            exit_reason: None,
        }
    }

    #[test]
    fn the_coordinator_is_down_after_its_end_or_ten_silent_seconds() {
        assert_eq!(coordinator_down(Some(&seen(1_000, None)), 11_000), None);
        let down = coordinator_down(Some(&seen(1_000, None)), 11_001).unwrap();
        assert_eq!(down.as_of_ms, 1_000);
        let down = coordinator_down(Some(&seen(1_000, Some(1_500))), 1_600).unwrap();
        assert_eq!(down.as_of_ms, 1_500);
        assert!(coordinator_down(None, 5).is_some());
    }

    #[test]
    fn every_state_has_its_own_word_and_icon() {
        let mut words: Vec<_> = STATES
            .iter()
            .map(|state| (state.as_str(), icon(*state)))
            .collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), STATES.len());
    }
}
