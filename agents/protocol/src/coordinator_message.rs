//! What a coordinator writes to an agent's stdin, as plain data.
//! It does not read or write bytes; `decode_coordinator` and `encode` do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A message to an agent. The JSON key `type` names the variant in snake case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CoordinatorMessage {
    /// Who the agent is to the coordinator; sent once, first.
    Hello(CoordinatorHello),
    /// The message with this id is on disk.
    Ack(Ack),
    /// The message with this id is refused and not stored.
    Nack(Nack),
    /// Work to be done.
    Task(Task),
    /// A task is no longer wanted.
    Cancel(Cancel),
    /// Finish and exit.
    Stop(Stop),
}

impl CoordinatorMessage {
    /// Every `type` of this direction.
    pub const KINDS: [&str; 6] = ["hello", "ack", "nack", "task", "cancel", "stop"];

    /// The message's `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Ack(_) => "ack",
            Self::Nack(_) => "nack",
            Self::Task(_) => "task",
            Self::Cancel(_) => "cancel",
            Self::Stop(_) => "stop",
        }
    }
}

/// Who the agent is to the coordinator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CoordinatorHello {
    /// Highest protocol version that the coordinator speaks.
    pub protocol: u32,
    /// The agent's name in `agents.toml`.
    pub agent: String,
    /// The instance, such as `worker:0`; equals the agent's name where there is one instance.
    pub instance: String,
    /// This process, counted by the coordinator.
    pub invocation: i64,
    /// The agent's `config` table of `agents.toml`, as JSON.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub config: Value,
    /// Path of the SQLite file, to be opened read-only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub database: String,
    /// Path of the coordinator's control socket.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub socket: String,
    /// The agent's cursors as last acknowledged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cursors: BTreeMap<String, Value>,
}

/// The message with this id is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// As the agent gave it.
    pub id: u64,
}

/// The message with this id is refused and not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nack {
    /// As the agent gave it.
    pub id: u64,
    /// Why, for people.
    pub reason: String,
    /// Whether the same message may be accepted later.
    #[serde(default)]
    pub retry: bool,
}

/// Work to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Identifies the task.
    pub id: String,
    /// Counts from 1.
    pub attempt: u32,
    /// What kind of task.
    pub kind: String,
    /// The task's input.
    #[serde(default)]
    pub payload: Value,
    /// When the attempt counts as failed, milliseconds since 1970 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<i64>,
}

/// A task is no longer wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// The task.
    pub id: String,
}

/// Finish and exit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// How long until the agent is killed, in milliseconds from the reading of this message.
    pub grace_ms: u64,
}
