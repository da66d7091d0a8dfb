//! Heartbeat bars: their ranges, and how a row of slots becomes at most three paths on a grey ground.
//! It reads nothing itself.

use std::collections::BTreeMap;

use shared_state::{ReaderError, Slot, Snapshot, TimeMs};

const MINUTE_MS: i64 = 60_000;

/// Over which time a bar reaches; the newest slot is at its right end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub enum BarRange {
    /// 60 slots of a minute.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// 72 slots of five minutes.
    #[serde(rename = "6h")]
    SixHours,
    /// 72 slots of twenty minutes.
    #[serde(rename = "24h")]
    Day,
    /// 84 slots of two hours.
    #[serde(rename = "7d")]
    Week,
}

impl BarRange {
    /// All, shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::SixHours, Self::Day, Self::Week];

    /// As in the URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// Its place in `ALL`.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Slots, and the length of one.
    pub fn slots(self) -> (usize, i64) {
        match self {
            Self::Hour => (60, MINUTE_MS),
            Self::SixHours => (72, 5 * MINUTE_MS),
            Self::Day => (72, 20 * MINUTE_MS),
            Self::Week => (84, 120 * MINUTE_MS),
        }
    }
}

/// The bars of all instances over one range.
#[derive(Debug, Default)]
pub struct Bars {
    /// Start of the oldest slot.
    pub from_ms: TimeMs,
    /// Length of a slot.
    pub slot_ms: i64,
    /// How many slots.
    pub count: usize,
    /// By instance; absent where nothing came.
    pub slots: BTreeMap<i64, Vec<Slot>>,
}

impl Bars {
    /// Reads the bars whose newest slot holds `now_ms`.
    pub fn read(
        snapshot: &Snapshot<'_>,
        range: BarRange,
        now_ms: TimeMs,
    ) -> Result<Self, ReaderError> {
        let (count, slot_ms) = range.slots();
        let from_ms =
            now_ms.div_euclid(slot_ms) * slot_ms - i64::try_from(count - 1).unwrap_or(0) * slot_ms;
        Ok(Self {
            from_ms,
            slot_ms,
            count,
            slots: snapshot.heartbeat_bar(from_ms, count, slot_ms)?,
        })
    }
}

/// Path data for each colour, in units of one slot; empty where nothing has that colour.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Slots with good heartbeats only.
    pub ok: String,
    /// Slots with a degraded one.
    pub degraded: String,
    /// Slots with an error.
    pub errors: String,
}

/// Draws neighbours of one colour with one stroke: a quiet healthy hour is a dozen bytes.
pub fn paths(slots: &[Slot]) -> Paths {
    let mut paths = Paths::default();
    let mut at = 0;
    while at < slots.len() {
        let look = look(&slots[at]);
        let run = slots[at..]
            .iter()
            .take_while(|slot| self::look(slot) == look)
            .count();
        let path = match look {
            Look::Empty => None,
            Look::Ok => Some(&mut paths.ok),
            Look::Degraded => Some(&mut paths.degraded),
            Look::Error => Some(&mut paths.errors),
        };
        if let Some(path) = path {
            path.push_str(&format!("M{at} .5h{run}"));
        }
        at += run;
    }
    paths
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Empty,
    Ok,
    Degraded,
    Error,
}

fn look(slot: &Slot) -> Look {
    match slot {
        Slot { heartbeats: 0, .. } => Look::Empty,
        Slot { errors: 1.., .. } => Look::Error,
        Slot { degraded: 1.., .. } => Look::Degraded,
        _ => Look::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_colour_share_a_stroke() {
        let slot = |heartbeats, degraded, errors| Slot {
            heartbeats,
            degraded,
            errors,
        };
        let slots = [
            slot(0, 0, 0),
            slot(9, 0, 0),
            slot(8, 0, 0),
            slot(7, 1, 0),
            slot(6, 1, 2),
            slot(1, 0, 0),
        ];
        let expected = Paths {
            ok: "M1 .5h2M5 .5h1".into(),
            degraded: "M3 .5h1".into(),
            errors: "M4 .5h1".into(),
        };
        assert_eq!(paths(&slots), expected);
        assert_eq!(paths(&[]), Paths::default());
    }

    #[test]
    fn names_and_places_agree() {
        for (n, range) in BarRange::ALL.into_iter().enumerate() {
            assert_eq!(range.index(), n);
        }
    }
}
