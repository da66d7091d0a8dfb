//! From when on runs and their roll-ups are kept. What is older was removed and is not counted again.

use rusqlite::Connection;

use crate::TimeMs;
use crate::apply::{meta, set_meta};

const RUNS_FROM: &str = "trace_runs_from_ms";
const MINUTES_FROM: &str = "trace_minutes_from_ms";
const HOURS_FROM: &str = "trace_hours_from_ms";

const HOUR_MS: i64 = 3_600_000;

/// The marks only grow. 0: nothing was ever removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Of runs, by their start.
    pub(crate) runs_from_ms: TimeMs,
    /// Of minutes.
    pub(crate) minutes_from_ms: TimeMs,
    /// Of hours; and of the days that hold one of them.
    pub(crate) hours_from_ms: TimeMs,
}

impl Marks {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mark = |key| Ok::<_, rusqlite::Error>(meta(connection, key)?.unwrap_or(0));
        Ok(Self {
            runs_from_ms: mark(RUNS_FROM)?,
            minutes_from_ms: mark(MINUTES_FROM)?,
            hours_from_ms: mark(HOURS_FROM)?,
        })
    }

    /// Moves the marks on, never back, before anything is removed.
    pub(crate) fn advance(&mut self, connection: &Connection, to: Self) -> rusqlite::Result<()> {
        for (key, mark, to) in [
            (RUNS_FROM, &mut self.runs_from_ms, to.runs_from_ms),
            (MINUTES_FROM, &mut self.minutes_from_ms, to.minutes_from_ms),
            (HOURS_FROM, &mut self.hours_from_ms, to.hours_from_ms),
        ] {
            if to > *mark {
                set_meta(connection, key, to)?;
                *mark = to;
            }
        }
        Ok(())
    }

    /// From when on periods of this length are kept: the start of the oldest.
    pub(crate) fn start_of(&self, length_ms: i64) -> TimeMs {
        let mark = match length_ms < HOUR_MS {
            true => self.minutes_from_ms,
            false => self.hours_from_ms,
        };
        match mark {
            0 => TimeMs::MIN,
            mark => mark.div_euclid(length_ms) * length_ms,
        }
    }

    /// Whether a period of this length that begins then is kept.
    pub(crate) fn keeps(&self, length_ms: i64, period_ms: TimeMs) -> bool {
        period_ms >= self.start_of(length_ms)
    }

    /// Whether a run that begins then is kept.
    pub(crate) fn keeps_run(&self, start_us: i64) -> bool {
        self.runs_from_ms == 0 || start_us.div_euclid(1_000) >= self.runs_from_ms
    }
}
