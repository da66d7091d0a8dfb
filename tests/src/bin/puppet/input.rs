//! What the puppet hears: messages on stdin, and TERM and INT as data once it listens.
//! It does not act on them.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use agent_protocol::{CoordinatorMessage, LINE_BYTES_MAX, LineSplitter, decode_coordinator};
use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::read;

/// One thing heard.
pub(crate) enum Heard {
    /// TERM, INT or a `stop` message.
    Stop,
    /// The answer to a message with this id, and whether it was accepted.
    Answer(u64, bool),
}

/// Ears for stdin, and for signals once `obey` was called.
pub(crate) struct Ears {
    signals: Option<SignalFd>,
    stdin_open: bool,
    splitter: LineSplitter,
    heard: Vec<Heard>,
    record: Option<File>,
}

impl Ears {
    pub(crate) fn new() -> Self {
        Self {
            signals: None,
            stdin_open: true,
            splitter: LineSplitter::new(LINE_BYTES_MAX),
            heard: Vec::new(),
            record: None,
        }
    }

    /// Ears that hear nothing: for waiting.
    pub(crate) fn new_deaf() -> Self {
        Self {
            stdin_open: false,
            ..Self::new()
        }
    }

    /// Appends what comes from now on to a file.
    pub(crate) fn record(&mut self, file: &Path) -> Result<()> {
        self.record = Some(OpenOptions::new().create(true).append(true).open(file)?);
        Ok(())
    }

    /// From now on TERM and INT are heard instead of ending this process.
    pub(crate) fn obey(&mut self) -> Result<()> {
        if self.signals.is_none() {
            let set = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
            set.thread_block()?;
            self.signals = Some(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?);
        }
        Ok(())
    }

    /// Waits until something is heard or the time is over.
    pub(crate) fn listen(&mut self, until: Option<Instant>) -> Result<Option<Heard>> {
        loop {
            if !self.heard.is_empty() {
                return Ok(Some(self.heard.remove(0)));
            }
            let timeout = match until {
                None => PollTimeout::NONE,
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    PollTimeout::try_from(left + Duration::from_millis(1))
                        .unwrap_or(PollTimeout::MAX)
                }
            };
            self.listen_once(timeout)?;
        }
    }

    fn listen_once(&mut self, timeout: PollTimeout) -> Result<()> {
        let stdin = std::io::stdin();
        let mut sources: Vec<PollFd<'_>> = Vec::new();
        if self.stdin_open {
            sources.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        if let Some(signals) = &self.signals {
            sources.push(PollFd::new(signals.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut sources, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error).context("poll"),
        }
        let has_input = self.stdin_open && sources[0].any() == Some(true);
        drop(sources);
        if has_input {
            self.read_input(stdin.as_fd())?;
        }
        if let Some(signals) = &self.signals
            && is_readable(signals.as_fd())?
            && signals.read_signal()?.is_some()
        {
            self.heard.push(Heard::Stop);
        }
        Ok(())
    }

    fn read_input(&mut self, stdin: BorrowedFd<'_>) -> Result<()> {
        let mut chunk = [0; 65_536];
        // An error such as EIO means the same as the end: nobody speaks to this process any more.
        let count = read(stdin, &mut chunk).unwrap_or(0);
        self.stdin_open = count > 0;
        if let Some(record) = &mut self.record {
            record.write_all(&chunk[..count])?;
        }
        let heard = &mut self.heard;
        self.splitter.push(&chunk[..count], |line| {
            if let Ok(message) = decode_coordinator(line.bytes) {
                heard.extend(understand(message));
            }
        });
        Ok(())
    }
}

fn understand(message: CoordinatorMessage) -> Option<Heard> {
    match message {
        CoordinatorMessage::Stop(_) => Some(Heard::Stop),
        CoordinatorMessage::Ack(ack) => Some(Heard::Answer(ack.id, true)),
        CoordinatorMessage::Nack(nack) => Some(Heard::Answer(nack.id, false)),
        _ => None,
    }
}

fn is_readable(source: BorrowedFd<'_>) -> Result<bool> {
    let mut sources = [PollFd::new(source, PollFlags::POLLIN)];
    Ok(poll(&mut sources, PollTimeout::ZERO)? > 0)
}
