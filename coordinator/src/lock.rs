//! Admits one coordinator for each database. It opens no database.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Held as long as it lives; the kernel releases it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Flock<File>,
}

/// Why the lock was not taken. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Somebody else has it.
    #[error(
        "take the lock {path}: another coordinator (pid {holder}) runs on this database; `coordinator status` shows it. Stop that one, or give this one another --database"
    )]
    Held { path: PathBuf, holder: String },
    /// The file cannot be used.
    #[error("take the lock {path}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock beside the database and notes this process in it. The file is never deleted: two processes could
    /// then hold locks on two files of one name.
    pub(crate) fn take(database: &Path) -> Result<Self, LockError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let in_file = |source| LockError::File {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .open(&path)
            .map_err(in_file)?;
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => locked,
            Err((mut file, Errno::EAGAIN)) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder); // only for the message
                let holder = holder.trim();
                let holder = if holder.is_empty() { "unknown" } else { holder };
                return Err(LockError::Held {
                    path,
                    holder: holder.to_owned(),
                });
            }
            Err((_, errno)) => return Err(in_file(errno.into())),
        };
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        noted.map_err(in_file)?;
        Ok(Self { _file: file })
    }
}
