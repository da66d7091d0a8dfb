//! Opens the file for writing: checks it, migrates it, closes what a dead coordinator left, starts the thread.
//! The lock that admits one coordinator is taken by the caller before.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, TransactionBehavior, params};

use crate::TimeMs;
use crate::apply::Applier;
use crate::connection;
use crate::maintenance::Retention;
use crate::queue::{Bounds, Queue};
use crate::schema::{self, SchemaError};
use crate::thread::WriterThread;
use crate::writer::Writer;

/// Small files are checked whole at start; for large ones that would cost seconds at each restart.
const CHECKED_BYTES_MAX: u64 = 32 << 20;

/// Who opens the file.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The machine's name.
    pub host: String,
    /// This process.
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`.
    pub pid_start_ticks: u64,
    /// Of the program.
    pub version: String,
    /// Now.
    pub now_ms: TimeMs,
}

/// How the writer works.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Bulk rows that may wait; a row counts one for each started 512 bytes.
    pub queue_rows_max: usize,
    /// Lifecycle rows that may wait: hours of a locked database for a fleet that keeps changing state.
    pub urgent_rows_max: usize,
    /// Rows in one transaction at most: more no longer pays and holds the write lock longer.
    pub batch_rows_max: usize,
    /// How long a first row waits for others to share its transaction.
    pub group_commit: Duration,
    /// How long bulk waits for room before it is dropped.
    pub bulk_wait: Duration,
    /// Also survive a power cut without losing the last commits, at one fsync for each.
    pub synchronous_full: bool,
    /// What is kept how long.
    pub retention: Retention,
    /// Invocations that go on: this process has taken over from another program in place. The incarnation before ends with
    /// this one's start, and nothing else that was running is touched. `None` for a start from nothing.
    pub carried_on: Option<Vec<i64>>,
    /// The wall clock, for retention and roll-ups.
    pub clock: fn() -> TimeMs,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            queue_rows_max: 65_536,
            urgent_rows_max: 262_144,
            batch_rows_max: 8_192,
            group_commit: Duration::from_millis(5),
            bulk_wait: Duration::from_secs(2),
            synchronous_full: false,
            retention: Retention::default(),
            carried_on: None,
            clock: wall_clock,
        }
    }
}

fn wall_clock() -> TimeMs {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// An invocation whose coordinator died. Its process may still live: compare pid **and** start time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostInvocation {
    /// Which.
    pub invocation_id: i64,
    /// Of which instance.
    pub instance_id: i64,
    /// The instance's name.
    pub instance_name: String,
    /// Its process.
    pub pid: Option<i32>,
    /// Field 22 of `/proc/PID/stat` at its start.
    pub pid_start_ticks: Option<u64>,
}

/// A database open for writing.
#[derive(Debug)]
pub struct Opened {
    /// Records facts.
    pub writer: Writer,
    /// Owns the thread; joined last.
    pub thread: WriterThread,
    /// This start of the coordinator.
    pub incarnation_id: i64,
    /// What was running when the last coordinator died.
    pub lost: Vec<LostInvocation>,
    /// These and all that were lost within the last day: a coordinator that was killed right after its start may not have
    /// come to ending what they left.
    pub lost_lately: Vec<LostInvocation>,
}

/// Why the database was not opened. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The SQLite in this program is too old.
    #[error("use SQLite {found}: at least 3.51.3 is needed, older ones can corrupt a WAL database")]
    SqliteTooOld {
        /// What is linked.
        found: &'static str,
    },
    /// The file or its folder cannot be used.
    #[error("open the database {path}")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Newer, damaged or not ours; it was left as it was.
    #[error("use the database {path}")]
    Schema {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: SchemaError,
    },
    /// SQLite refused.
    #[error("open the database {path}")]
    Sqlite {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// No thread could be started.
    #[error("start the writer thread")]
    Thread(#[source] std::io::Error),
}

/// Opens or makes the database and starts the writer thread.
pub fn open_writer(
    path: &Path,
    identity: Identity,
    options: WriterOptions,
) -> Result<Opened, OpenError> {
    if rusqlite::version_number() < connection::SQLITE_VERSION_MIN {
        return Err(OpenError::SqliteTooOld {
            found: rusqlite::version(),
        });
    }
    let name = || path.display().to_string();
    let in_schema = |source: SchemaError| OpenError::Schema {
        path: name(),
        source,
    };
    let in_sqlite = |source: rusqlite::Error| match schema::is_corrupt(&source) {
        true => OpenError::Schema {
            path: name(),
            source: SchemaError::Corrupt {
                detail: source.to_string(),
            },
        },
        false => OpenError::Sqlite {
            path: name(),
            source,
        },
    };
    schema::check_header(path).map_err(in_schema)?;
    connection::create_file(path).map_err(|source| OpenError::File {
        path: name(),
        source,
    })?;
    let mut connection = connection::open_read_write(path).map_err(in_sqlite)?;
    prepare(&mut connection, path, options.synchronous_full).map_err(|error| match error {
        SchemaError::Failed(source) => in_sqlite(source),
        other => in_schema(other),
    })?;
    let start = begin_incarnation(&mut connection, &identity, options.carried_on.as_deref())
        .map_err(in_sqlite)?;
    let applier =
        Applier::load(&connection, start.incarnation_id, identity.now_ms).map_err(in_sqlite)?;
    let queue = Arc::new(Queue::new(Bounds {
        bulk_rows_max: options.queue_rows_max,
        urgent_rows_max: options.urgent_rows_max,
        batch_rows_max: options.batch_rows_max.max(1),
        group_commit: options.group_commit,
    }));
    let writer = Writer::new(
        Arc::clone(&queue),
        start.next_invocation_id,
        options.bulk_wait,
    );
    let thread =
        WriterThread::start(connection, applier, queue, &options).map_err(OpenError::Thread)?;
    Ok(Opened {
        writer,
        thread,
        incarnation_id: start.incarnation_id,
        lost: start.lost,
        lost_lately: start.lost_lately,
    })
}

fn prepare(
    connection: &mut Connection,
    path: &Path,
    synchronous_full: bool,
) -> Result<(), SchemaError> {
    let found = schema::check_open(connection)?;
    if found == 0 {
        connection::configure_new_file(connection)?;
    } else if std::fs::metadata(path)?.len() <= CHECKED_BYTES_MAX {
        let verdict: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(SchemaError::Corrupt { detail: verdict });
        }
    }
    connection::configure_writer(connection, synchronous_full)?;
    schema::migrate(connection)
}

struct Start {
    incarnation_id: i64,
    next_invocation_id: i64,
    lost: Vec<LostInvocation>,
    lost_lately: Vec<LostInvocation>,
}

/// See `Opened::lost_lately`.
const LATELY_MS: i64 = 86_400_000;

const LOST: &str = "
    SELECT v.invocation_id, v.instance_id, i.name, v.pid, v.pid_start_ticks
    FROM invocations v JOIN instances i USING (instance_id)
    WHERE v.ended_ms IS NULL AND v.invocation_id NOT IN (SELECT value FROM json_each(?1))";
const LOST_LATELY: &str = "
    SELECT v.invocation_id, v.instance_id, i.name, v.pid, v.pid_start_ticks
    FROM invocations v JOIN instances i USING (instance_id) WHERE v.outcome = 'lost' AND v.ended_ms >= ?1
    ORDER BY v.invocation_id DESC LIMIT 100000";
// In the same transaction: once they are closed, nobody would tell it any more.
const TELL_LOST: &str = "
    INSERT INTO events (ts_ms, instance_id, invocation_id, level, kind, message)
    SELECT ?1, instance_id, invocation_id, 2, 'invocation_lost', 'the coordinator died while it was running'
    FROM invocations WHERE ended_ms IS NULL AND invocation_id NOT IN (SELECT value FROM json_each(?2))";
const CLOSE_LOST: &str = "
    UPDATE invocations SET ended_ms = ?1, outcome = 'lost', reason = 'the coordinator died while it was running'
    WHERE ended_ms IS NULL AND invocation_id NOT IN (SELECT value FROM json_each(?2))";
const STOP_LEFT_OVER: &str = "
    UPDATE instances SET reason = CASE state
            WHEN 'FATAL' THEN reason ELSE 'the coordinator died in state ' || state END,
        last_exit = CASE WHEN pid IS NULL THEN last_exit ELSE 'lost: the coordinator died' END,
        state = 'STOPPED', since_ms = ?1, pid = NULL, started_ms = NULL, next_attempt_ms = NULL
    WHERE state NOT IN ('STOPPED', 'EXITED')";
const END_BEFORE: &str = "
    UPDATE incarnations SET seen_ms = ?1, ended_ms = ?1, exit_reason = 'upgraded to version ' || ?2
    WHERE incarnation_id = (SELECT max(incarnation_id) FROM incarnations) AND ended_ms IS NULL";
const BEGIN: &str = "
    INSERT INTO incarnations (host, pid, pid_start_ticks, version, started_ms, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
// Not only from invocations: retention removes old ones, and a number must never come back.
const NEWEST_INVOCATION: &str = "
    SELECT max(coalesce((SELECT max(invocation_id) FROM invocations), 0),
               coalesce((SELECT max(invocation_id) FROM instances), 0),
               coalesce((SELECT max(invocation_id) FROM latest_heartbeats), 0))";

/// One transaction: nobody ever sees a new incarnation beside the open invocations of the dead one.
fn begin_incarnation(
    connection: &mut Connection,
    identity: &Identity,
    carried_on: Option<&[i64]>,
) -> rusqlite::Result<Start> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let kept = serde_json::Value::from(carried_on.unwrap_or_default()).to_string();
    let lost = read_lost(&transaction, LOST, [&kept])?;
    transaction.execute(TELL_LOST, params![identity.now_ms, kept])?;
    transaction.execute(CLOSE_LOST, params![identity.now_ms, kept])?;
    let lost_lately = read_lost(&transaction, LOST_LATELY, [identity.now_ms - LATELY_MS])?;
    match carried_on {
        Some(_) => transaction.execute(END_BEFORE, params![identity.now_ms, identity.version])?,
        None => transaction.execute(STOP_LEFT_OVER, [identity.now_ms])?,
    };
    let ticks = i64::try_from(identity.pid_start_ticks).unwrap_or(i64::MAX);
    transaction.execute(
        BEGIN,
        params![
            identity.host,
            identity.pid,
            ticks,
            identity.version,
            identity.now_ms
        ],
    )?;
    let incarnation_id = transaction.last_insert_rowid();
    let newest: i64 = transaction.query_row(NEWEST_INVOCATION, [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(Start {
        incarnation_id,
        next_invocation_id: newest + 1,
        lost,
        lost_lately,
    })
}

fn read_lost(
    connection: &Connection,
    query: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<Vec<LostInvocation>> {
    connection
        .prepare(query)?
        .query_map(params, |row| {
            let ticks: Option<i64> = row.get(4)?;
            Ok(LostInvocation {
                invocation_id: row.get(0)?,
                instance_id: row.get(1)?,
                instance_name: row.get(2)?,
                pid: row.get(3)?,
                pid_start_ticks: ticks.and_then(|ticks| u64::try_from(ticks).ok()),
            })
        })?
        .collect()
}
