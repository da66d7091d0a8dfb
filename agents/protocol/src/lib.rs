//! The wire between a coordinator and its agents, version 1: one JSON object a line.
//! No I/O: bytes come in, messages come out. `docs/protocol.md` describes every message with an example.
//!
//! # Layout
//! * `agent_message`: what an agent writes to its stdout.
//! * `coordinator_message`: what a coordinator writes to an agent's stdin.
//! * `decode`: one line to one message; total, never panics.
//! * `encode`: one message to one line.
//! * `lines`: a bounded splitter of a byte stream into lines.

mod agent_message;
mod coordinator_message;

pub use agent_message::*;
pub use coordinator_message::*;

/// The protocol version that this crate speaks; sent in both `hello` messages.
pub const PROTOCOL_VERSION: u32 = 1;

/// Longest line in bytes, newline excluded. 256 KiB holds a batch of about 200 LangSmith runs, while
/// a thousand agents that each fill their buffer stay far below the memory of a small machine.
pub const LINE_BYTES_MAX: usize = 256 * 1024;
