//! What several tests need: a database in a folder of its own, and waiting for a condition.

#![expect(dead_code, reason = "each test binary uses a part of it")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use shared_state::*;

/// A Tuesday; nothing in the tests depends on the date of the day.
pub(crate) const T0: TimeMs = 1_790_000_000_000;

pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared_state.db");
    Place { folder, path }
}

pub(crate) fn identity(now_ms: TimeMs) -> Identity {
    Identity {
        host: "host".into(),
        pid: 4_000,
        pid_start_ticks: 77,
        version: "0.1.0".into(),
        now_ms,
    }
}

impl Place {
    pub(crate) fn open(&self) -> Opened {
        self.open_with(WriterOptions {
            clock: || T0,
            ..WriterOptions::default()
        })
    }

    pub(crate) fn open_with(&self, options: WriterOptions) -> Opened {
        open_writer(&self.path, identity(T0), options).unwrap()
    }

    pub(crate) fn raw(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(&self.path).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    }

    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.raw().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Snapshot<'_>) -> Result<T, ReaderError>) -> T {
        Reader::open(&self.path)
            .unwrap()
            .snapshot(Duration::from_secs(5), read)
            .unwrap()
    }
}

pub(crate) fn agent(name: &str, instances: u32) -> AgentRegistration {
    AgentRegistration {
        name: name.into(),
        protocol: "json".into(),
        command: vec!["/bin/true".into(), "--flag".into()],
        config: serde_json::json!({"restart": "always"}),
        instances,
        has_plain_first: instances == 1,
        heartbeat_timeout_ms: Some(10_000),
        log_paths: (0..instances)
            .map(|ordinal| format!("logs/{name}.{ordinal}.log"))
            .collect(),
    }
}

/// Registers an agent with one instance; the instance's number.
pub(crate) async fn register(writer: &Writer, name: &str) -> i64 {
    let registered = writer.register_agents(vec![agent(name, 1)], T0).await;
    registered.unwrap()[0].instance_id
}

pub(crate) fn heartbeats(instance_id: i64, invocation_id: i64, rows: Vec<HeartbeatRow>) -> Fact {
    Fact::Heartbeats(HeartbeatBatch {
        instance_id,
        invocation_id,
        rows,
    })
}

pub(crate) fn beat(ts_ms: TimeMs, seq: u64) -> HeartbeatRow {
    HeartbeatRow {
        ts_ms,
        seq,
        message: "fine".into(),
        metrics: vec![("cpu".into(), 0.5)],
        ..HeartbeatRow::default()
    }
}

pub(crate) fn started(invocation_id: i64, instance_id: i64, started_ms: TimeMs) -> Fact {
    Fact::InvocationStarted(InvocationStart {
        invocation_id,
        instance_id,
        attempt: 1,
        is_restart: false,
        pid: Some(1_234),
        pid_start_ticks: Some(99),
        started_ms,
    })
}

pub(crate) fn running(instance_id: i64, invocation_id: i64) -> InstanceChange {
    InstanceChange {
        instance_id,
        goal_up: true,
        state: InstanceState::Running,
        reason: "ready".into(),
        since_ms: T0,
        invocation_id: Some(invocation_id),
        pid: Some(1_234),
        started_ms: Some(T0),
        next_attempt_ms: None,
        last_exit: None,
        restarts: 0,
    }
}

/// Waits until `look` returns a value; panics with the last status it saw.
pub(crate) async fn wait_for<T, S: std::fmt::Debug>(
    what: &str,
    mut look: impl FnMut() -> Result<T, S>,
) -> T {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match look() {
            Ok(found) => return found,
            Err(status) if Instant::now() >= until => {
                panic!("{what}: not within 20 s; last seen: {status:?}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}
