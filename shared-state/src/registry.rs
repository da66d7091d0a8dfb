//! Makes the tables of agents and instances agree with agents.toml, and reads cursors.
//! It decides nothing about what runs.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::TimeMs;

/// Cursor names and values of one agent.
pub(crate) type Cursors = BTreeMap<String, Value>;

/// An agent as agents.toml describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentRegistration {
    /// Unique; 1 to 128 characters without `:`.
    pub name: String,
    /// `json` or `none`.
    pub protocol: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its table in agents.toml, secrets masked.
    pub config: Value,
    /// How many replicas.
    pub instances: u32,
    /// Whether its first instance is called as the agent itself, without an ordinal.
    pub has_plain_first: bool,
    /// Absent where no heartbeat is expected.
    pub heartbeat_timeout_ms: Option<i64>,
    /// The log file of each instance, by ordinal; fewer than instances where some have none.
    pub log_paths: Vec<String>,
}

/// An instance as the file knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredInstance {
    /// The agent's name.
    pub agent: String,
    /// The agent's name, or `NAME:ORDINAL` (from 0).
    pub instance: String,
    /// Its id.
    pub instance_id: i64,
    /// The agent's id.
    pub agent_id: i64,
    /// Restarts so far, over all incarnations.
    pub restarts: u64,
    /// How far the agent has come in what it pulls.
    pub cursors: Cursors,
}

const UPSERT_AGENT: &str = "
    INSERT INTO agents (name, protocol, command, config, registered_ms) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (name) DO UPDATE SET protocol = excluded.protocol, command = excluded.command,
        config = excluded.config, removed_ms = NULL
    RETURNING agent_id";
const UPSERT_INSTANCE: &str = "
    INSERT INTO instances (agent_id, ordinal, name, goal, state, reason, since_ms, heartbeat_timeout_ms, log_path)
    VALUES (?1, ?2, ?3, 'up', 'STOPPED', 'registered, not started yet', ?4, ?5, ?6)
    ON CONFLICT (agent_id, ordinal) DO UPDATE SET name = excluded.name, removed_ms = NULL,
        heartbeat_timeout_ms = excluded.heartbeat_timeout_ms, log_path = excluded.log_path
    RETURNING instance_id, restarts";
const REMOVE_INSTANCES: &str = "
    UPDATE instances SET removed_ms = ?3 WHERE agent_id = ?1 AND ordinal >= ?2 AND removed_ms IS NULL";
const LIST_AGENTS: &str = "SELECT agent_id, name FROM agents WHERE removed_ms IS NULL";
const REMOVE_AGENT: &str = "UPDATE agents SET removed_ms = ?2 WHERE agent_id = ?1";
const CURSORS: &str = "SELECT name, value FROM cursors WHERE agent_id = ?1";
const CURSOR: &str = "
    INSERT INTO cursors (agent_id, name, value, updated_ms) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (agent_id, name) DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms";
const AGENT_OF: &str = "SELECT agent_id FROM instances WHERE instance_id = ?1";

/// Adds and renames what agents.toml names, marks the rest as removed.
pub(crate) fn register(
    connection: &Connection,
    agents: &[AgentRegistration],
    now_ms: TimeMs,
) -> rusqlite::Result<Vec<RegisteredInstance>> {
    let listed: Vec<(i64, String)> = connection
        .prepare_cached(LIST_AGENTS)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (agent_id, _) in listed
        .iter()
        .filter(|(_, name)| agents.iter().all(|agent| agent.name != *name))
    {
        connection.execute(REMOVE_AGENT, params![agent_id, now_ms])?;
        connection.execute(REMOVE_INSTANCES, params![agent_id, 0, now_ms])?;
    }
    let mut registered = Vec::new();
    for agent in agents {
        register_one(connection, agent, now_ms, &mut registered)?;
    }
    Ok(registered)
}

fn register_one(
    connection: &Connection,
    agent: &AgentRegistration,
    now_ms: TimeMs,
    registered: &mut Vec<RegisteredInstance>,
) -> rusqlite::Result<()> {
    let command = Value::from(agent.command.clone()).to_string();
    let agent_id: i64 = connection.prepare_cached(UPSERT_AGENT)?.query_row(
        params![
            agent.name,
            agent.protocol,
            command,
            agent.config.to_string(),
            now_ms
        ],
        |row| row.get(0),
    )?;
    connection.execute(REMOVE_INSTANCES, params![agent_id, agent.instances, now_ms])?;
    let cursors = cursors(connection, agent_id)?;
    for ordinal in 0..agent.instances {
        let name = match ordinal {
            0 if agent.has_plain_first => agent.name.clone(),
            _ => format!("{}:{ordinal}", agent.name),
        };
        let log_path = usize::try_from(ordinal)
            .ok()
            .and_then(|at| agent.log_paths.get(at));
        let (instance_id, restarts) = connection.prepare_cached(UPSERT_INSTANCE)?.query_row(
            params![
                agent_id,
                ordinal,
                name,
                now_ms,
                agent.heartbeat_timeout_ms,
                log_path
            ],
            |row| {
                Ok((
                    row.get(0)?,
                    u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                ))
            },
        )?;
        registered.push(RegisteredInstance {
            agent: agent.name.clone(),
            instance: name,
            instance_id,
            agent_id,
            restarts,
            cursors: cursors.clone(),
        });
    }
    Ok(())
}

/// All cursors of an agent. One that is not JSON (never written by us) reads as null.
pub(crate) fn cursors(connection: &Connection, agent_id: i64) -> rusqlite::Result<Cursors> {
    connection
        .prepare_cached(CURSORS)?
        .query_map([agent_id], |row| {
            let text: String = row.get(1)?;
            Ok((
                row.get(0)?,
                serde_json::from_str(&text).unwrap_or(Value::Null),
            ))
        })?
        .collect()
}

/// Advances a cursor of the instance's agent. False: there is no such instance.
pub(crate) fn set_cursor(
    connection: &Connection,
    instance_id: i64,
    (name, value): (&str, &Value),
    now_ms: TimeMs,
) -> rusqlite::Result<bool> {
    let agent_id: Option<i64> = connection
        .prepare_cached(AGENT_OF)?
        .query_row([instance_id], |row| row.get(0))
        .optional()?;
    let Some(agent_id) = agent_id else {
        return Ok(false);
    };
    connection.prepare_cached(CURSOR)?.execute(params![
        agent_id,
        name,
        value.to_string(),
        now_ms
    ])?;
    Ok(true)
}
