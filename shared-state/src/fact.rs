//! The write vocabulary: everything that can be recorded, as plain data. It decides nothing and does no I/O.

use serde_json::Value;
use serde_json::value::RawValue;

/// Milliseconds since 1970 UTC.
pub type TimeMs = i64;

/// One thing to be recorded. Each is keyed by instance and invocation, so a late one never touches a newer record.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// What is now true of an instance.
    InstanceChanged(InstanceChange),
    /// A process was started, or could not be.
    InvocationStarted(InvocationStart),
    /// A process said that it is able to work.
    InvocationReady {
        /// Which.
        invocation_id: i64,
        /// When.
        ts_ms: TimeMs,
    },
    /// A process ended: outcome, reason and counters in one transaction.
    InvocationEnded(InvocationEnd),
    /// Heartbeats of one invocation, in the order of reading.
    Heartbeats(HeartbeatBatch),
    /// Figures of one reporter.
    Metrics(MetricsRow),
    /// Something happened.
    Event(EventRow),
    /// A condition began, changed or ended.
    Alert(AlertRow),
    /// A key of the shared state was set.
    Put(PutRow),
    /// A key of the shared state was removed.
    Delete {
        /// Which.
        key: String,
    },
    /// Typed rows and the cursor that they advance.
    Records(RecordsBatch),
    /// A counter went up.
    Counted {
        /// 0 for the coordinator itself.
        instance_id: i64,
        /// Which counter.
        name: &'static str,
        /// By how much.
        by: u64,
        /// When.
        ts_ms: TimeMs,
    },
    /// The coordinator is alive; refreshes its incarnation.
    Alive {
        /// When.
        ts_ms: TimeMs,
    },
    /// The coordinator ends in order.
    IncarnationEnded {
        /// When.
        ts_ms: TimeMs,
        /// Why.
        reason: String,
    },
}

/// The supervisord state names.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
#[expect(
    missing_docs,
    reason = "docs/configuration.md and the glossary explain each state once"
)]
pub enum InstanceState {
    Stopped,
    Waiting,
    Starting,
    Running,
    Unhealthy,
    Backoff,
    Stopping,
    Exited,
    Fatal,
}

impl InstanceState {
    /// The name as everybody knows it; also in the `state` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Waiting => "WAITING",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Unhealthy => "UNHEALTHY",
            Self::Backoff => "BACKOFF",
            Self::Stopping => "STOPPING",
            Self::Exited => "EXITED",
            Self::Fatal => "FATAL",
        }
    }
}

/// What is now true of an instance; replaces the row's changing columns.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceChange {
    /// Which instance.
    pub instance_id: i64,
    /// Whether the operator wants it up.
    pub goal_up: bool,
    /// Its state.
    pub state: InstanceState,
    /// Why, in words.
    pub reason: String,
    /// Since when it is in this state.
    pub since_ms: TimeMs,
    /// The living invocation, or the last.
    pub invocation_id: Option<i64>,
    /// Only while a process lives.
    pub pid: Option<i32>,
    /// Start of the living process.
    pub started_ms: Option<TimeMs>,
    /// Only in BACKOFF and FATAL.
    pub next_attempt_ms: Option<TimeMs>,
    /// Code or signal of the last invocation, in words.
    pub last_exit: Option<String>,
    /// Invocations that followed an unwanted end.
    pub restarts: u64,
}

/// A process was started, or could not be (then an `InvocationEnd` with `SpawnFailed` follows).
#[derive(Clone, Debug, PartialEq)]
pub struct InvocationStart {
    /// Minted by the coordinator, see `Writer::next_invocation_id`.
    pub invocation_id: i64,
    /// Of which instance.
    pub instance_id: i64,
    /// 1 for the first after a healthy time.
    pub attempt: u32,
    /// Whether it follows an end that nobody asked for.
    pub is_restart: bool,
    /// Absent where the start failed.
    pub pid: Option<i32>,
    /// Field 22 of `/proc/PID/stat`.
    pub pid_start_ticks: Option<u64>,
    /// When.
    pub started_ms: TimeMs,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Signaled(i32),
    /// The start failed.
    SpawnFailed,
    /// The coordinator died first.
    Lost,
}

/// A process ended.
#[derive(Clone, Debug, PartialEq)]
pub struct InvocationEnd {
    /// Which.
    pub invocation_id: i64,
    /// When it was noticed.
    pub ended_ms: TimeMs,
    /// How.
    pub outcome: Outcome,
    /// How, in words.
    pub reason: String,
    /// Heartbeats read from it.
    pub heartbeats: u64,
    /// Log lines read from it.
    pub log_lines: u64,
    /// Lines longer than the limit.
    pub truncated_lines: u64,
    /// Rows that could not be stored.
    pub dropped_rows: u64,
}

/// Heartbeats of one invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct HeartbeatBatch {
    /// Of which instance.
    pub instance_id: i64,
    /// Of which invocation.
    pub invocation_id: i64,
    /// In the order of reading.
    pub rows: Vec<HeartbeatRow>,
}

/// One heartbeat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeartbeatRow {
    /// When the coordinator read it.
    pub ts_ms: TimeMs,
    /// The agent's count.
    pub seq: u64,
    /// 0 ok, 1 degraded, 2 error.
    pub status: u8,
    /// One line for people.
    pub message: String,
    /// Figures by name.
    pub metrics: Vec<(String, f64)>,
    /// The agent's own clock.
    pub agent_ts_ms: Option<TimeMs>,
}

/// Figures of one reporter about one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricsRow {
    /// Who reports.
    pub instance_id: i64,
    /// Empty for the reporter itself.
    pub subject: String,
    /// When.
    pub ts_ms: TimeMs,
    /// Figures by name.
    pub metrics: Vec<(String, f64)>,
}

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// When.
    pub ts_ms: TimeMs,
    /// Absent for the coordinator itself.
    pub instance_id: Option<i64>,
    /// Of which invocation, if any.
    pub invocation_id: Option<i64>,
    /// 0 debug, 1 info, 2 warn, 3 error.
    pub level: u8,
    /// A stable word for machines.
    pub kind: String,
    /// One line for people.
    pub message: String,
    /// Anything more.
    pub data: Option<Value>,
}

/// A condition began, changed or ended.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// Who raises it.
    pub instance_id: i64,
    /// Identifies the condition within the instance.
    pub key: String,
    /// True for critical, false for warning.
    pub critical: bool,
    /// Whether the condition holds.
    pub firing: bool,
    /// One line for people.
    pub message: String,
    /// What was measured.
    pub value: Option<f64>,
    /// What it was measured against.
    pub threshold: Option<f64>,
    /// What shows it.
    pub evidence: Option<Value>,
    /// What a person can do.
    pub recommendation: Option<String>,
    /// When.
    pub ts_ms: TimeMs,
}

/// A key of the shared state was set.
#[derive(Clone, Debug, PartialEq)]
pub struct PutRow {
    /// Who set it.
    pub instance_id: i64,
    /// The key; 1 to 512 bytes.
    pub key: String,
    /// The value.
    pub value: Value,
    /// When.
    pub ts_ms: TimeMs,
}

/// Rows and the cursor that they advance, stored in one transaction.
#[derive(Clone, Debug)]
pub struct RecordsBatch {
    /// Who sent them.
    pub instance_id: i64,
    /// `langsmith_run`, `langsmith_feedback`, `langsmith_project` or `langsmith_day_check`; any other kind is refused.
    pub kind: String,
    /// The rows as the agent wrote them.
    pub rows: Vec<Box<RawValue>>,
    /// Name and value.
    pub cursor: Option<(String, Value)>,
    /// When.
    pub ts_ms: TimeMs,
}

impl RecordsBatch {
    /// Values as the rows that an agent writes.
    pub fn written(values: impl IntoIterator<Item = Value>) -> Vec<Box<RawValue>> {
        let rows = values
            .into_iter()
            .map(|value| RawValue::from_string(value.to_string()));
        rows.map(|row| row.expect("a value prints as JSON"))
            .collect()
    }
}

impl PartialEq for RecordsBatch {
    fn eq(&self, other: &Self) -> bool {
        (self.instance_id, &self.kind, &self.cursor, self.ts_ms)
            == (other.instance_id, &other.kind, &other.cursor, other.ts_ms)
            && self
                .rows
                .iter()
                .map(|row| row.get())
                .eq(other.rows.iter().map(|row| row.get()))
    }
}
