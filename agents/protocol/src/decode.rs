//! One line to one message: total, bounded and in one pass for lines that are as they should be.
//! It does no I/O and does not split lines.
//!
//! Invalid UTF-8 becomes U+FFFD: an agent with a Latin-1 locale is not dead, so its heartbeats count. A line that
//! fails is read a second time in such a way that of several equal keys the last one wins.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::kind::{find_kind, object_text, reason_of};
use crate::{AgentMessage, CoordinatorMessage};

/// What one line of an agent's stdout is.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// A message of this protocol version.
    Message(AgentMessage),
    /// A message of a type that this version does not know: to be counted and otherwise ignored.
    Unknown {
        /// Its `type`, cut to 64 bytes.
        kind: String,
    },
    /// A message of a known type that cannot be read, or a broken line that began as a message.
    Malformed {
        /// Its `type`, cut to 64 bytes.
        kind: String,
        /// What was wrong, for people; at most 256 bytes.
        reason: String,
    },
    /// Not a JSON object with a string `type`: a line for the log.
    Log,
}

/// Why a line from a coordinator is not a message for this agent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Not a JSON object with a string `type`.
    #[error("read a message: the line is not a JSON object with a `type`")]
    NotAMessage,
    /// A type that this version does not know; to be ignored.
    #[error("read a message: unknown type `{kind}`")]
    Unknown {
        /// Its `type`, cut to 64 bytes.
        kind: String,
    },
    /// A known type that cannot be read.
    #[error("read a `{kind}` message: {reason}")]
    Malformed {
        /// Its `type`, cut to 64 bytes.
        kind: String,
        /// What was wrong, for people; at most 256 bytes.
        reason: String,
    },
}

/// Reads one line of an agent's stdout, given without its newline.
///
/// Never fails and never panics. Nesting is bounded by `serde_json` (128 levels in what is kept). A figure that is
/// no finite number never becomes one: `1e999` and `NaN` make the line `Malformed`, a `null` figure is left out.
pub fn decode(line: &[u8]) -> Decoded {
    match decode_any(line, read_agent_message) {
        Ok(message) => Decoded::Message(message),
        Err(DecodeError::NotAMessage) => Decoded::Log,
        Err(DecodeError::Unknown { kind }) => Decoded::Unknown { kind },
        Err(DecodeError::Malformed { kind, reason }) => Decoded::Malformed { kind, reason },
    }
}

/// Reads one line of an agent's stdin, given without its newline. As forgiving as [`decode`].
pub fn decode_coordinator(line: &[u8]) -> Result<CoordinatorMessage, DecodeError> {
    decode_any(line, read_coordinator_message)
}

/// Reads the fields of a message of one kind; nothing for an unknown kind.
type ReadFields<M> = fn(&str, Source<'_>) -> Option<Result<M, serde_json::Error>>;

fn decode_any<M>(line: &[u8], read_fields: ReadFields<M>) -> Result<M, DecodeError> {
    let text = object_text(line).ok_or(DecodeError::NotAMessage)?;
    // Checked once for the whole line, which is faster than for each of its strings.
    let text = &*match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text), // far faster than looking for what is to be replaced
        Err(_) => String::from_utf8_lossy(text),
    };
    let kind = find_kind(text).ok_or(DecodeError::NotAMessage)?;
    match read_fields(&kind, Source::Text(text)) {
        Some(Ok(message)) => Ok(message),
        Some(Err(error)) => {
            read_forgivingly(&kind, text, read_fields).ok_or_else(|| DecodeError::Malformed {
                kind: kind.into_owned(),
                reason: reason_of(&error),
            })
        }
        None => Err(match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => DecodeError::Unknown {
                kind: kind.into_owned(),
            },
            Err(error) => DecodeError::Malformed {
                kind: kind.into_owned(),
                reason: reason_of(&error),
            },
        }),
    }
}

fn read_forgivingly<M>(kind: &str, text: &str, read_fields: ReadFields<M>) -> Option<M> {
    let object: Value = serde_json::from_str(text).ok()?;
    read_fields(kind, Source::Object(object))?.ok()
}

fn read_agent_message(
    kind: &str,
    source: Source<'_>,
) -> Option<Result<AgentMessage, serde_json::Error>> {
    Some(match kind {
        "heartbeat" => source.read().map(AgentMessage::Heartbeat),
        "metrics" => source.read().map(AgentMessage::Metrics),
        "event" => source.read().map(AgentMessage::Event),
        "alert" => source.read().map(AgentMessage::Alert),
        "records" => source.read().map(AgentMessage::Records),
        "put" => source.read().map(AgentMessage::Put),
        "delete" => source.read().map(AgentMessage::Delete),
        "task_submit" => source.read().map(AgentMessage::TaskSubmit),
        "task_progress" => source.read().map(AgentMessage::TaskProgress),
        "task_result" => source.read().map(AgentMessage::TaskResult),
        "hello" => source.read().map(AgentMessage::Hello),
        "ready" => source.read().map(|NoFields {}| AgentMessage::Ready),
        "stopping" => source.read().map(AgentMessage::Stopping),
        _ => return None,
    })
}

fn read_coordinator_message(
    kind: &str,
    source: Source<'_>,
) -> Option<Result<CoordinatorMessage, serde_json::Error>> {
    Some(match kind {
        "ack" => source.read().map(CoordinatorMessage::Ack),
        "nack" => source.read().map(CoordinatorMessage::Nack),
        "task" => source.read().map(CoordinatorMessage::Task),
        "cancel" => source.read().map(CoordinatorMessage::Cancel),
        "stop" => source.read().map(CoordinatorMessage::Stop),
        "hello" => source.read().map(CoordinatorMessage::Hello),
        _ => return None,
    })
}

/// Where fields are read from: the line itself, or the object that the forgiving way made of it.
enum Source<'a> {
    Text(&'a str),
    Object(Value),
}

impl Source<'_> {
    fn read<T: DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        match self {
            Source::Text(text) => serde_json::from_str(text),
            Source::Object(object) => serde_json::from_value(object),
        }
    }
}

#[derive(Deserialize)]
struct NoFields {}
