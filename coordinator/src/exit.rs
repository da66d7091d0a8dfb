//! The exit codes of the coordinator; documented in `docs/operations.md` and stable.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Stopped in order; of `status`: everything is running.
    Success,
    /// Something failed that should not.
    Internal,
    /// Bad arguments, or a problem in `agents.toml`.
    Configuration,
    /// Another coordinator holds the lock.
    Locked,
    /// An agent with `essential = true` became FATAL.
    EssentialFatal,
    /// The database cannot be used.
    Database,
    /// Of `status`: not everything is running.
    NotRunning,
    /// Of `status`: no coordinator answers, or there is no such agent.
    Unknown,
}

impl Exit {
    /// The code that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Internal => 1,
            Self::Configuration => 2,
            Self::Locked | Self::NotRunning => 3,
            Self::EssentialFatal | Self::Unknown => 4,
            Self::Database => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
