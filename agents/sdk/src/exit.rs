//! The exit codes of every agent built with this crate. They are part of its interface and do not change.

use std::process::ExitCode;

/// Why an agent's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: it was asked to stop, or `--once` ended with status `ok`.
    Success,
    /// 1: the start failed, or a round of work failed for good, or failed under `--once`.
    Failed,
    /// 2: a flag, an environment variable or a key of the `config` table is wrong.
    BadSettings,
    /// 3: `--once` ended with status `degraded` or `error`.
    NotOk,
    /// 4: nobody reads stdout any more.
    OutputClosed,
    /// 5: `AGENT_NAME` is set, but no `hello` came from a coordinator.
    NoCoordinator,
}

impl Exit {
    /// The number that the operating system gets.
    pub fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::BadSettings => 2,
            Exit::NotOk => 3,
            Exit::OutputClosed => 4,
            Exit::NoCoordinator => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
