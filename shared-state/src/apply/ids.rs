//! Ids of heartbeats: the time in the upper bits, a count in the lower ones. It reads the file only while the clock
//! stands where it has been before, and never writes.

use rusqlite::{Connection, params};

use crate::TimeMs;

/// 2^20 heartbeats in one millisecond: far more than any disk takes.
pub(crate) const COUNT_BITS: u32 = 20;

/// Readings of different pipes arrive slightly out of order; up to this they share the newest time, so that ids
/// only grow. A larger step back is a changed clock.
const DISORDER_MS: TimeMs = 2_000;

/// Times beyond this (the year 2248) or before 1970 cannot be written into an id.
const TS_MS_MAX: TimeMs = (1 << 43) - 1;

const NEWEST: &str = "SELECT coalesce(max(heartbeat_id), 0) FROM heartbeats";
const NEWEST_WITHIN: &str =
    "SELECT max(heartbeat_id) FROM heartbeats WHERE heartbeat_id BETWEEN ?1 AND ?2";

/// The first id of a millisecond.
pub(crate) fn first_id(ts_ms: TimeMs) -> i64 {
    ts_ms.clamp(0, TS_MS_MAX) << COUNT_BITS
}

/// Mints ids.
#[derive(Debug)]
pub(crate) struct Ids {
    last: i64,
    /// The largest id of the file: below it, an id may be taken.
    highest: i64,
}

impl Ids {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let highest = connection.query_row(NEWEST, [], |row| row.get(0))?;
        Ok(Self {
            last: highest,
            highest,
        })
    }

    /// An id for a heartbeat read at `ts_ms` that no other has.
    pub(crate) fn next(&mut self, connection: &Connection, ts_ms: TimeMs) -> rusqlite::Result<i64> {
        let first = first_id(ts_ms);
        let id = if first > self.highest {
            first
        } else if first <= self.last && first >= first_id((self.last >> COUNT_BITS) - DISORDER_MS) {
            self.last + 1
        } else {
            // The clock was set back: the rows of that time are there already, these go behind them.
            let end = first | ((1 << COUNT_BITS) - 1);
            let taken: Option<i64> = connection
                .prepare_cached(NEWEST_WITHIN)?
                .query_row(params![first, end], |row| row.get(0))?;
            taken.map_or(first, |taken| taken + 1)
        };
        self.last = id;
        self.highest = self.highest.max(id);
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(connection: &Connection, ids: &mut Ids, ts_ms: TimeMs) -> i64 {
        let id = ids.next(connection, ts_ms).unwrap();
        let insert = "INSERT INTO heartbeats VALUES (?1, 1, 1, 1, 0, NULL)";
        connection
            .execute(insert, [id])
            .expect("no id is given twice");
        id
    }

    #[test]
    fn a_clock_that_jumps_back_and_forth_never_meets_an_old_id() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection).unwrap();
        let mut ids = Ids::load(&connection).unwrap();
        let day = 86_400_000;
        for start in [10 * day, 9 * day, 11 * day, 10 * day, 9 * day - 5] {
            for ts_ms in (start..start + 20).flat_map(|ts_ms| [ts_ms, ts_ms, ts_ms - 3]) {
                let id = store(&connection, &mut ids, ts_ms);
                assert!(
                    (id >> COUNT_BITS) - ts_ms < DISORDER_MS,
                    "the id tells the time"
                );
            }
            ids = Ids::load(&connection).unwrap();
        }
    }

    #[test]
    fn small_disorder_keeps_the_table_append_only() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection).unwrap();
        let mut ids = Ids::load(&connection).unwrap();
        let minted: Vec<i64> = [1000, 1000, 990, 1001, 5]
            .map(|ms| store(&connection, &mut ids, 50_000 + ms))
            .into();
        assert!(minted.is_sorted());
    }
}
