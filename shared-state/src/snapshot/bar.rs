//! Heartbeat bars: how many heartbeats of which status each instance sent in each slot of time.
//! It colours nothing; an instance without heartbeats in the range is absent.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rusqlite::params;

use super::{Result, Snapshot, unsigned};
use crate::apply::{HEARTBEATS_ROLLED_TO, first_id, meta};
use crate::{Slot, TimeMs};

/// Raw rows behind the roll-up that a bar still looks at. Roll-ups are seconds behind; only a flood leaves more.
const TAIL_ROWS_MAX: i64 = 20_000;

/// Slots of one bar.
const SLOTS_MAX: usize = 1_440;

// CROSS JOIN is SQLite's way to fix the order: one seek for each instance, never a walk through the roll-up.
const BAR_MINUTES: &str = "
    SELECT m.instance_id, m.period_ms, m.heartbeats, m.degraded, m.errors
    FROM instances i CROSS JOIN heartbeat_minutes m ON m.instance_id = i.instance_id AND m.period_ms >= ?1 AND m.period_ms < ?2";
const BAR_HOURS: &str = "
    SELECT m.instance_id, m.period_ms, m.heartbeats, m.degraded, m.errors
    FROM instances i CROSS JOIN heartbeat_hours m ON m.instance_id = i.instance_id AND m.period_ms >= ?1 AND m.period_ms < ?2";
const BAR_TAIL: &str = "
    SELECT instance_id, heartbeat_id >> 20, status FROM heartbeats
    WHERE heartbeat_id > ?1 AND heartbeat_id < ?2 ORDER BY heartbeat_id DESC LIMIT ?3";
#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("BAR_MINUTES", BAR_MINUTES),
    ("BAR_HOURS", BAR_HOURS),
    ("BAR_TAIL", BAR_TAIL),
];

type Bars = BTreeMap<i64, Vec<Slot>>;

/// Ranges that are kept: the choices of a page.
const KEPT_MAX: usize = 4;

/// The part of a bar that comes from roll-ups. A closed minute never changes again, so that a bar that was read before
/// is moved on and only its newest slots are read: a day of a thousand instances is more than a million rows.
#[derive(Debug, Default)]
pub(crate) struct BarCache(RefCell<Vec<(Range, Bars)>>);

impl BarCache {
    /// Takes out what is known of this range, moved on to it, and from when on it is to be read.
    fn take(&self, range: Range) -> (Bars, TimeMs) {
        let mut kept = self.0.borrow_mut();
        let found = kept
            .iter()
            .position(|(of, _)| (of.slots, of.slot_ms) == (range.slots, range.slot_ms));
        let Some((of, mut bars)) = found.map(|at| kept.remove(at)) else {
            return (Bars::new(), range.from_ms);
        };
        if of == range {
            return (bars, range.to_ms());
        }
        let moved_ms = range.from_ms - of.from_ms;
        // Slots are the same ones only where they begin at the same times.
        if moved_ms < 0 || moved_ms % range.slot_ms != 0 || range.rolled_to < of.rolled_to {
            return (Bars::new(), range.from_ms);
        }
        let moved = usize::try_from(moved_ms / range.slot_ms).unwrap_or(usize::MAX);
        // The mark lies within a minute or an hour that was not counted to its end; one more where slots are odd.
        let period_ms = if range.is_of_hours() {
            3_600_000
        } else {
            60_000
        };
        let mark_ms = (of.rolled_to >> 20) - period_ms;
        let closed_ms = range.start_of(mark_ms.clamp(range.from_ms, range.to_ms()));
        let closed = usize::try_from((closed_ms - range.from_ms) / range.slot_ms).unwrap_or(0);
        for bar in bars.values_mut() {
            bar.drain(..moved.min(bar.len()));
            bar.truncate(closed);
            bar.resize(range.slots, Slot::default());
        }
        bars.retain(|_, bar| bar.iter().any(|slot| slot.heartbeats > 0));
        (bars, closed_ms)
    }

    fn put(&self, range: Range, bars: Bars) {
        let mut kept = self.0.borrow_mut();
        kept.truncate(KEPT_MAX - 1);
        kept.insert(0, (range, bars));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from_ms: TimeMs,
    slots: usize,
    slot_ms: i64,
    /// How far the roll-up had come.
    rolled_to: i64,
}

impl Range {
    fn to_ms(self) -> TimeMs {
        let slots = i64::try_from(self.slots).unwrap_or(i64::MAX);
        self.from_ms
            .saturating_add(slots.saturating_mul(self.slot_ms))
    }

    /// Whether hours hold all that is needed.
    fn is_of_hours(self) -> bool {
        self.slot_ms % 3_600_000 == 0 && self.from_ms % 3_600_000 == 0
    }

    /// The start of the slot that holds this time.
    fn start_of(self, ts_ms: TimeMs) -> TimeMs {
        self.from_ms + (ts_ms - self.from_ms).div_euclid(self.slot_ms) * self.slot_ms
    }

    fn add(self, bars: &mut Bars, instance_id: i64, ts_ms: TimeMs, more: Slot) {
        let Ok(at) = usize::try_from((ts_ms - self.from_ms).div_euclid(self.slot_ms)) else {
            return;
        };
        let bar = bars
            .entry(instance_id)
            .or_insert_with(|| vec![Slot::default(); self.slots]);
        if let Some(slot) = bar.get_mut(at) {
            slot.heartbeats += more.heartbeats;
            slot.degraded += more.degraded;
            slot.errors += more.errors;
        }
    }
}

impl Snapshot<'_> {
    /// Heartbeats of each instance in `slots` slots of `slot_ms` from `from_ms` on. Slots of whole hours are read
    /// from hours, others from minutes, so `slot_ms` should be a multiple of 60 000. Asked again with the same
    /// range it reads only what is new, so round `from_ms` down to a slot.
    pub fn heartbeat_bar(
        &self,
        from_ms: TimeMs,
        slots: usize,
        slot_ms: i64,
    ) -> Result<BTreeMap<i64, Vec<Slot>>> {
        let rolled_to = meta(self.connection, HEARTBEATS_ROLLED_TO)?.unwrap_or(0);
        let range = Range {
            from_ms,
            slots: slots.clamp(1, SLOTS_MAX),
            slot_ms: slot_ms.max(1),
            rolled_to,
        };
        let (mut bars, from) = self.bars.take(range);
        self.read_rolled_up(range, from, &mut bars)?;
        self.bars.put(range, bars.clone());
        // What the roll-up has not counted yet.
        let after = rolled_to.max(first_id(from_ms) - 1);
        let mut statement = self.connection.prepare_cached(BAR_TAIL)?;
        let mut rows = statement.query(params![after, first_id(range.to_ms()), TAIL_ROWS_MAX])?;
        while let Some(row) = rows.next()? {
            let status: u8 = row.get(2)?;
            let one = Slot {
                heartbeats: 1,
                degraded: u64::from(status == 1),
                errors: u64::from(status == 2),
            };
            range.add(&mut bars, row.get(0)?, row.get(1)?, one);
        }
        Ok(bars)
    }

    fn read_rolled_up(&self, range: Range, from_ms: TimeMs, bars: &mut Bars) -> Result<()> {
        if from_ms >= range.to_ms() {
            return Ok(());
        }
        let sql = if range.is_of_hours() {
            BAR_HOURS
        } else {
            BAR_MINUTES
        };
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![from_ms, range.to_ms()])?;
        while let Some(row) = rows.next()? {
            let slot = Slot {
                heartbeats: unsigned(row.get(2)?),
                degraded: unsigned(row.get(3)?),
                errors: unsigned(row.get(4)?),
            };
            range.add(bars, row.get(0)?, row.get(1)?, slot);
        }
        Ok(())
    }
}
