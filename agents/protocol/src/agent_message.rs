//! What an agent writes to its stdout, as plain data.
//! It does not read or write bytes; `decode` and `encode` do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::lenient::{figures, null_as_absent, state_key, whole_i64, whole_u64};

/// A message from an agent. The JSON key `type` names the variant in snake case. [`decode()`](crate::decode()) reads it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AgentMessage {
    /// Who speaks; sent once, first, and optional.
    Hello(AgentHello),
    /// The agent is able to work; a first heartbeat says the same.
    Ready,
    /// The agent's work loop made progress.
    Heartbeat(Heartbeat),
    /// Figures on their own, between heartbeats.
    Metrics(Metrics),
    /// Something happened that a person may want to read.
    Event(Event),
    /// A condition began, changed or ended.
    Alert(Alert),
    /// Set a key of the shared state.
    Put(Put),
    /// Remove a key of the shared state.
    Delete(Delete),
    /// Typed rows to be stored, acknowledged once they are on disk.
    Records(Records),
    /// Ask for a task to be queued.
    TaskSubmit(TaskSubmit),
    /// How far a task is.
    TaskProgress(TaskProgress),
    /// How a task ended.
    TaskResult(TaskResult),
    /// The agent is about to exit on its own will.
    Stopping(Stopping),
}

impl AgentMessage {
    /// Every `type` of this direction.
    pub const KINDS: [&str; 13] = [
        "hello",
        "ready",
        "heartbeat",
        "metrics",
        "event",
        "alert",
        "put",
        "delete",
        "records",
        "task_submit",
        "task_progress",
        "task_result",
        "stopping",
    ];

    /// The message's `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Ready => "ready",
            Self::Heartbeat(_) => "heartbeat",
            Self::Metrics(_) => "metrics",
            Self::Event(_) => "event",
            Self::Alert(_) => "alert",
            Self::Put(_) => "put",
            Self::Delete(_) => "delete",
            Self::Records(_) => "records",
            Self::TaskSubmit(_) => "task_submit",
            Self::TaskProgress(_) => "task_progress",
            Self::TaskResult(_) => "task_result",
            Self::Stopping(_) => "stopping",
        }
    }
}

/// Who speaks on this pipe. The name is for people: identity comes from the pipe, never from here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentHello {
    /// Highest protocol version that the agent speaks.
    pub protocol: u32,
    /// The program's own name.
    pub name: String,
    /// The program's own version.
    #[serde(
        default,
        deserialize_with = "null_as_absent",
        skip_serializing_if = "String::is_empty"
    )]
    pub version: String,
    /// Task kinds that the agent takes.
    #[serde(
        default,
        deserialize_with = "null_as_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub task_kinds: Vec<String>,
}

/// How an agent says it is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Working as intended.
    #[default]
    Ok,
    /// Working in part; the message says what is missing.
    Degraded,
    /// Not working; the message says why. The process is alive and is not restarted for it.
    Error,
}

/// The agent's work loop made progress.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Counts from 1 within one process.
    #[serde(default, deserialize_with = "whole_u64")]
    pub seq: u64,
    /// How the agent is.
    #[serde(default, deserialize_with = "null_as_absent")]
    pub status: Status,
    /// One line for people.
    #[serde(
        default,
        deserialize_with = "null_as_absent",
        skip_serializing_if = "String::is_empty"
    )]
    pub message: String,
    /// Figures by name; a name ends in its unit, such as `cpu_percent` or `queue_rows`.
    #[serde(
        default,
        deserialize_with = "figures",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub metrics: BTreeMap<String, f64>,
    /// The agent's own clock, milliseconds since 1970 UTC. Informative: the coordinator's reading time counts.
    #[serde(
        default,
        deserialize_with = "whole_i64",
        skip_serializing_if = "Option::is_none"
    )]
    pub ts_ms: Option<i64>,
}

/// Figures about the agent itself, or about a `subject` such as another agent or a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// What the figures are about; absent for the agent itself. `host` and `agent:NAME` are known to the dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Figures by name; a name ends in its unit.
    #[serde(deserialize_with = "figures")]
    pub metrics: BTreeMap<String, f64>,
}

/// How much an event matters.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For the author of the agent.
    Debug,
    /// Worth knowing.
    #[default]
    Info,
    /// May need a person.
    Warn,
    /// Needs a person.
    Error,
}

/// Something happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// How much it matters.
    #[serde(default, deserialize_with = "null_as_absent")]
    pub level: Level,
    /// A stable word for machines, such as `project_missing`.
    pub kind: String,
    /// One line for people.
    #[serde(
        default,
        deserialize_with = "null_as_absent",
        skip_serializing_if = "String::is_empty"
    )]
    pub message: String,
    /// Anything more.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// How bad a condition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Look at it in working hours.
    Warning,
    /// Look at it now.
    Critical,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The condition holds.
    Firing,
    /// The condition is over.
    Resolved,
}

/// A condition began, changed or ended. The key identifies it within the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Identifies the condition within the agent, such as `host/memory_percent`.
    pub key: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it holds.
    pub state: AlertState,
    /// One line for people.
    #[serde(
        default,
        deserialize_with = "null_as_absent",
        skip_serializing_if = "String::is_empty"
    )]
    pub message: String,
    /// What was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What it was measured against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// What shows it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub evidence: Value,
    /// What a person can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<String>,
}

/// Set a key of the shared state: the last value wins, each change counts the version up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Put {
    /// The key; 1 to [`KEY_BYTES_MAX`](crate::KEY_BYTES_MAX) bytes.
    #[serde(deserialize_with = "state_key")]
    pub key: String,
    /// Any JSON value.
    pub value: Value,
}

/// Remove a key of the shared state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delete {
    /// The key; 1 to [`KEY_BYTES_MAX`](crate::KEY_BYTES_MAX) bytes.
    #[serde(deserialize_with = "state_key")]
    pub key: String,
}

/// Rows that are stored in one transaction together with the cursor, then acknowledged by `id`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Records {
    /// Chosen by the agent, unique within one process; comes back in `ack` or `nack`.
    pub id: u64,
    /// What the rows are; docs/protocol.md lists the kinds.
    pub kind: String,
    /// The rows as they were written; each is inserted, or changes the row with the same identity. Who stores them reads them.
    pub rows: Vec<Box<RawValue>>,
    /// How far the agent has come, stored in the same transaction and handed back in the coordinator's `hello`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        (self.id, &self.kind, &self.cursor) == (other.id, &other.kind, &other.cursor)
            && self
                .rows
                .iter()
                .map(|row| row.get())
                .eq(other.rows.iter().map(|row| row.get()))
    }
}

/// A named place that an agent remembers across its restarts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Which of the agent's cursors.
    pub name: String,
    /// Any JSON value; opaque to the coordinator.
    pub value: Value,
}

/// Ask for a task to be queued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSubmit {
    /// Chosen by the agent; comes back in `ack` or `nack`.
    pub id: u64,
    /// What kind of task.
    pub kind: String,
    /// The task's input.
    #[serde(default, deserialize_with = "null_as_absent")]
    pub payload: Value,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskProgress {
    /// The task, as given in the `task` message.
    pub id: String,
    /// From 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f64>,
    /// One line for people.
    #[serde(
        default,
        deserialize_with = "null_as_absent",
        skip_serializing_if = "String::is_empty"
    )]
    pub message: String,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The task, as given in the `task` message.
    pub id: String,
    /// Whether the attempt succeeded.
    pub ok: bool,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The agent is about to exit on its own will.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    /// Why.
    #[serde(
        default,
        deserialize_with = "null_as_absent",
        skip_serializing_if = "String::is_empty"
    )]
    pub reason: String,
}
