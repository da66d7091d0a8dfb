//! Copies the database while it is in use, and verifies the copy. It never writes to the source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// 4 MiB a step: the source is never locked for long, and the copy still goes at disk speed.
const PAGES_PER_STEP: i32 = 1_024;

/// For a writer that checkpoints just now.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

/// The tables that hold rows of ours.
const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// A copy that was made and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its size.
    pub bytes: u64,
    /// The rows of each table, the same as in the source at the moment of the copy.
    pub rows: BTreeMap<String, u64>,
}

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target is there already.
    #[error("write the backup to {0}: the file exists; name another one")]
    Exists(PathBuf),
    /// The target's folder cannot be written.
    #[error("write the backup to {path}")]
    Target {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing to copy.
    #[error("copy the database {0}: there is no such file; name it with --database")]
    Missing(PathBuf),
    /// SQLite could not read the source.
    #[error("read the database")]
    Source(#[source] rusqlite::Error),
    /// SQLite could not write or read the copy.
    #[error("write the backup to {path}")]
    Copy {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The copy is not what was copied; it was removed.
    #[error("verify the backup: {0}")]
    Differs(String),
}

/// Copies the database at `path` to the new file `to` while it is in use. The copy appears under its name only when it is
/// whole and verified: `integrity_check`, and as many rows in each table as the source had.
pub fn backup(path: &Path, to: &Path) -> Result<Backup, BackupError> {
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_path_buf()));
    }
    if !path.exists() {
        return Err(BackupError::Missing(path.to_path_buf()));
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let in_target = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Exists(to.to_path_buf()),
        _ => BackupError::Target {
            path: to.to_path_buf(),
            source,
        },
    };
    let _ = std::fs::remove_file(&partial);
    let result = crate::connection::create_file(&partial)
        .map_err(in_target)
        .and_then(|_| copy(path, &partial))
        .and_then(|rows| {
            // `hard_link` and not `rename`: a file that appeared meanwhile is not overwritten.
            std::fs::hard_link(&partial, to).map_err(in_target)?;
            let bytes = std::fs::metadata(to).map_err(in_target)?.len();
            Ok(Backup { bytes, rows })
        });
    // Nothing depends on its removal; a left-over is replaced by the next backup to the same name.
    let _ = std::fs::remove_file(&partial);
    result
}

/// Returns the rows of each table, which are the same on both sides.
fn copy(path: &Path, partial: &Path) -> Result<BTreeMap<String, u64>, BackupError> {
    let in_copy = |source| BackupError::Copy {
        path: partial.to_path_buf(),
        source,
    };
    let source = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(BackupError::Source)?;
    source
        .busy_timeout(BUSY_LIMIT)
        .map_err(BackupError::Source)?;
    let mut target = Connection::open(partial).map_err(in_copy)?;
    // One read transaction for the whole copy: otherwise each commit of the writer would start it anew, and what is counted
    // would be another state than what is copied.
    let read = source
        .unchecked_transaction()
        .map_err(BackupError::Source)?;
    let rows = count_rows(&read).map_err(BackupError::Source)?;
    {
        let job = rusqlite::backup::Backup::new(&source, &mut target).map_err(in_copy)?;
        while job.step(PAGES_PER_STEP).map_err(in_copy)? == rusqlite::backup::StepResult::More {}
    }
    drop(read);
    // A backup is one file: without a WAL beside it, and readable where nothing can be written.
    target
        .pragma_update(None, "journal_mode", "DELETE")
        .map_err(in_copy)?;
    verify(&target, &rows).map_err(in_copy)??;
    target.close().map_err(|(_, error)| in_copy(error))?;
    Ok(rows)
}

/// The outer error: it cannot be read. The inner one: it is not what it has to be.
fn verify(
    copy: &Connection,
    expected: &BTreeMap<String, u64>,
) -> rusqlite::Result<Result<(), BackupError>> {
    let verdict: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(Err(BackupError::Differs(verdict)));
    }
    let found = count_rows(copy)?;
    let differs = |table: &&String| found.get(*table) != expected.get(*table);
    Ok(match expected.keys().chain(found.keys()).find(differs) {
        None => Ok(()),
        Some(table) => Err(BackupError::Differs(format!(
            "{table} has {:?} rows and not {:?}",
            found.get(table),
            expected.get(table)
        ))),
    })
}

fn count_rows(connection: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    let mut tables = connection.prepare(TABLES)?;
    let names = tables.query_map([], |row| row.get::<_, String>(0))?;
    let mut rows = BTreeMap::new();
    for name in names {
        let name = name?;
        // The name of a table cannot be a parameter; it comes from the file itself and is quoted.
        let query = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        let count: i64 = connection.query_row(&query, [], |row| row.get(0))?;
        rows.insert(name, u64::try_from(count).unwrap_or(0));
    }
    Ok(rows)
}
