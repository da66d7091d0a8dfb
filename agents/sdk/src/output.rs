//! Owns stdout: one message is one flushed write, as wire or for people. It does not decide what is said.

use std::io::{self, IsTerminal, Write};

use agent_protocol::{AgentMessage, EncodeError, encode};
use thiserror::Error;

use crate::drawing::{is_drawing, with_room};
use crate::readable::render;
use crate::records::{Message, RawRecords};

/// In which form messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For a coordinator or another program.
    Wire,
    /// For a person at a terminal.
    Readable {
        /// Whether colours are wanted.
        colours: bool,
    },
}

/// Why a message was not written.
#[derive(Debug, Error)]
pub(crate) enum WriteError {
    /// It does not fit into a line of the wire, or is no JSON. The next message may.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Nobody reads any more.
    #[error("write to stdout")]
    Closed(#[source] io::Error),
}

impl Form {
    /// Wire where a program reads, readable at a terminal unless `--json` asks for wire.
    pub(crate) fn choose(supervised: bool, json: bool) -> Form {
        if supervised || json || !io::stdout().is_terminal() {
            return Form::Wire;
        }
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Form::Readable { colours }
    }

    /// Writes one message. The lock on stdout is held for the whole line, so lines never interleave. This blocks
    /// while the reader's pipe is full, which is how a coordinator slows an agent down.
    pub(crate) fn write(self, message: &AgentMessage) -> Result<(), WriteError> {
        let line = match self {
            Form::Wire => encode(message)?,
            // What is drawn shows how much was stored.
            Form::Readable { .. }
                if is_drawing() && matches!(message, AgentMessage::Records(_)) =>
            {
                return Ok(());
            }
            Form::Readable { colours } => match render(message, colours) {
                Some(text) => text.into_bytes(),
                None => return Ok(()),
            },
        };
        write_line(&line)
    }

    /// The same for rows that are JSON already.
    pub(crate) fn write_records(self, records: &RawRecords<'_>) -> Result<(), WriteError> {
        match self {
            Form::Wire => write_line(&encode(&Message::Records(records))?),
            Form::Readable { .. } => self.write(&AgentMessage::Records(records.summary())),
        }
    }
}

fn write_line(line: &[u8]) -> Result<(), WriteError> {
    with_room(|| {
        let mut stdout = io::stdout().lock();
        stdout.write_all(line).and_then(|()| stdout.flush())
    })
    .map_err(WriteError::Closed)
}
