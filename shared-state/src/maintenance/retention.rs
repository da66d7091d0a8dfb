//! Removes what is too old, a bounded number of rows at a time. Nothing that a roll-up has not counted yet is removed.
//! It never touches `state`, `cursors`, `counters`, agents or instances.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Retention, in_transaction, trace_retention};
use crate::TimeMs;
use crate::apply::{Applier, POINTS_PRUNED_TO, first_id, set_meta};

/// Rows removed in one step: a few milliseconds.
const ROWS_PER_STEP: i64 = 4_000;
/// Series or instances looked at in one step when there is little to remove.
const KEYS_PER_STEP: usize = 200;
/// Free space that stays for new rows: 16 MiB, or a quarter of the file.
const FREE_PAGES_KEPT: i64 = 4_096;

/// A table whose rows belong to a key and are removed by time within it.
struct Keyed {
    /// The next key after ?1.
    next: &'static str,
    /// The time of the row at which a step ends, if there are more.
    end: &'static str,
    delete: &'static str,
}

const POINTS: Keyed = Keyed {
    next: "SELECT min(series_id) FROM series WHERE series_id > ?1",
    end: "SELECT ts_ms FROM metric_points WHERE series_id = ?1 AND ts_ms < ?2 ORDER BY ts_ms LIMIT 1 OFFSET ?3",
    delete: "DELETE FROM metric_points WHERE series_id = ?1 AND ts_ms < ?2",
};
const METRIC_MINUTES: Keyed = Keyed {
    next: POINTS.next,
    end: "SELECT period_ms FROM metric_minutes WHERE series_id = ?1 AND period_ms < ?2 ORDER BY period_ms LIMIT 1 OFFSET ?3",
    delete: "DELETE FROM metric_minutes WHERE series_id = ?1 AND period_ms < ?2",
};
const METRIC_HOURS: Keyed = Keyed {
    next: POINTS.next,
    end: "SELECT period_ms FROM metric_hours WHERE series_id = ?1 AND period_ms < ?2 ORDER BY period_ms LIMIT 1 OFFSET ?3",
    delete: "DELETE FROM metric_hours WHERE series_id = ?1 AND period_ms < ?2",
};
const HEARTBEAT_MINUTES: Keyed = Keyed {
    next: "SELECT min(instance_id) FROM instances WHERE instance_id > ?1",
    end: "SELECT period_ms FROM heartbeat_minutes WHERE instance_id = ?1 AND period_ms < ?2 ORDER BY period_ms LIMIT 1 OFFSET ?3",
    delete: "DELETE FROM heartbeat_minutes WHERE instance_id = ?1 AND period_ms < ?2",
};
const HEARTBEAT_HOURS: Keyed = Keyed {
    next: HEARTBEAT_MINUTES.next,
    end: "SELECT period_ms FROM heartbeat_hours WHERE instance_id = ?1 AND period_ms < ?2 ORDER BY period_ms LIMIT 1 OFFSET ?3",
    delete: "DELETE FROM heartbeat_hours WHERE instance_id = ?1 AND period_ms < ?2",
};

const HEARTBEAT_END: &str = "SELECT heartbeat_id FROM heartbeats WHERE heartbeat_id < ?1 ORDER BY heartbeat_id LIMIT 1 OFFSET ?2";
const DELETE_HEARTBEATS: &str = "DELETE FROM heartbeats WHERE heartbeat_id < ?1";
const EVENTS: &str = "
    DELETE FROM events WHERE event_id IN (SELECT event_id FROM events ORDER BY event_id LIMIT ?2)
        AND (ts_ms < ?1 OR event_id <= (SELECT max(event_id) FROM events) - ?3)";
const INVOCATIONS: &str = "
    DELETE FROM invocations WHERE invocation_id IN (
        SELECT invocation_id FROM invocations WHERE instance_id = ?1 AND ended_ms < ?2
            AND started_ms < (SELECT started_ms FROM invocations WHERE instance_id = ?1
                              ORDER BY started_ms DESC LIMIT 1 OFFSET ?3)
        ORDER BY started_ms LIMIT ?4)";
const ALERTS: &str = "
    DELETE FROM alerts WHERE alert_id IN (
        SELECT alert_id FROM alerts WHERE since_ms < ?1 AND state = 'resolved' AND resolved_ms < ?1
        ORDER BY since_ms LIMIT ?2)";
const SERIES: &str = "
    DELETE FROM series WHERE series_id IN (
        SELECT series_id FROM series s WHERE last_ms < ?1
            AND NOT EXISTS (SELECT 1 FROM metric_hours h WHERE h.series_id = s.series_id)
            AND NOT EXISTS (SELECT 1 FROM metric_minutes m WHERE m.series_id = s.series_id)
            AND NOT EXISTS (SELECT 1 FROM metric_points p WHERE p.series_id = s.series_id) LIMIT ?2)";

/// Its own, then those of traces.
pub(super) const TASKS: usize = OWN_TASKS + trace_retention::TASKS;
const OWN_TASKS: usize = 9;

/// One step of one task; true while it has more to do. `after` is where the task has come to.
pub(super) fn prune(
    connection: &Connection,
    applier: &mut Applier,
    retention: &Retention,
    task: usize,
    after: &mut i64,
    now_ms: TimeMs,
) -> rusqlite::Result<bool> {
    let before =
        |age: Duration| now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    let minutes_to = before(retention.minutes).min(applier.metrics.hours_rolled_to);
    match task {
        0 => prune_heartbeats(connection, applier, retention, before(retention.heartbeats)),
        1 => {
            let to = before(retention.points).min(applier.metrics.minutes_rolled_to);
            mark_points(connection, applier, to)?;
            prune_keyed(connection, &POINTS, to, after)
        }
        2 => prune_keyed(connection, &METRIC_MINUTES, minutes_to, after),
        3 => prune_keyed(connection, &METRIC_HOURS, before(retention.hours), after),
        4 => prune_keyed(
            connection,
            &HEARTBEAT_MINUTES,
            before(retention.minutes),
            after,
        ),
        5 => prune_keyed(connection, &HEARTBEAT_HOURS, before(retention.hours), after),
        6 => {
            let newest = i64::try_from(retention.events_max).unwrap_or(i64::MAX);
            run(
                connection,
                EVENTS,
                params![before(retention.events), ROWS_PER_STEP, newest],
            )
        }
        7 => prune_invocations(connection, retention, before(retention.invocations), after),
        8 => {
            let alerts = run(
                connection,
                ALERTS,
                params![before(retention.alerts), ROWS_PER_STEP],
            )?;
            Ok(run(connection, SERIES, params![before(retention.hours), 200])? || alerts)
        }
        _ => {
            let task = task - OWN_TASKS;
            trace_retention::prune(connection, applier, retention, task, after, now_ms)
        }
    }
}

/// True when as many rows were removed as one step may.
fn run(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<bool> {
    let removed = in_transaction(connection, |connection| {
        connection.prepare_cached(sql)?.execute(params)
    })?;
    Ok(removed >= 200)
}

fn prune_heartbeats(
    connection: &Connection,
    applier: &Applier,
    retention: &Retention,
    before_ms: TimeMs,
) -> rusqlite::Result<bool> {
    let bytes_max = i64::try_from(retention.database_bytes_max).unwrap_or(i64::MAX);
    let too_large = used_bytes(connection)? > bytes_max;
    // The newest counted row is where the roll-up goes on; it stays.
    let limit = applier.heartbeats.rolled_to;
    let to = if too_large {
        limit
    } else {
        first_id(before_ms).min(limit)
    };
    in_transaction(connection, |connection| {
        let end: Option<i64> = connection
            .prepare_cached(HEARTBEAT_END)?
            .query_row([to, ROWS_PER_STEP], |row| row.get(0))
            .optional()?;
        let removed = connection
            .prepare_cached(DELETE_HEARTBEATS)?
            .execute([end.unwrap_or(to)])?;
        Ok(end.is_some() && removed > 0)
    })
}

fn used_bytes(connection: &Connection) -> rusqlite::Result<i64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?)
}

/// Says before anything is removed from which time on points are whole.
fn mark_points(connection: &Connection, applier: &mut Applier, to: TimeMs) -> rusqlite::Result<()> {
    if to > applier.metrics.points_pruned_to {
        set_meta(connection, POINTS_PRUNED_TO, to)?;
        applier.metrics.points_pruned_to = to;
    }
    Ok(())
}

fn prune_keyed(
    connection: &Connection,
    table: &Keyed,
    before_ms: TimeMs,
    after: &mut i64,
) -> rusqlite::Result<bool> {
    in_transaction(connection, |connection| {
        let mut left = ROWS_PER_STEP;
        for _ in 0..KEYS_PER_STEP {
            let key: Option<i64> = connection
                .prepare_cached(table.next)?
                .query_row([*after], |row| row.get(0))?;
            let Some(key) = key else { return Ok(false) };
            let end: Option<i64> = connection
                .prepare_cached(table.end)?
                .query_row([key, before_ms, left], |row| row.get(0))
                .optional()?;
            let removed = connection
                .prepare_cached(table.delete)?
                .execute([key, end.unwrap_or(before_ms)])?;
            left -= i64::try_from(removed).unwrap_or(left);
            if end.is_some() || left <= 0 {
                // The same key goes on in the next step.
                return Ok(true);
            }
            *after = key;
        }
        Ok(true)
    })
}

fn prune_invocations(
    connection: &Connection,
    retention: &Retention,
    before_ms: TimeMs,
    after: &mut i64,
) -> rusqlite::Result<bool> {
    in_transaction(connection, |connection| {
        for _ in 0..KEYS_PER_STEP {
            let key: Option<i64> = connection
                .prepare_cached(HEARTBEAT_MINUTES.next)?
                .query_row([*after], |row| row.get(0))?;
            let Some(key) = key else { return Ok(false) };
            let kept = retention.invocations_kept.max(1) - 1;
            let removed = connection.prepare_cached(INVOCATIONS)?.execute(params![
                key,
                before_ms,
                kept,
                ROWS_PER_STEP
            ])?;
            if removed > 0 {
                return Ok(true);
            }
            *after = key;
        }
        Ok(true)
    })
}

/// Gives free pages back to the file system; true while there are far more than new rows need.
pub(super) fn shrink(connection: &Connection) -> rusqlite::Result<bool> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (pages, free) = (pragma("page_count")?, pragma("freelist_count")?);
    if free <= FREE_PAGES_KEPT.max(pages / 4) || pragma("auto_vacuum")? == 0 {
        return Ok(false);
    }
    // 512 pages: a few milliseconds. Each row of this statement is one page moved: it is stepped to its end.
    let mut statement = connection.prepare_cached("PRAGMA incremental_vacuum(512)")?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(true)
}
