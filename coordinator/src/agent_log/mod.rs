//! The log files of agents: bounded buffers that tasks fill, and one thread that writes them.
//! It does not read pipes and knows nothing of messages.
//!
//! A slow disk thus delays nobody: a task stops reading its agent's pipes for a while, then drops and counts.

mod buffer;
mod file;
mod thread;

pub(crate) use buffer::{AgentLog, Stream};
pub(crate) use thread::{LogWriter, start};

/// Where a log goes and how large it may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogTarget {
    /// The current file.
    pub(crate) path: std::path::PathBuf,
    /// At this size it is rotated.
    pub(crate) bytes_max: u64,
    /// Rotated files kept beside it.
    pub(crate) files_max: u32,
}
