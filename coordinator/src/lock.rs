//! Admits one coordinator for each database. It opens no database.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// A program is executed within milliseconds, on a very busy machine within a second.
const DEAD_HOLDER_LIMIT: Duration = Duration::from_secs(2);
/// Between two looks, in milliseconds.
const DEAD_HOLDER_LOOK: u8 = 10;

/// Held as long as it lives; the kernel releases it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct Lock {
    file: Flock<File>,
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
        let mut file = lock_file(file).map_err(|refused| match refused {
            Refused::Held { holder } => LockError::Held {
                path: path.clone(),
                holder,
            },
            Refused::Failed(errno) => in_file(errno.into()),
        })?;
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        noted.map_err(in_file)?;
        Ok(Self { file })
    }
}

impl Lock {
    /// The lock that this process holds already by a descriptor of the program before.
    pub(crate) fn go_on(descriptor: OwnedFd) -> Result<Self, LockError> {
        let file = File::from(descriptor);
        // Held by the open file itself, so this succeeds at once.
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
            LockError::File {
                path: PathBuf::from("that was handed over"),
                source: errno.into(),
            }
        })?;
        Ok(Self { file })
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// Why the file was not locked.
enum Refused {
    Held { holder: String },
    Failed(Errno),
}

/// A coordinator that was killed while it started an agent leaves the lock to that child for the moment until it has
/// executed its program. So a holder that is dead is waited for, one that lives is not.
fn lock_file(mut file: File) -> Result<Flock<File>, Refused> {
    let deadline = Instant::now() + DEAD_HOLDER_LIMIT;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((file, Errno::EAGAIN)) => file,
            Err((_, errno)) => return Err(Refused::Failed(errno)),
        };
        let mut holder = String::new();
        let _ = file
            .rewind()
            .and_then(|()| file.read_to_string(&mut holder)); // who it is only matters here
        let holder = holder.trim();
        let pid = holder.parse().map(Pid::from_raw);
        let is_dead = pid.is_ok_and(|pid| kill(pid, None) == Err(Errno::ESRCH));
        if !is_dead || Instant::now() >= deadline {
            let holder = if holder.is_empty() { "unknown" } else { holder };
            return Err(Refused::Held {
                holder: holder.to_owned(),
            });
        }
        let _ = nix::poll::poll(&mut [], DEAD_HOLDER_LOOK); // a rest, nothing to wait for
    }
}
