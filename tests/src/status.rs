//! The third witness: what `coordinator status --json` prints.
//! It does not start the program.

use serde::Deserialize;

/// One object of the array. Fields that are missing fail the reading: they are promised.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are those that issue and documentation promise"
)]
pub struct StatusLine {
    pub name: String,
    pub agent: String,
    pub state: String,
    pub goal: String,
    pub pid: Option<i32>,
    pub restarts: i64,
    pub uptime_ms: Option<i64>,
    pub heartbeat_age_ms: Option<i64>,
    pub status: Option<String>,
    pub message: Option<String>,
    pub reason: String,
    pub last_exit: Option<String>,
    pub next_attempt_ms: Option<i64>,
    pub invocation_id: Option<i64>,
    pub protocol: String,
}
