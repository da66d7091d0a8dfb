//! What one round of work says about the agent. It does not send anything.

use std::collections::BTreeMap;

use agent_protocol::Status;

/// Text for people is one line on a page; a longer one is cut so that a heartbeat always fits into a line of the wire.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1024;

/// How the agent is after a round of work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beat {
    /// How it is.
    pub status: Status,
    /// One line for people; cut at 1024 bytes.
    pub message: String,
    /// Figures by name; a name ends in its unit, such as `queue_rows`.
    pub metrics: BTreeMap<String, f64>,
}

impl Beat {
    /// Working as intended.
    pub fn ok(message: impl Into<String>) -> Self {
        Beat::new(Status::Ok, message)
    }

    /// Working in part; the message says what is missing and what to do.
    pub fn degraded(message: impl Into<String>) -> Self {
        Beat::new(Status::Degraded, message)
    }

    /// Not working; the message says why.
    pub fn error(message: impl Into<String>) -> Self {
        Beat::new(Status::Error, message)
    }

    /// A beat without figures.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        Beat {
            status,
            message,
            metrics: BTreeMap::new(),
        }
    }

    /// Adds a figure. One that is not finite is left out: there is no such measurement.
    #[must_use]
    pub fn figure(mut self, name: impl Into<String>, figure: f64) -> Self {
        if figure.is_finite() {
            self.metrics.insert(name.into(), figure);
        }
        self
    }
}
