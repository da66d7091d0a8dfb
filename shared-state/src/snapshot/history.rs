//! What happened: invocations, events and alerts, newest first.
//! It holds no figures over time, see `chart`.

use rusqlite::{Row, named_params, params};

use super::{Result, Snapshot, bounded, json, unsigned};
use crate::{AlertRecord, EventRecord, InvocationRecord};

/// Which events are wanted; the default is the newest hundred of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFilter {
    /// Of one instance only.
    pub instance_id: Option<i64>,
    /// Older than this event.
    pub before_id: Option<i64>,
    /// At least this level: 0 debug, 1 info, 2 warn, 3 error.
    pub min_level: u8,
    /// At most so many.
    pub limit: usize,
}

impl Default for EventFilter {
    fn default() -> Self {
        Self {
            instance_id: None,
            before_id: None,
            min_level: 0,
            limit: 100,
        }
    }
}

const INVOCATIONS: &str = "
    SELECT invocation_id, instance_id, incarnation_id, attempt, pid, started_ms, ready_ms, ended_ms, outcome, exit_code,
        signal, reason, heartbeats, log_lines, truncated_lines, dropped_rows
    FROM invocations WHERE instance_id = ?1 ORDER BY started_ms DESC, invocation_id DESC LIMIT ?2";
const EVENTS: &str = "
    SELECT e.event_id, e.ts_ms, e.instance_id, i.name, e.invocation_id, e.level, e.kind, e.message, e.data
    FROM events e LEFT JOIN instances i ON i.instance_id = e.instance_id
    WHERE e.event_id < :before AND e.level >= :level ORDER BY e.event_id DESC LIMIT :limit";
const EVENTS_OF: &str = "
    SELECT e.event_id, e.ts_ms, e.instance_id, i.name, e.invocation_id, e.level, e.kind, e.message, e.data
    FROM events e LEFT JOIN instances i ON i.instance_id = e.instance_id
    WHERE e.instance_id = :instance AND e.event_id < :before AND e.level >= :level
    ORDER BY e.event_id DESC LIMIT :limit";
const EVENTS_AFTER: &str = "
    SELECT e.event_id, e.ts_ms, e.instance_id, i.name, e.invocation_id, e.level, e.kind, e.message, e.data
    FROM events e LEFT JOIN instances i ON i.instance_id = e.instance_id
    WHERE e.event_id > ?1 ORDER BY e.event_id LIMIT ?2";
const ALERTS: &str = "
    SELECT a.alert_id, a.instance_id, i.name, a.key, a.severity, a.state, a.message, a.value, a.threshold, a.evidence,
        a.recommendation, a.since_ms, a.updated_ms, a.resolved_ms
    FROM alerts a JOIN instances i ON i.instance_id = a.instance_id
    WHERE a.state = 'resolved' ORDER BY a.since_ms DESC LIMIT ?1";
const ALERTS_FIRING: &str = "
    SELECT a.alert_id, a.instance_id, i.name, a.key, a.severity, a.state, a.message, a.value, a.threshold, a.evidence,
        a.recommendation, a.since_ms, a.updated_ms, a.resolved_ms
    FROM alerts a INDEXED BY alerts_firing JOIN instances i ON i.instance_id = a.instance_id
    WHERE a.state = 'firing' ORDER BY a.since_ms DESC LIMIT ?1";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("INVOCATIONS", INVOCATIONS),
    ("EVENTS", EVENTS),
    ("EVENTS_OF", EVENTS_OF),
    ("EVENTS_AFTER", EVENTS_AFTER),
    ("ALERTS", ALERTS),
    ("ALERTS_FIRING", ALERTS_FIRING),
];

impl Snapshot<'_> {
    /// The newest invocations of an instance.
    pub fn invocations(&self, instance_id: i64, limit: usize) -> Result<Vec<InvocationRecord>> {
        self.all(INVOCATIONS, params![instance_id, bounded(limit)], |row| {
            Ok(InvocationRecord {
                invocation_id: row.get(0)?,
                instance_id: row.get(1)?,
                incarnation_id: row.get(2)?,
                attempt: row.get(3)?,
                pid: row.get(4)?,
                started_ms: row.get(5)?,
                ready_ms: row.get(6)?,
                ended_ms: row.get(7)?,
                outcome: row.get(8)?,
                exit_code: row.get(9)?,
                signal: row.get(10)?,
                reason: row.get(11)?,
                heartbeats: unsigned(row.get(12)?),
                log_lines: unsigned(row.get(13)?),
                truncated_lines: unsigned(row.get(14)?),
                dropped_rows: unsigned(row.get(15)?),
            })
        })
    }

    /// The newest events that the filter admits.
    pub fn events(&self, filter: &EventFilter) -> Result<Vec<EventRecord>> {
        let (before, limit) = (filter.before_id.unwrap_or(i64::MAX), bounded(filter.limit));
        match filter.instance_id {
            None => self.all(EVENTS, named_params! {":before": before, ":level": filter.min_level, ":limit": limit}, event),
            Some(instance) => self.all(
                EVENTS_OF,
                named_params! {":instance": instance, ":before": before, ":level": filter.min_level, ":limit": limit},
                event,
            ),
        }
    }

    /// The first events after one, oldest first, for whoever follows. A level or an instance asked of the database here would
    /// make it walk through all of them for one that is rare.
    pub fn events_after(&self, event_id: i64, limit: usize) -> Result<Vec<EventRecord>> {
        self.all(EVENTS_AFTER, [event_id, bounded(limit)], event)
    }

    /// Alerts, firing ones first, newest first.
    pub fn alerts(&self, firing_only: bool, limit: usize) -> Result<Vec<AlertRecord>> {
        let mut alerts = self.all(ALERTS_FIRING, [bounded(limit)], alert)?;
        let left = limit.saturating_sub(alerts.len());
        if !firing_only && left > 0 {
            alerts.extend(self.all(ALERTS, [bounded(left)], alert)?);
        }
        Ok(alerts)
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<EventRecord> {
    Ok(EventRecord {
        event_id: row.get(0)?,
        ts_ms: row.get(1)?,
        instance_id: row.get(2)?,
        instance: row.get(3)?,
        invocation_id: row.get(4)?,
        level: row.get(5)?,
        kind: row.get(6)?,
        message: row.get(7)?,
        data: json(row.get(8)?),
    })
}

fn alert(row: &Row<'_>) -> rusqlite::Result<AlertRecord> {
    Ok(AlertRecord {
        alert_id: row.get(0)?,
        instance_id: row.get(1)?,
        instance: row.get(2)?,
        key: row.get(3)?,
        critical: row.get_ref(4)?.as_str()? == "critical",
        firing: row.get_ref(5)?.as_str()? == "firing",
        message: row.get(6)?,
        value: row.get(7)?,
        threshold: row.get(8)?,
        evidence: json(row.get(9)?),
        recommendation: row.get(10)?,
        since_ms: row.get(11)?,
        updated_ms: row.get(12)?,
        resolved_ms: row.get(13)?,
    })
}
