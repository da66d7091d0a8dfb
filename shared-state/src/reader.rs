//! Read-only access from any process: how the file is opened, and one short transaction at a time.
//! It writes nothing, not even the files beside the database.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::schema::{self, SCHEMA_VERSION, SchemaError};
use crate::snapshot::{BarCache, Snapshot};

/// SQLite's virtual machine looks at the clock after this many steps: a few microseconds.
const STEPS_PER_LOOK: i32 = 2_000;

/// How the file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderMode {
    /// With the WAL: sees each commit.
    Live,
    /// The file alone, as it was left: the coordinator is down. Reopen when `is_replaced` says so.
    Immutable,
}

/// Why nothing was read. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// There is no file.
    #[error("find the database: there is no file yet; start the coordinator")]
    Missing,
    /// Written by a newer program.
    #[error("read a database of schema version {found}: this program knows {known}; update it")]
    Newer {
        /// In the file.
        found: i32,
        /// Of this program.
        known: i32,
    },
    /// The file is there, but not yet as this program reads it.
    #[error("read the database: it is not ready ({0}); start the coordinator")]
    NotReady(String),
    /// Not a database, or damaged.
    #[error("read the database: it is damaged or not a database ({0})")]
    Corrupt(String),
    /// Somebody holds a lock for longer than the busy timeout.
    #[error("read the database: it is locked")]
    Busy,
    /// The deadline was over, or the reader was interrupted.
    #[error("read the database in time")]
    Deadline,
    /// Anything else that SQLite says.
    #[error("read the database")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for ReaderError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::OperationInterrupted) => Self::Deadline,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Sqlite(error),
        }
    }
}

/// Ends a running read from another thread.
pub struct InterruptHandle(rusqlite::InterruptHandle);

impl InterruptHandle {
    /// Makes the read that is under way return [`ReaderError::Deadline`]; does nothing otherwise.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

/// Which file was opened: a database that was deleted and made again is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// A read-only connection. Use it on a thread that may block.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    mode: ReaderMode,
    deadline: Deadline,
    bars: BarCache,
    identity: Identity,
    /// Size and change time, for a file that is read as it was left.
    left: (u64, i64, i64),
}

impl Reader {
    /// Opens the file read-only; where that is impossible and no WAL holds anything newer, as it was left.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReaderError> {
        let path = path.as_ref();
        let metadata = std::fs::metadata(path).map_err(|_| ReaderError::Missing)?;
        if metadata.len() == 0 {
            return Err(ReaderError::NotReady("the file is empty".into()));
        }
        schema::check_header(path).map_err(from_schema)?;
        let (mut connection, mode) = match open_live(path) {
            Ok(connection) => (connection, ReaderMode::Live),
            Err(Refusal::Final(error)) => return Err(error),
            Err(Refusal::TryImmutable(why)) if wal_bytes(path) == 0 => {
                (open_immutable(path, &why)?, ReaderMode::Immutable)
            }
            Err(Refusal::TryImmutable(why)) => return Err(ReaderError::NotReady(why)),
        };
        let deadline = Deadline::watch(&mut connection)?;
        let reader = Self {
            connection,
            deadline,
            bars: BarCache::default(),
            path: path.to_path_buf(),
            mode,
            identity: Identity::of(&metadata),
            left: (metadata.len(), metadata.mtime(), metadata.mtime_nsec()),
        };
        reader.check_schema()?;
        Ok(reader)
    }

    fn check_schema(&self) -> Result<(), ReaderError> {
        match schema::check_open(&self.connection).map_err(from_schema)? {
            SCHEMA_VERSION => Ok(()),
            0 => Err(ReaderError::NotReady("it has no tables yet".into())),
            older => Err(ReaderError::NotReady(format!(
                "its schema is {older}, this program reads {SCHEMA_VERSION}"
            ))),
        }
    }

    /// How the file is read.
    pub fn mode(&self) -> ReaderMode {
        self.mode
    }

    /// Changes with each commit of another connection; about 4 µs. Ask `is_replaced` first.
    pub fn data_version(&self) -> Result<i64, ReaderError> {
        Ok(self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Whether the path now names another file, or a file read as it was left has changed: open it anew.
    pub fn is_replaced(&self) -> bool {
        let Ok(metadata) = std::fs::metadata(&self.path) else {
            return true;
        };
        if Identity::of(&metadata) != self.identity {
            return true;
        }
        let left = (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        self.mode == ReaderMode::Immutable
            && (left != self.left
                || wal_bytes(&self.path) > 0
                || beside(&self.path, "-shm").exists())
    }

    /// Ends a read that is under way from another thread.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle(self.connection.get_interrupt_handle())
    }

    /// Reads within one transaction, which ends at `limit` at the latest.
    pub fn snapshot<T>(
        &self,
        limit: Duration,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, ReaderError>,
    ) -> Result<T, ReaderError> {
        self.end_left_over()?;
        let _armed = self.deadline.set(limit);
        let result = {
            let transaction = self.connection.unchecked_transaction()?;
            // Rolls back when dropped, also after an error: nothing was written.
            read(&Snapshot::new(&transaction, &self.path, &self.bars))
        };
        self.end_left_over()?;
        result
    }

    /// An interrupt that ends a read may also hit its ROLLBACK; the old moment would then be read for ever.
    fn end_left_over(&self) -> Result<(), ReaderError> {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        Ok(())
    }
}

/// Until when the present read may take; looked at by SQLite during each read.
#[derive(Clone, Debug)]
struct Deadline {
    base: Instant,
    /// Microseconds after `base`; `u64::MAX` between reads.
    at_us: Arc<AtomicU64>,
}

impl Deadline {
    fn watch(connection: &mut Connection) -> rusqlite::Result<Self> {
        let deadline = Self {
            base: Instant::now(),
            at_us: Arc::new(AtomicU64::new(u64::MAX)),
        };
        let seen = deadline.clone();
        connection.progress_handler(STEPS_PER_LOOK, Some(move || seen.is_over()))?;
        Ok(deadline)
    }

    fn is_over(&self) -> bool {
        let at_us = self.at_us.load(Ordering::Relaxed);
        at_us != u64::MAX && self.base.elapsed().as_micros() >= u128::from(at_us)
    }

    fn set(&self, limit: Duration) -> Armed<'_> {
        let at = (self.base.elapsed() + limit).as_micros();
        self.at_us
            .store(u64::try_from(at).unwrap_or(u64::MAX), Ordering::Relaxed);
        Armed(&self.at_us)
    }
}

struct Armed<'a>(&'a AtomicU64);

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }
}

enum Refusal {
    TryImmutable(String),
    Final(ReaderError),
}

/// Opens with the WAL. Where -wal or -shm is missing SQLite would make it, owned by this user, and then the
/// coordinator might not be able to open it: so that is not even tried.
fn open_live(path: &Path) -> Result<Connection, Refusal> {
    for name in ["-wal", "-shm"] {
        if !beside(path, name).exists() {
            return Err(Refusal::TryImmutable(format!("{name} is not there")));
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
        crate::connection::configure_reader(&connection)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    });
    opened.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            Refusal::TryImmutable(error.to_string())
        }
        _ => Refusal::Final(error.into()),
    })
}

fn open_immutable(path: &Path, why: &str) -> Result<Connection, ReaderError> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte))
            }
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags)
        .and_then(|connection| {
            crate::connection::configure_reader(&connection).map(|()| connection)
        })
        .map_err(|error| match ReaderError::from(error) {
            ReaderError::Sqlite(error) => {
                ReaderError::NotReady(format!("{error}; before that: {why}"))
            }
            other => other,
        })?;
    Ok(connection)
}

fn from_schema(error: SchemaError) -> ReaderError {
    match error {
        SchemaError::Newer { found, known } => ReaderError::Newer { found, known },
        SchemaError::Corrupt { detail } => ReaderError::Corrupt(detail),
        SchemaError::Failed(error) => error.into(),
        SchemaError::Foreign => ReaderError::Corrupt("it belongs to another program".into()),
        SchemaError::Io(error) => ReaderError::NotReady(error.to_string()),
    }
}

/// The path of a file that SQLite keeps beside the database.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// How much the write-ahead log holds; 0 where there is none.
pub(crate) fn wal_bytes(path: &Path) -> u64 {
    std::fs::metadata(beside(path, "-wal")).map_or(0, |metadata| metadata.len())
}
