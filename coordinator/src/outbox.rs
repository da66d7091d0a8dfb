//! Messages to one agent, until its stdin takes them. It never waits: an agent that does not read loses messages, which
//! are counted, and nothing else.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use agent_protocol::{CoordinatorMessage, encode};
use tokio::net::unix::pipe;

/// What an agent may leave unread besides what the pipe itself holds: thousands of acknowledgements.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// The way to one invocation.
#[derive(Debug)]
pub(crate) struct Outbox {
    pipe: Option<pipe::Sender>,
    waiting: Vec<u8>,
    dropped: u64,
}

impl Outbox {
    /// Without a pipe everything is dropped silently: such a program does not expect messages.
    pub(crate) fn new(pipe: Option<pipe::Sender>) -> Self {
        Self {
            pipe,
            waiting: Vec::new(),
            dropped: 0,
        }
    }

    /// Goes on where another outbox of the same invocation stopped.
    pub(crate) fn go_on(pipe: Option<pipe::Sender>, unsent: Vec<u8>, dropped: u64) -> Self {
        Self {
            pipe,
            waiting: unsent,
            dropped,
        }
    }

    /// The pipe, where there is one.
    pub(crate) fn descriptor(&self) -> Option<RawFd> {
        self.pipe.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// What the pipe has not taken yet.
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.waiting
    }

    /// Sends a message as soon as there is room.
    pub(crate) fn send(&mut self, message: &CoordinatorMessage) {
        if self.pipe.is_none() {
            return;
        }
        let line = match encode(message) {
            Ok(line) => line,
            Err(error) => {
                tracing::error!("failed to {error}");
                return;
            }
        };
        if !self.waiting.is_empty() && self.waiting.len() + line.len() > WAITING_BYTES_MAX {
            self.dropped += 1;
            return;
        }
        self.waiting.extend_from_slice(line.as_ref());
        self.flush();
    }

    /// Whether something waits for room.
    pub(crate) fn is_waiting(&self) -> bool {
        self.pipe.is_some() && !self.waiting.is_empty()
    }

    /// Resolves when there may be room. Cancel-safe.
    pub(crate) async fn writable(&self) {
        match &self.pipe {
            // An error shows itself at the next write.
            Some(pipe) => drop(pipe.writable().await),
            None => std::future::pending().await,
        }
    }

    /// Writes what the pipe takes.
    pub(crate) fn flush(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        let mut written = 0;
        while written < self.waiting.len() {
            match pipe.try_write(&self.waiting[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    // It has closed its stdin, as it may.
                    self.pipe = None;
                    self.waiting = Vec::new();
                    return;
                }
            }
        }
        self.waiting.drain(..written);
        if self.waiting.is_empty() {
            self.waiting = Vec::new(); // a thousand agents keep no buffers
        }
    }

    /// Messages that found no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}
