//! Why a coordinator did not start, as an exit code and as words. It ends nothing.

use shared_state::OpenError;
use tracing::error;

use crate::Exit;
use crate::control::ListenError;
use crate::lock::LockError;
use crate::verbs::{chain, complain};

/// Why the coordinator did not start, and with which code it ends.
pub(crate) struct Failure {
    pub(super) error: anyhow::Error,
    pub(super) exit: Exit,
}

impl Failure {
    pub(crate) fn tell(self) -> Exit {
        let text = chain(&self.error);
        error!("{text}"); // for the file, where the log is up already
        complain(&text, self.exit)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self {
            error,
            exit: Exit::Internal,
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        let exit = match error {
            LockError::Held { .. } => Exit::Locked,
            LockError::File { .. } => Exit::Database,
        };
        Self {
            error: error.into(),
            exit,
        }
    }
}

impl From<ListenError> for Failure {
    fn from(error: ListenError) -> Self {
        let exit = match error {
            ListenError::InUse(_) => Exit::Locked,
            ListenError::Occupied(_) | ListenError::Bind { .. } => Exit::Configuration,
        };
        Self {
            error: error.into(),
            exit,
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self {
            error: error.into(),
            exit: Exit::Database,
        }
    }
}
