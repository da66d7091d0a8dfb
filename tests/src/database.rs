//! The first witness: the rows, read by a connection of the tests' own.
//! It shares no code with the crate that wrote them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Params, Row, types::FromSql};

use crate::{EventRow, InstanceRow, InvocationRow};

const INSTANCES: &str = "
    SELECT i.instance_id, i.name, i.goal, i.state, i.reason, i.invocation_id, i.pid, i.next_attempt_ms, i.last_exit,
        i.restarts, h.seq, h.message, h.invocation_id
    FROM instances i LEFT JOIN latest_heartbeats h USING (instance_id) WHERE ?1 IS NULL OR i.name = ?1 ORDER BY 1";
const INVOCATIONS: &str = "
    SELECT v.invocation_id, v.incarnation_id, v.attempt, v.pid, v.pid_start_ticks, v.started_ms, v.ready_ms, v.ended_ms,
        v.outcome, v.exit_code, v.signal, v.reason, v.heartbeats, v.log_lines, v.truncated_lines, v.dropped_rows
    FROM invocations v JOIN instances i USING (instance_id) WHERE i.name = ?1 ORDER BY 1";
const EVENTS: &str = "
    SELECT e.ts_ms, i.name, e.invocation_id, e.level, e.kind, e.message, e.data
    FROM events e LEFT JOIN instances i USING (instance_id) ORDER BY e.event_id";

/// A database file that may not be there yet.
#[derive(Clone, Debug)]
pub struct Database {
    path: PathBuf,
}

impl Database {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A read-only connection.
    pub fn open(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        Ok(connection)
    }

    /// All rows of a query. An error is no panic: a file that is not there yet is a state that a test waits through.
    pub fn try_rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.open()?.prepare(sql)?.query_map(params, row)?.collect()
    }

    /// All rows of a query.
    pub fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        self.try_rows(sql, params, row)
            .unwrap_or_else(|error| panic!("{}: {error}: {sql}", self.path.display()))
    }

    /// The one value of a query.
    pub fn value<T: FromSql>(&self, sql: &str, params: impl Params) -> T {
        let mut rows = self.rows(sql, params, |row| row.get(0));
        assert_eq!(rows.len(), 1, "one row was wanted: {sql}");
        rows.remove(0)
    }

    /// How many starts of a coordinator it knows of; 0 while there is no database.
    pub fn incarnations(&self) -> i64 {
        let counts = self.try_rows("SELECT count(*) FROM incarnations", [], |row| row.get(0));
        counts.unwrap_or_default().pop().unwrap_or_default()
    }

    /// All instances; empty while there is no database.
    pub fn instances(&self) -> Vec<InstanceRow> {
        self.try_rows(INSTANCES, [None::<&str>], instance_row)
            .unwrap_or_default()
    }

    /// One instance, if it is known yet.
    pub fn instance(&self, name: &str) -> Option<InstanceRow> {
        let rows = self.try_rows(INSTANCES, [Some(name)], instance_row);
        rows.unwrap_or_default().pop()
    }

    /// All invocations of an instance, the oldest first.
    pub fn invocations(&self, name: &str) -> Vec<InvocationRow> {
        self.rows(INVOCATIONS, [name], invocation_row)
    }

    /// All events, the oldest first.
    pub fn events(&self) -> Vec<EventRow> {
        self.rows(EVENTS, [], event_row)
    }

    /// The events of one kind of one instance, or of the coordinator itself.
    pub fn events_of(&self, instance: Option<&str>, kind: &str) -> Vec<EventRow> {
        let mut events = self.events();
        events.retain(|event| event.kind == kind && event.instance.as_deref() == instance);
        events
    }
}

fn instance_row(row: &Row<'_>) -> rusqlite::Result<InstanceRow> {
    let heartbeat = match row.get(10)? {
        Some(seq) => Some((seq, row.get(11)?, row.get(12)?)),
        None => None,
    };
    Ok(InstanceRow {
        instance_id: row.get(0)?,
        name: row.get(1)?,
        goal: row.get(2)?,
        state: row.get(3)?,
        reason: row.get(4)?,
        invocation_id: row.get(5)?,
        pid: row.get(6)?,
        next_attempt_ms: row.get(7)?,
        last_exit: row.get(8)?,
        restarts: row.get(9)?,
        heartbeat,
    })
}

fn invocation_row(row: &Row<'_>) -> rusqlite::Result<InvocationRow> {
    Ok(InvocationRow {
        invocation_id: row.get(0)?,
        incarnation_id: row.get(1)?,
        attempt: row.get(2)?,
        pid: row.get(3)?,
        pid_start_ticks: row.get(4)?,
        started_ms: row.get(5)?,
        ready_ms: row.get(6)?,
        ended_ms: row.get(7)?,
        outcome: row.get(8)?,
        exit_code: row.get(9)?,
        signal: row.get(10)?,
        reason: row.get(11)?,
        heartbeats: row.get(12)?,
        log_lines: row.get(13)?,
        truncated_lines: row.get(14)?,
        dropped_rows: row.get(15)?,
    })
}

fn event_row(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        ts_ms: row.get(0)?,
        instance: row.get(1)?,
        invocation_id: row.get(2)?,
        level: row.get(3)?,
        kind: row.get(4)?,
        message: row.get(5)?,
        data: row.get(6)?,
    })
}
