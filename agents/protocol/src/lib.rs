//! The wire between a coordinator and its agents, version 1: one JSON object a line.
//! No I/O: bytes come in, messages come out. `docs/protocol.md` describes every message with an example.
//!
//! # Layout
//! * `agent_message`: what an agent writes to its stdout.
//! * `coordinator_message`: what a coordinator writes to an agent's stdin.
//! * `lenient`: how single fields are read.
//! * `kind`: the `type` of a line, found before its fields are read.
//! * `decode`: one line to one message; total, never panics.
//! * `encode`: one message to one line.
//! * `lines`: a bounded splitter of a byte stream into lines.

mod agent_message;
mod coordinator_message;
mod cut_message;
mod decode;
mod encode;
mod kind;
mod lenient;
mod lines;

pub use agent_message::*;
pub use coordinator_message::*;
pub use cut_message::id_of_cut_records;
pub use decode::{DecodeError, Decoded, decode, decode_coordinator};
pub use encode::{EncodeError, encode};
pub use lines::{Line, LineSplitter, Unfinished};

/// The protocol version that this crate speaks; sent in both `hello` messages.
pub const PROTOCOL_VERSION: u32 = 1;

/// Longest line in bytes, newline excluded. 256 KiB holds a batch of about 200 LangSmith runs, while
/// a thousand agents that each fill their buffer stay far below the memory of a small machine.
pub const LINE_BYTES_MAX: usize = 256 * 1024;

/// Longest key of the shared state in bytes: room for a path-like name, and small enough to be an index entry.
pub const KEY_BYTES_MAX: usize = 512;
