//! Minutes and hours of heartbeats and metrics, made from the stored rows up to a mark in `meta`. The mark moves in
//! the transaction of the rows it stands for, so that a crash repeats nothing and leaves nothing out.

use rusqlite::{Connection, OptionalExtension, params};

use super::in_transaction;
use crate::TimeMs;
use crate::apply::{Applier, HEARTBEATS_ROLLED_TO, HOURS_ROLLED_TO, MINUTES_ROLLED_TO, set_meta};

/// Raw rows counted in one step: two to three milliseconds.
const HEARTBEATS_PER_STEP: i64 = 10_000;
/// Series folded in one step; each has at most 60 rows.
const SERIES_PER_STEP: i64 = 200;
/// A second is stored when it is read, at most this late in ordinary times.
const GRACE_MS: i64 = 2_000;

const STEP_END: &str = "
    SELECT heartbeat_id FROM heartbeats WHERE heartbeat_id > ?1 ORDER BY heartbeat_id LIMIT 1 OFFSET ?2";
const LAST: &str = "SELECT max(heartbeat_id) FROM heartbeats";
const COUNT_MINUTES: &str = "
    INSERT INTO heartbeat_minutes (instance_id, period_ms, heartbeats, degraded, errors)
    SELECT instance_id, (heartbeat_id >> 20) / 60000 * 60000, count(*), sum(status = 1), sum(status = 2)
    FROM heartbeats WHERE heartbeat_id > ?1 AND heartbeat_id <= ?2 GROUP BY 1, 2
    ON CONFLICT (instance_id, period_ms) DO UPDATE SET heartbeats = heartbeats + excluded.heartbeats,
        degraded = degraded + excluded.degraded, errors = errors + excluded.errors";
const COUNT_HOURS: &str = "
    INSERT INTO heartbeat_hours (instance_id, period_ms, heartbeats, degraded, errors)
    SELECT instance_id, (heartbeat_id >> 20) / 3600000 * 3600000, count(*), sum(status = 1), sum(status = 2)
    FROM heartbeats WHERE heartbeat_id > ?1 AND heartbeat_id <= ?2 GROUP BY 1, 2
    ON CONFLICT (instance_id, period_ms) DO UPDATE SET heartbeats = heartbeats + excluded.heartbeats,
        degraded = degraded + excluded.degraded, errors = errors + excluded.errors";

/// Counts the next raw rows; true while more wait. Rows that arrive behind the mark are counted when they are stored.
pub(super) fn roll_heartbeats(
    connection: &Connection,
    applier: &mut Applier,
) -> rusqlite::Result<bool> {
    let from = applier.heartbeats.rolled_to;
    let (to, more) = match step_end(connection, from)? {
        Some(to) => (to, true),
        None => (
            connection
                .prepare_cached(LAST)?
                .query_row([], |row| row.get::<_, Option<i64>>(0))?
                .unwrap_or(0),
            false,
        ),
    };
    if to <= from {
        return Ok(false);
    }
    in_transaction(connection, |connection| {
        connection
            .prepare_cached(COUNT_MINUTES)?
            .execute([from, to])?;
        connection
            .prepare_cached(COUNT_HOURS)?
            .execute([from, to])?;
        set_meta(connection, HEARTBEATS_ROLLED_TO, to)
    })?;
    applier.heartbeats.rolled_to = to;
    Ok(more)
}

fn step_end(connection: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(STEP_END)?
        .query_row([from, HEARTBEATS_PER_STEP - 1], |row| row.get(0))
        .optional()
}

/// One roll-up of metrics: from points to minutes, from minutes to hours.
pub(super) struct Level {
    period_ms: i64,
    mark: &'static str,
    source: &'static str,
    target: &'static str,
    next: &'static str,
}

pub(super) const LEVELS: [Level; 2] = [
    Level {
        period_ms: 60_000,
        mark: MINUTES_ROLLED_TO,
        source: "SELECT 1, value, value, value, value, value FROM metric_points
            WHERE series_id = ?1 AND ts_ms >= ?2 AND ts_ms < ?3 ORDER BY ts_ms",
        target: "INSERT OR REPLACE INTO metric_minutes (series_id, period_ms, points, min, max, sum, first, last)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        next: "SELECT min((SELECT min(ts_ms) FROM metric_points p WHERE p.series_id = s.series_id AND p.ts_ms >= ?1))
            FROM series s WHERE s.last_ms >= ?1",
    },
    Level {
        period_ms: 3_600_000,
        mark: HOURS_ROLLED_TO,
        source: "SELECT points, min, max, sum, first, last FROM metric_minutes
            WHERE series_id = ?1 AND period_ms >= ?2 AND period_ms < ?3 ORDER BY period_ms",
        target: "INSERT OR REPLACE INTO metric_hours (series_id, period_ms, points, min, max, sum, first, last)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        next: "SELECT min((SELECT min(period_ms) FROM metric_minutes p WHERE p.series_id = s.series_id AND p.period_ms >= ?1))
            FROM series s WHERE s.last_ms >= ?1",
    },
];

// A series whose newest point is older has nothing in the period.
const SERIES: &str = "SELECT series_id FROM series WHERE series_id > ?1 AND last_ms >= ?2 ORDER BY series_id LIMIT ?3";

/// How far the present period has come. Lost in a crash: then the period is made again, with the same result.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pass {
    period_ms: TimeMs,
    after: i64,
    rows: usize,
}

/// Folds the next series of the oldest period that is closed and not yet made; true while more is due.
pub(super) fn roll_level(
    connection: &Connection,
    applier: &mut Applier,
    at: usize,
    pass: &mut Pass,
    now_ms: TimeMs,
) -> rusqlite::Result<bool> {
    let level = &LEVELS[at];
    // Minutes are closed by the clock, hours by their minutes.
    let (mark, closed_to) = match at {
        0 => (
            applier.metrics.minutes_rolled_to,
            floor(now_ms - GRACE_MS, level.period_ms),
        ),
        _ => (
            applier.metrics.hours_rolled_to,
            floor(applier.metrics.minutes_rolled_to, level.period_ms),
        ),
    };
    if mark >= closed_to {
        return Ok(false);
    }
    if pass.period_ms != mark {
        *pass = Pass {
            period_ms: mark,
            after: 0,
            rows: 0,
        };
    }
    let moved = in_transaction(connection, |connection| {
        if !fold_series(connection, level, pass)? {
            return Ok(None);
        }
        let next = match pass.rows {
            // Nobody reported anything: go on where somebody did.
            0 => next_period(connection, level, mark)?.map_or(closed_to, |next| {
                next.clamp(mark + level.period_ms, closed_to)
            }),
            _ => mark + level.period_ms,
        };
        set_meta(connection, level.mark, next)?;
        Ok(Some(next))
    })?;
    if let Some(next) = moved {
        match at {
            0 => applier.metrics.minutes_rolled_to = next,
            _ => applier.metrics.hours_rolled_to = next,
        }
    }
    Ok(true)
}

/// Folds one step's series of a period; true when none is left.
fn fold_series(connection: &Connection, level: &Level, pass: &mut Pass) -> rusqlite::Result<bool> {
    let ids: Vec<i64> = connection
        .prepare_cached(SERIES)?
        .query_map([pass.after, pass.period_ms, SERIES_PER_STEP], |row| {
            row.get(0)
        })?
        .collect::<Result<_, _>>()?;
    let mut source = connection.prepare_cached(level.source)?;
    let mut target = connection.prepare_cached(level.target)?;
    for series_id in &ids {
        let mut rows = source.query(params![
            series_id,
            pass.period_ms,
            pass.period_ms + level.period_ms
        ])?;
        let mut folded: Option<Folded> = None;
        while let Some(row) = rows.next()? {
            let next = Folded {
                points: row.get(0)?,
                min: row.get(1)?,
                max: row.get(2)?,
                sum: row.get(3)?,
                first: row.get(4)?,
                last: row.get(5)?,
            };
            folded = Some(folded.map_or(next, |before| before.then(next)));
        }
        if let Some(f) = folded {
            target.execute(params![
                series_id,
                pass.period_ms,
                f.points,
                f.min,
                f.max,
                f.sum,
                f.first,
                f.last
            ])?;
            pass.rows += 1;
        }
        pass.after = *series_id;
    }
    Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX) < SERIES_PER_STEP)
}

fn next_period(
    connection: &Connection,
    level: &Level,
    mark: TimeMs,
) -> rusqlite::Result<Option<TimeMs>> {
    let next: Option<TimeMs> = connection
        .prepare_cached(level.next)?
        .query_row([mark + level.period_ms], |row| row.get(0))?;
    Ok(next.map(|next| floor(next, level.period_ms)))
}

fn floor(ts_ms: TimeMs, period_ms: i64) -> TimeMs {
    ts_ms.div_euclid(period_ms) * period_ms
}

#[derive(Clone, Copy)]
struct Folded {
    points: i64,
    min: f64,
    max: f64,
    sum: f64,
    first: f64,
    last: f64,
}

impl Folded {
    fn then(self, next: Self) -> Self {
        Self {
            points: self.points + next.points,
            min: self.min.min(next.min),
            max: self.max.max(next.max),
            // Two huge figures must not make a sum that is none.
            sum: (self.sum + next.sum).clamp(f64::MIN, f64::MAX),
            first: self.first,
            last: next.last,
        }
    }
}
