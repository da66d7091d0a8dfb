//! Instances, what is true of them now, and their newest heartbeat.
//! It decides nothing about order or colour.

use std::collections::BTreeMap;

use rusqlite::{Row, params};

use super::{ROWS_MAX, Result, Snapshot, bounded, json, unsigned};
use crate::{AgentRow, InstanceRow, InstanceState, LatestHeartbeat, TimeMs};

const INSTANCE: &str = "
    SELECT i.instance_id, i.agent_id, a.name, i.name, i.ordinal, a.protocol, i.goal, i.state, i.reason, i.since_ms,
        i.invocation_id, i.pid, i.started_ms, i.next_attempt_ms, i.last_exit, i.restarts, i.heartbeat_timeout_ms,
        i.log_path, i.removed_ms IS NOT NULL OR a.removed_ms IS NOT NULL,
        h.ts_ms, h.seq, h.status, h.message, h.metrics, h.invocation_id
    FROM instances i JOIN agents a USING (agent_id) LEFT JOIN latest_heartbeats h ON h.instance_id = i.instance_id
    WHERE i.instance_id = ?1";
const FLEET: &str = "
    SELECT i.instance_id, i.agent_id, a.name, i.name, i.ordinal, a.protocol, i.goal, i.state, i.reason, i.since_ms,
        i.invocation_id, i.pid, i.started_ms, i.next_attempt_ms, i.last_exit, i.restarts, i.heartbeat_timeout_ms,
        i.log_path, i.removed_ms IS NOT NULL OR a.removed_ms IS NOT NULL,
        h.ts_ms, h.seq, h.status, h.message, h.metrics, h.invocation_id
    FROM instances i JOIN agents a USING (agent_id) LEFT JOIN latest_heartbeats h ON h.instance_id = i.instance_id
    ORDER BY i.instance_id LIMIT ?1";
const INSTANCE_BY_NAME: &str = "SELECT instance_id FROM instances WHERE name = ?1";
const AGENT: &str = "
    SELECT agent_id, name, protocol, command, config, registered_ms, removed_ms FROM agents WHERE agent_id = ?1";
// The condition is that of the index `invocations_restarts`, word for word, so that the index answers alone.
const RESTARTS: &str = "
    SELECT i.instance_id, (
        SELECT count(*) FROM invocations v
        WHERE v.instance_id = i.instance_id AND v.started_ms >= ?1 AND v.is_restart = 1)
    FROM instances i LIMIT ?2";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("INSTANCE", INSTANCE),
    ("FLEET", FLEET),
    ("INSTANCE_BY_NAME", INSTANCE_BY_NAME),
    ("AGENT", AGENT),
    ("RESTARTS", RESTARTS),
];

impl Snapshot<'_> {
    /// All instances, removed ones too, each with its newest heartbeat; by id.
    pub fn fleet(&self) -> Result<Vec<InstanceRow>> {
        self.all(FLEET, [bounded(ROWS_MAX)], instance_row)
    }

    /// One instance; `None` where the id is unknown.
    pub fn instance(&self, instance_id: i64) -> Result<Option<InstanceRow>> {
        self.one(INSTANCE, [instance_id], instance_row)
    }

    /// The id of an instance by its exact name.
    pub fn instance_id(&self, name: &str) -> Result<Option<i64>> {
        self.one(INSTANCE_BY_NAME, [name], |row| row.get(0))
    }

    /// An agent with its command and configuration (secrets are masked in the file).
    pub fn agent_config(&self, agent_id: i64) -> Result<Option<AgentRow>> {
        self.one(AGENT, [agent_id], |row| {
            Ok(AgentRow {
                agent_id: row.get(0)?,
                name: row.get(1)?,
                protocol: row.get(2)?,
                command: serde_json::from_str(row.get_ref(3)?.as_str()?).unwrap_or_default(),
                config: json(row.get(4)?).unwrap_or_default(),
                registered_ms: row.get(5)?,
                removed_ms: row.get(6)?,
            })
        })
    }

    /// For each instance, how many of its invocations since `since_ms` followed an end that nobody asked for.
    pub fn restarts_since(&self, since_ms: TimeMs) -> Result<BTreeMap<i64, u64>> {
        let rows = self.all(RESTARTS, params![since_ms, bounded(ROWS_MAX)], |row| {
            Ok((row.get(0)?, unsigned(row.get(1)?)))
        })?;
        Ok(rows.into_iter().collect())
    }
}

fn instance_row(row: &Row<'_>) -> rusqlite::Result<InstanceRow> {
    let goal = row.get_ref(6)?.as_str()? == "up";
    let heartbeat = match row.get::<_, Option<TimeMs>>(19)? {
        None => None,
        Some(ts_ms) => Some(LatestHeartbeat {
            ts_ms,
            seq: unsigned(row.get(20)?),
            status: row.get(21)?,
            message: row.get(22)?,
            metrics: serde_json::from_str(row.get_ref(23)?.as_str()?).unwrap_or_default(),
            invocation_id: row.get(24)?,
        }),
    };
    Ok(InstanceRow {
        instance_id: row.get(0)?,
        agent_id: row.get(1)?,
        agent: row.get(2)?,
        name: row.get(3)?,
        ordinal: row.get(4)?,
        protocol: row.get(5)?,
        goal_up: goal,
        state: state(row.get_ref(7)?.as_str()?),
        reason: row.get(8)?,
        since_ms: row.get(9)?,
        invocation_id: row.get(10)?,
        pid: row.get(11)?,
        started_ms: row.get(12)?,
        next_attempt_ms: row.get(13)?,
        last_exit: row.get(14)?,
        restarts: unsigned(row.get(15)?),
        heartbeat_timeout_ms: row.get(16)?,
        log_path: row.get(17)?,
        removed: row.get(18)?,
        heartbeat,
    })
}

/// The table's CHECK admits these names only.
fn state(name: &str) -> InstanceState {
    match name {
        "WAITING" => InstanceState::Waiting,
        "STARTING" => InstanceState::Starting,
        "RUNNING" => InstanceState::Running,
        "UNHEALTHY" => InstanceState::Unhealthy,
        "BACKOFF" => InstanceState::Backoff,
        "STOPPING" => InstanceState::Stopping,
        "EXITED" => InstanceState::Exited,
        "FATAL" => InstanceState::Fatal,
        _ => InstanceState::Stopped,
    }
}
