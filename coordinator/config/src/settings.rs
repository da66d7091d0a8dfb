//! Puts flag, environment, `.env`, `agents.toml` and default in order for the few paths that can be given in each.
//! It does not create or open any of them.

use std::io;
use std::path::{Path, PathBuf};

use crate::CoordinatorConfig;

/// What clap found: a flag, else the environment, which [`load_dotenv`] has completed from `.env` before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--database`, `SHARED_STATE_SQLITE`.
    pub database: Option<PathBuf>,
    /// `--socket`, `COORDINATOR_SOCKET`.
    pub socket: Option<PathBuf>,
    /// `--log-dir`, `AGENT_LOG_DIR`.
    pub log_dir: Option<PathBuf>,
}

/// The paths in force, all absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The database file.
    pub database: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
    /// The folder of the log files.
    pub log_dir: PathBuf,
}

impl Settings {
    /// Flag over environment over `.env` over `agents.toml` over default. Relative paths begin at the working
    /// directory. An empty path counts as not given: `SHARED_STATE_SQLITE=` in a file means nothing else.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn resolve(given: Overrides, file: Option<&CoordinatorConfig>) -> io::Result<Self> {
        let database = first(given.database, file.and_then(|file| file.database.clone()))
            .unwrap_or_else(|| PathBuf::from("shared_state.db"));
        let database = std::path::absolute(database)?;
        let folder = database.parent().unwrap_or(Path::new("/"));
        let socket = first(given.socket, file.and_then(|file| file.socket.clone()))
            .unwrap_or_else(|| folder.join("coordinator.sock"));
        let log_dir = first(given.log_dir, file.and_then(|file| file.log_dir.clone()))
            .unwrap_or_else(|| folder.join("logs"));
        Ok(Self {
            socket: std::path::absolute(socket)?,
            log_dir: std::path::absolute(log_dir)?,
            database,
        })
    }
}

fn first(given: Option<PathBuf>, file: Option<PathBuf>) -> Option<PathBuf> {
    given.filter(|path| !path.as_os_str().is_empty()).or(file)
}

/// Why `.env` was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DotenvError {
    /// A line that is not `NAME=value`.
    #[error("read .env: `{line}` is not NAME=value (quote a value that has spaces or `#` in it)")]
    Line {
        /// The line.
        line: String,
    },
    /// The file is there and cannot be read.
    #[error("read .env")]
    Read(#[source] io::Error),
}

/// Completes the environment of this process from `.env` in the working directory; what is already set stays.
/// Must run before any thread is started. Returns whether there was such a file.
///
/// # Errors
/// The file is there but is not a list of `NAME=value`.
pub fn load_dotenv() -> Result<bool, DotenvError> {
    match dotenvy::from_path(Path::new(".env")) {
        Ok(()) => Ok(true),
        Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(dotenvy::Error::Io(error)) => Err(DotenvError::Read(error)),
        Err(dotenvy::Error::LineParse(line, _)) => Err(DotenvError::Line { line }),
        Err(error) => Err(DotenvError::Read(io::Error::other(error))),
    }
}
