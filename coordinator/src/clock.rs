//! The wall clock for records, and whether this process was awake. Decisions use `Instant` only.
//! It keeps no timer.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use shared_state::TimeMs;

/// Milliseconds since 1970 UTC; 0 on a machine whose clock is before that.
pub(crate) fn wall_ms() -> TimeMs {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    TimeMs::try_from(since.as_millis()).unwrap_or(TimeMs::MAX)
}

/// A time as RFC 3339 in UTC with milliseconds.
pub(crate) fn text(ms: TimeMs) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(
        |_| ms.to_string(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    )
}

/// How often [`Awake::note`] has to be called by a timer.
pub(crate) const TICK: Duration = Duration::from_secs(1);
/// A gap this long between two ticks is no busy moment: the process was stopped, or the machine.
const GAP_MIN: Duration = Duration::from_secs(3);

/// Since when this process has been awake without a gap. What agents failed to say in a gap proves nothing: it may
/// have been said into a pipe that nobody read, or they were stopped too.
#[derive(Debug)]
pub(crate) struct Awake {
    since: Cell<Instant>,
    last_tick: Cell<Instant>,
}

impl Awake {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: Cell::new(now),
            last_tick: Cell::new(now),
        }
    }

    /// Called by the timer and before each judgement, whichever comes first after a gap. Returns the gap if there was one.
    pub(crate) fn note(&self, now: Instant) -> Option<Duration> {
        let gap = now.saturating_duration_since(self.last_tick.replace(now));
        if gap < GAP_MIN {
            return None;
        }
        self.since.set(now);
        Some(gap)
    }

    /// Since when.
    pub(crate) fn since(&self) -> Instant {
        self.since.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_between_ticks_begins_a_new_waking_time() {
        let start = Instant::now();
        let awake = Awake::new(start);
        assert_eq!(awake.note(start + TICK), None);
        assert_eq!(awake.since(), start);
        let late = start + TICK + GAP_MIN;
        assert_eq!(awake.note(late), Some(GAP_MIN));
        assert_eq!(awake.since(), late);
    }

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        assert_eq!(text(1_795_554_481_123), "2026-11-24T21:08:01.123Z");
    }
}
