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
    /// Of a verb that reads: no coordinator answers, or there is no such agent.
    Unknown,
    /// Of a verb that changes something: the coordinator belongs to another user.
    NotPermitted,
    /// Of a verb that changes something: there is no such agent.
    NoSuchAgent,
    /// Of a verb that changes something: no coordinator runs, or the agent does not and will not.
    NotThere,
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
            Self::EssentialFatal | Self::Unknown | Self::NotPermitted => 4,
            Self::Database | Self::NoSuchAgent => 5,
            Self::NotThere => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
