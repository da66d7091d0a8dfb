//! Stores what happens to instances and invocations, events, alerts, and the shared key-value state.
//! Each statement is keyed by invocation, so that a late fact of an old process changes nothing of the new one.

use rusqlite::{Connection, params};
use serde_json::Value;

use super::{ApplyError, signed};
use crate::{
    AlertRow, EventRow, Fact, InstanceChange, InvocationEnd, InvocationStart, Outcome, PutRow,
};

const CHANGE: &str = "
    UPDATE instances SET goal = ?2, state = ?3, reason = ?4, since_ms = ?5, invocation_id = coalesce(?6, invocation_id),
        pid = ?7, started_ms = ?8, next_attempt_ms = ?9, last_exit = coalesce(?10, last_exit), restarts = ?11
    WHERE instance_id = ?1 AND (?6 IS NULL OR invocation_id IS NULL OR ?6 >= invocation_id)";
const EXISTS: &str = "SELECT count(*) FROM instances WHERE instance_id = ?1";
const START: &str = "
    INSERT INTO invocations (invocation_id, instance_id, incarnation_id, attempt, is_restart, pid,
        pid_start_ticks, started_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const READY: &str = "
    UPDATE invocations SET ready_ms = ?2 WHERE invocation_id = ?1 AND ready_ms IS NULL AND ended_ms IS NULL";
const END: &str = "
    UPDATE invocations SET ended_ms = ?2, outcome = ?3, exit_code = ?4, signal = ?5, reason = ?6, heartbeats = ?7,
        log_lines = ?8, truncated_lines = ?9, dropped_rows = ?10
    WHERE invocation_id = ?1 AND ended_ms IS NULL";
const EVENT: &str = "
    INSERT INTO events (ts_ms, instance_id, invocation_id, level, kind, message, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const FIRING: &str = "
    INSERT INTO alerts (instance_id, key, severity, state, message, value, threshold, evidence, recommendation,
        since_ms, updated_ms)
    VALUES (?1, ?2, ?3, 'firing', ?4, ?5, ?6, ?7, ?8, ?9, ?9)
    ON CONFLICT (instance_id, key) WHERE state = 'firing' DO UPDATE SET severity = excluded.severity,
        message = excluded.message, value = excluded.value, threshold = excluded.threshold,
        evidence = excluded.evidence, recommendation = excluded.recommendation, updated_ms = excluded.updated_ms";
const RESOLVED: &str = "
    UPDATE alerts SET state = 'resolved', resolved_ms = ?3, updated_ms = ?3, value = coalesce(?4, value)
    WHERE instance_id = ?1 AND key = ?2 AND state = 'firing'";
const PUT: &str = "
    INSERT INTO state (key, value, version, writer_id, updated_ms) VALUES (?1, ?2, 1, ?3, ?4)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = version + 1, writer_id = excluded.writer_id,
        updated_ms = excluded.updated_ms";
const DELETE: &str = "DELETE FROM state WHERE key = ?1";
const ALIVE: &str = "UPDATE incarnations SET seen_ms = ?2 WHERE incarnation_id = ?1";
const ENDED: &str = "
    UPDATE incarnations SET seen_ms = ?2, ended_ms = ?2, exit_reason = ?3 WHERE incarnation_id = ?1";

pub(super) fn store(
    connection: &Connection,
    incarnation_id: i64,
    fact: &Fact,
) -> Result<(), ApplyError> {
    match fact {
        Fact::InstanceChanged(change) => change_instance(connection, change),
        Fact::InvocationStarted(start) => begin_invocation(connection, incarnation_id, start),
        Fact::InvocationReady {
            invocation_id,
            ts_ms,
        } => run(connection, READY, params![invocation_id, ts_ms]),
        Fact::InvocationEnded(end) => end_invocation(connection, end),
        Fact::Event(event) => store_event(connection, event),
        Fact::Alert(alert) => store_alert(connection, alert),
        Fact::Put(PutRow {
            instance_id,
            key,
            value,
            ts_ms,
        }) => run(
            connection,
            PUT,
            params![key, value.to_string(), instance_id, ts_ms],
        ),
        Fact::Delete { key } => run(connection, DELETE, params![key]),
        Fact::Alive { ts_ms } => run(connection, ALIVE, params![incarnation_id, ts_ms]),
        Fact::IncarnationEnded { ts_ms, reason } => {
            run(connection, ENDED, params![incarnation_id, ts_ms, reason])
        }
        Fact::Heartbeats(_) | Fact::Metrics(_) | Fact::Records(_) | Fact::Counted { .. } => {
            Err(ApplyError::Refused("not a lifecycle fact".into()))
        }
    }
}

fn run(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<(), ApplyError> {
    connection.prepare_cached(sql)?.execute(params)?;
    Ok(())
}

fn change_instance(connection: &Connection, change: &InstanceChange) -> Result<(), ApplyError> {
    let changed = connection.prepare_cached(CHANGE)?.execute(params![
        change.instance_id,
        if change.goal_up { "up" } else { "down" },
        change.state.as_str(),
        change.reason,
        change.since_ms,
        change.invocation_id,
        change.pid,
        change.started_ms,
        change.next_attempt_ms,
        change.last_exit,
        signed(change.restarts),
    ])?;
    if changed == 1 {
        return Ok(());
    }
    // Either there is no such instance, or a newer invocation has taken over and this change is stale.
    let known: i64 = connection
        .prepare_cached(EXISTS)?
        .query_row([change.instance_id], |row| row.get(0))?;
    match known {
        0 => Err(ApplyError::Refused(format!(
            "there is no instance {}",
            change.instance_id
        ))),
        _ => Ok(()),
    }
}

fn begin_invocation(
    connection: &Connection,
    incarnation_id: i64,
    start: &InvocationStart,
) -> Result<(), ApplyError> {
    run(
        connection,
        START,
        params![
            start.invocation_id,
            start.instance_id,
            incarnation_id,
            start.attempt,
            start.is_restart,
            start.pid,
            start.pid_start_ticks.map(signed),
            start.started_ms
        ],
    )
}

/// Outcome, reason and counters in one statement, hence in one transaction.
fn end_invocation(connection: &Connection, end: &InvocationEnd) -> Result<(), ApplyError> {
    let (outcome, exit_code, signal) = match end.outcome {
        Outcome::Exited(code) => ("exited", Some(code), None),
        Outcome::Signaled(signal) => ("signaled", None, Some(signal)),
        Outcome::SpawnFailed => ("spawn_failed", None, None),
        Outcome::Lost => ("lost", None, None),
    };
    run(
        connection,
        END,
        params![
            end.invocation_id,
            end.ended_ms,
            outcome,
            exit_code,
            signal,
            end.reason,
            signed(end.heartbeats),
            signed(end.log_lines),
            signed(end.truncated_lines),
            signed(end.dropped_rows)
        ],
    )
}

fn store_event(connection: &Connection, event: &EventRow) -> Result<(), ApplyError> {
    let EventRow {
        ts_ms,
        instance_id,
        invocation_id,
        level,
        kind,
        message,
        data,
    } = event;
    let data = data.as_ref().map(Value::to_string);
    run(
        connection,
        EVENT,
        params![
            ts_ms,
            instance_id,
            invocation_id,
            level,
            kind,
            message,
            data
        ],
    )
}

fn store_alert(connection: &Connection, alert: &AlertRow) -> Result<(), ApplyError> {
    // SQLite would store a NaN as NULL anyway; an infinite value is no measurement either.
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    if !alert.firing {
        return run(
            connection,
            RESOLVED,
            params![
                alert.instance_id,
                alert.key,
                alert.ts_ms,
                finite(alert.value)
            ],
        );
    }
    run(
        connection,
        FIRING,
        params![
            alert.instance_id,
            alert.key,
            if alert.critical {
                "critical"
            } else {
                "warning"
            },
            alert.message,
            finite(alert.value),
            finite(alert.threshold),
            alert.evidence.as_ref().map(Value::to_string),
            alert.recommendation,
            alert.ts_ms
        ],
    )
}
