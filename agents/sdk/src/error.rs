//! What goes wrong in an author's code, as text with a consequence. It is no error type for anything else.

use std::error::Error;
use std::fmt;

/// Why a start or a round of work failed. Every error converts into it with `?`, so it is itself no [`Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentError {
    message: String,
    fatal: bool,
}

impl AgentError {
    /// A failure that may heal: the agent says so in a heartbeat and goes on.
    pub fn new(message: impl Into<String>) -> Self {
        AgentError {
            message: message.into(),
            fatal: false,
        }
    }

    /// A failure after which the process has to end, with exit code 1.
    pub fn fatal(message: impl Into<String>) -> Self {
        AgentError {
            message: message.into(),
            fatal: true,
        }
    }

    /// Whether the process has to end.
    pub fn is_fatal(&self) -> bool {
        self.fatal
    }
}

impl fmt::Display for AgentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl<E: Error> From<E> for AgentError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        AgentError::new(message)
    }
}
