//! What waits to be written into the log file of one instance. It does not touch the file.

use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::LogTarget;
use super::file::LogFile;
use super::thread::Shared;

/// Above this the agent's pipes are not read for a while: the agent waits instead of losing lines.
const WAIT_BYTES: usize = 128 * 1024;
/// Above this lines are dropped and counted; a thousand agents on a hanging disk take at most 1 GiB.
const DROP_BYTES: usize = 1024 * 1024;
/// Notes alone are written once there are so many.
const NOTES_BYTES_MAX: usize = 4 * 1024;
/// How long an agent's pipes are left unread for its log: shorter than any useful heartbeat timeout.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// Where a line came from; the second word of each line of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
    /// What the coordinator notes about the agent.
    Coordinator,
}

impl Stream {
    fn word(self) -> &'static str {
        match self {
            Self::Stdout => "out",
            Self::Stderr => "err",
            Self::Coordinator => "coordinator",
        }
    }
}

/// The log of one instance, as its task sees it.
#[derive(Debug)]
pub(crate) struct AgentLog {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    full_since: Option<Instant>,
}

/// Shared by the task and the thread.
#[derive(Debug)]
pub(super) struct Slot {
    waiting: Mutex<Waiting>,
    has_room: Notify,
    /// Used by the thread alone.
    pub(super) file: Mutex<LogFile>,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    dropped_lines: u64,
    /// Whether the thread already knows that there is something.
    is_queued: bool,
    /// Whether it ever had something to write.
    was_queued: bool,
}

impl AgentLog {
    pub(super) fn new(target: LogTarget, shared: Arc<Shared>) -> Self {
        let slot = Slot {
            waiting: Mutex::default(),
            has_room: Notify::new(),
            file: Mutex::new(LogFile::new(target)),
        };
        Self {
            slot: Arc::new(slot),
            shared,
            full_since: None,
        }
    }

    /// Adds a line that was read at `time` (RFC 3339); returns whether it was dropped.
    pub(crate) fn add_line(
        &mut self,
        time: &str,
        stream: Stream,
        line: &[u8],
        truncated: bool,
    ) -> bool {
        let is_dropped = !self.keep(time, stream, line, truncated);
        self.queue();
        is_dropped
    }

    /// Adds a line of the coordinator that need not be there at once: it is written with the next one, so that the start
    /// and stop of a thousand agents that print nothing does not make a thousand files.
    pub(crate) fn add_note(&mut self, time: &str, line: &str) {
        self.keep(time, Stream::Coordinator, line.as_bytes(), false);
        if self.slot.lock_waiting().bytes.len() > NOTES_BYTES_MAX {
            self.queue();
        }
    }

    /// Has notes written that wait for a line, if the log has a file already; returns them otherwise.
    pub(crate) fn write_notes(&self) -> Vec<u8> {
        let waiting = self.slot.lock_waiting();
        if !waiting.was_queued {
            return waiting.bytes.clone();
        }
        let is_due = !waiting.bytes.is_empty();
        drop(waiting);
        if is_due {
            self.queue();
        }
        Vec::new()
    }

    /// Begins with notes that another log of this instance returned.
    pub(crate) fn begin_with_notes(&self, notes: Vec<u8>) {
        self.slot.lock_waiting().bytes = notes;
    }

    fn keep(&self, time: &str, stream: Stream, line: &[u8], truncated: bool) -> bool {
        let mut waiting = self.slot.lock_waiting();
        if waiting.bytes.len() >= DROP_BYTES {
            waiting.dropped_lines += 1;
            return false;
        }
        let cut = if truncated { " …[truncated]" } else { "" };
        // A NUL or an escape sequence stays as it is: the file holds what the agent printed.
        let bytes = &mut waiting.bytes;
        let written = write!(bytes, "{time} {} ", stream.word())
            .and_then(|()| bytes.write_all(line))
            .and_then(|()| writeln!(bytes, "{cut}"));
        written.expect("writing to memory cannot fail");
        true
    }

    fn queue(&self) {
        let mut waiting = self.slot.lock_waiting();
        waiting.was_queued = true;
        if !std::mem::replace(&mut waiting.is_queued, true) {
            drop(waiting);
            self.shared.queue(Arc::clone(&self.slot));
        }
    }

    /// Whether the agent's pipes should rest until [`room`](Self::room) resolves.
    pub(crate) fn is_full(&mut self) -> bool {
        let is_full = self.slot.lock_waiting().bytes.len() >= WAIT_BYTES;
        if !is_full {
            self.full_since = None;
            return false;
        }
        let since = *self.full_since.get_or_insert_with(Instant::now);
        since.elapsed() < WAIT_MAX
    }

    /// Resolves once there is room, or the agent has waited long enough. Cancel-safe.
    pub(crate) async fn room(&self) {
        let since = self.full_since.unwrap_or_else(Instant::now);
        let limit = tokio::time::Instant::from_std(since + WAIT_MAX);
        let _ = tokio::time::timeout_at(limit, self.slot.has_room.notified()).await;
    }
}

impl Drop for AgentLog {
    /// Notes of a log that has nothing else are not worth a file.
    fn drop(&mut self) {
        let _ = self.write_notes();
    }
}

impl Slot {
    fn lock_waiting(&self) -> MutexGuard<'_, Waiting> {
        // A panic while it was held cannot leave it half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be written now, and how many lines are missing before the next.
    pub(super) fn take(&self) -> (Vec<u8>, u64) {
        let mut waiting = self.lock_waiting();
        waiting.is_queued = false;
        (
            std::mem::take(&mut waiting.bytes),
            std::mem::take(&mut waiting.dropped_lines),
        )
    }

    /// What was taken has been written, or is lost.
    pub(super) fn tell_room(&self) {
        self.has_room.notify_one();
    }
}
