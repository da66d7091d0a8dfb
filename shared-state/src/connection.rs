//! Opens connections with their pragmas, each with its reason, and makes the file with its mode.
//! It knows nothing of tables.

use std::ffi::c_int;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, config::DbConfig, ffi};

/// The first SQLite without the race that could corrupt a WAL database on checkpoint.
pub(crate) const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Owner writes, the group (the dashboard's user) reads. SQLite gives -wal and -shm the same mode.
const FILE_MODE: u32 = 0o640;

/// The writer retries by itself and shows that it does, so SQLite's own waiting is short.
const WRITER_BUSY: Duration = Duration::from_millis(250);

/// 16 MiB of WAL before a checkpoint: fewer fsyncs and each page is copied once for many changes.
const CHECKPOINT_PAGES: i64 = 4_000;

/// A WAL that grew in a burst is cut back to this after the next checkpoint.
const WAL_BYTES_KEPT: i64 = 32 << 20;

/// Statements are compiled once: more of them than this crate has.
const STATEMENTS_CACHED: usize = 192;

/// Makes the file with its mode if it is not there. The folder is left alone.
pub(crate) fn create_file(path: &Path) -> std::io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
    {
        Ok(file) => file.set_permissions(std::fs::Permissions::from_mode(FILE_MODE)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// The one read-write connection, before anything is changed in the file.
pub(crate) fn open_read_write(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // Another process may hold the lock for a backup or a checkpoint while we start.
    connection.busy_timeout(Duration::from_secs(5))?;
    // Until the schema is known to be ours, closing must not copy the WAL into the file.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    keep_wal_after_close(&connection)?;
    Ok(connection)
}

/// Sets the writer's pragmas. Exclusive locking is never used: readers of other processes would be locked out.
pub(crate) fn configure_writer(
    connection: &Connection,
    synchronous_full: bool,
) -> rusqlite::Result<()> {
    // Readers in other processes see whole transactions and block nobody.
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_CANTOPEN),
            Some(format!(
                "journal mode stays {mode}: this file system cannot share memory between processes"
            )),
        ));
    }
    // NORMAL survives every crash of a process; FULL also keeps the last commits when power fails.
    connection.pragma_update(
        None,
        "synchronous",
        if synchronous_full { "FULL" } else { "NORMAL" },
    )?;
    // A row that names an instance or an invocation names one that exists.
    connection.pragma_update(None, "foreign_keys", true)?;
    // After a burst the WAL shrinks again.
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // 4 MiB: the pages that every batch touches fit; the coordinator stays small (negative: KiB).
    connection.pragma_update(None, "cache_size", -4_096)?;
    // Sorting spills to memory, not to files of its own in a folder that may be read-only.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A truncated file under a map would be SIGBUS.
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.busy_timeout(WRITER_BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(())
}

/// Settings that only a file without tables can take.
pub(crate) fn configure_new_file(connection: &Connection) -> rusqlite::Result<()> {
    // The page of memory and of most file systems; also SQLite's default, named so that it never changes by accident.
    connection.pragma_update(None, "page_size", 4_096)?;
    // Space freed by retention can be given back in small steps.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")
}

/// Sets what every read-only connection needs, besides being opened read-only.
pub(crate) fn configure_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.busy_timeout(Duration::from_millis(500))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(())
}

/// Keeps -wal and -shm after the last close: a reader that may not write the folder cannot make them.
fn keep_wal_after_close(connection: &Connection) -> rusqlite::Result<()> {
    let mut on: c_int = 1;
    // SAFETY: the handle is open for as long as `connection` lives, SQLITE_FCNTL_PERSIST_WAL reads and writes
    // one int through the pointer during the call only, and a null name means the main database.
    let code = unsafe {
        ffi::sqlite3_file_control(
            connection.handle(),
            std::ptr::null(),
            ffi::SQLITE_FCNTL_PERSIST_WAL,
            std::ptr::from_mut(&mut on).cast(),
        )
    };
    if code == ffi::SQLITE_OK {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(
        ffi::Error::new(code),
        Some("keep the WAL after close".into()),
    ))
}
