//! What a reader gets: plain rows with the meaning of the columns. It holds no query and no judgement.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{InstanceState, TimeMs};

/// An instance, what is true of it now, and its newest heartbeat.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `instances` and `agents`: docs/schema.md"
)]
pub struct InstanceRow {
    pub instance_id: i64,
    pub agent_id: i64,
    pub agent: String,
    pub name: String,
    pub ordinal: u32,
    pub protocol: String,
    pub goal_up: bool,
    pub state: InstanceState,
    pub reason: String,
    pub since_ms: TimeMs,
    pub invocation_id: Option<i64>,
    pub pid: Option<i32>,
    pub started_ms: Option<TimeMs>,
    pub next_attempt_ms: Option<TimeMs>,
    pub last_exit: Option<String>,
    pub restarts: u64,
    pub heartbeat_timeout_ms: Option<i64>,
    pub log_path: Option<String>,
    /// It or its agent is no longer in agents.toml.
    pub removed: bool,
    /// Absent where none was ever received.
    pub heartbeat: Option<LatestHeartbeat>,
}

/// The newest heartbeat of an instance.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `latest_heartbeats`: docs/schema.md"
)]
pub struct LatestHeartbeat {
    pub ts_ms: TimeMs,
    pub seq: u64,
    /// 0 ok, 1 degraded, 2 error.
    pub status: u8,
    pub message: String,
    pub metrics: BTreeMap<String, f64>,
    pub invocation_id: i64,
}

/// A configured program.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `agents`: docs/schema.md"
)]
pub struct AgentRow {
    pub agent_id: i64,
    pub name: String,
    pub protocol: String,
    pub command: Vec<String>,
    /// Secrets are masked before they are stored.
    pub config: Value,
    pub registered_ms: TimeMs,
    pub removed_ms: Option<TimeMs>,
}

/// One process of an instance.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `invocations`: docs/schema.md"
)]
pub struct InvocationRecord {
    pub invocation_id: i64,
    pub instance_id: i64,
    pub incarnation_id: i64,
    pub attempt: u32,
    pub pid: Option<i32>,
    pub started_ms: TimeMs,
    pub ready_ms: Option<TimeMs>,
    pub ended_ms: Option<TimeMs>,
    /// `exited`, `signaled`, `spawn_failed` or `lost`; absent while it runs.
    pub outcome: Option<String>,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub reason: Option<String>,
    pub heartbeats: u64,
    pub log_lines: u64,
    pub truncated_lines: u64,
    pub dropped_rows: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `events`: docs/schema.md"
)]
pub struct EventRecord {
    pub event_id: i64,
    pub ts_ms: TimeMs,
    pub instance_id: Option<i64>,
    /// The instance's name.
    pub instance: Option<String>,
    pub invocation_id: Option<i64>,
    /// 0 debug, 1 info, 2 warn, 3 error.
    pub level: u8,
    pub kind: String,
    pub message: String,
    pub data: Option<Value>,
}

/// A condition from its beginning to its end.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `alerts`: docs/schema.md"
)]
pub struct AlertRecord {
    pub alert_id: i64,
    pub instance_id: i64,
    /// The instance's name.
    pub instance: String,
    pub key: String,
    pub critical: bool,
    pub firing: bool,
    pub message: String,
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    pub evidence: Option<Value>,
    pub recommendation: Option<String>,
    pub since_ms: TimeMs,
    pub updated_ms: TimeMs,
    pub resolved_ms: Option<TimeMs>,
}

/// A named figure of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `series`: docs/schema.md"
)]
pub struct SeriesRow {
    pub series_id: i64,
    /// Who reports it.
    pub instance_id: i64,
    pub subject: String,
    pub name: String,
    /// Its newest point, exact to a minute.
    pub last_ms: TimeMs,
}

/// The points of one stretch of a chart. A stretch without points has no bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "min, max, first, last and points say it themselves"
)]
pub struct Bucket {
    /// Start of the stretch.
    pub ts_ms: TimeMs,
    pub min: f64,
    pub max: f64,
    pub first: f64,
    pub last: f64,
    pub points: u64,
}

/// One slot of a heartbeat bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// All heartbeats of the slot.
    pub heartbeats: u64,
    /// Of these, with status degraded.
    pub degraded: u64,
    /// Of these, with status error.
    pub errors: u64,
}

/// An entry of the shared key-value state.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `state`: docs/schema.md"
)]
pub struct StateRow {
    pub key: String,
    pub value: Value,
    pub version: i64,
    /// The instance that set it last.
    pub writer: String,
    pub updated_ms: TimeMs,
}

/// A counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterRow {
    /// 0 for the coordinator itself.
    pub instance_id: i64,
    /// Which counter.
    pub name: String,
    /// How often.
    pub value: u64,
    /// When it last went up.
    pub updated_ms: TimeMs,
}

/// A start of the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `incarnations`: docs/schema.md"
)]
pub struct IncarnationRow {
    pub incarnation_id: i64,
    pub host: String,
    pub pid: i64,
    pub pid_start_ticks: i64,
    pub version: String,
    pub started_ms: TimeMs,
    /// Its last sign of life.
    pub seen_ms: TimeMs,
    pub ended_ms: Option<TimeMs>,
    pub exit_reason: Option<String>,
}

/// Sizes of the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileStats {
    /// Of the main file.
    pub database_bytes: u64,
    /// Of the write-ahead log beside it.
    pub wal_bytes: u64,
    /// Within the main file, free for new rows.
    pub free_bytes: u64,
    /// `user_version`.
    pub schema_version: i32,
    /// SQLite's own version.
    pub sqlite_version: &'static str,
}
