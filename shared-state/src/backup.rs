//! Copies the database while it is in use. It never writes to the source.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// 4 MiB a step: the source is never locked for long, and the copy still goes at disk speed.
const PAGES_PER_STEP: i32 = 1_024;

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
    /// SQLite could not read the source or write the copy.
    #[error("copy the database")]
    Sqlite(#[from] rusqlite::Error),
}

/// Copies the database at `path` to the new file `to` while it is in use; returns the bytes of the copy.
/// The copy appears under its name only when it is whole.
pub fn backup(path: &Path, to: &Path) -> Result<u64, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_path_buf()));
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let in_target = |source| BackupError::Target {
        path: to.to_path_buf(),
        source,
    };
    let result = copy(path, &partial).and_then(|()| {
        // `hard_link` and not `rename`: a file that appeared meanwhile is not overwritten.
        std::fs::hard_link(&partial, to).map_err(in_target)?;
        Ok(std::fs::metadata(to).map_err(in_target)?.len())
    });
    // Nothing depends on its removal; a left-over is replaced by the next backup to the same name.
    let _ = std::fs::remove_file(&partial);
    result
}

fn copy(path: &Path, partial: &Path) -> Result<(), BackupError> {
    let source = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    source.busy_timeout(Duration::from_secs(5))?;
    let _ = std::fs::remove_file(partial);
    crate::connection::create_file(partial).map_err(|source| BackupError::Target {
        path: partial.to_path_buf(),
        source,
    })?;
    let mut target = Connection::open(partial)?;
    // One read transaction for the whole copy: otherwise each commit of the writer would start it anew.
    let read = source.unchecked_transaction()?;
    read.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    {
        let job = rusqlite::backup::Backup::new(&source, &mut target)?;
        while job.step(PAGES_PER_STEP)? == rusqlite::backup::StepResult::More {}
    }
    drop(read);
    // A backup is one file: without a WAL beside it, and readable where nothing can be written.
    target.pragma_update(None, "journal_mode", "DELETE")?;
    target.close().map_err(|(_, error)| error)?;
    Ok(())
}
