//! Rows as the tests ask for them. The meaning of each column stands in docs/schema.md.
//! It holds no query.

/// What is true of an instance now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `instances`: docs/schema.md"
)]
pub struct InstanceRow {
    pub instance_id: i64,
    pub name: String,
    pub goal: String,
    pub state: String,
    pub reason: String,
    pub invocation_id: Option<i64>,
    pub pid: Option<i32>,
    pub next_attempt_ms: Option<i64>,
    pub last_exit: Option<String>,
    pub restarts: i64,
    /// Number and text of the newest heartbeat, and the invocation that it came from.
    pub heartbeat: Option<(i64, String, i64)>,
}

/// One process of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `invocations`: docs/schema.md"
)]
pub struct InvocationRow {
    pub invocation_id: i64,
    pub incarnation_id: i64,
    pub attempt: u32,
    pub pid: Option<i32>,
    pub pid_start_ticks: Option<i64>,
    pub started_ms: i64,
    pub ready_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub outcome: Option<String>,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub reason: Option<String>,
    pub heartbeats: i64,
    pub log_lines: i64,
    pub truncated_lines: i64,
    pub dropped_rows: i64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `events`: docs/schema.md"
)]
pub struct EventRow {
    pub ts_ms: i64,
    pub instance: Option<String>,
    pub invocation_id: Option<i64>,
    pub level: u8,
    pub kind: String,
    pub message: String,
    pub data: Option<String>,
}
