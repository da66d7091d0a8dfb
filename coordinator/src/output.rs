//! Lines on stdout for the verbs that only read, and the rest between two looks of those that follow.
//! It knows neither logs nor events.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use serde::Serialize;

use crate::Exit;

/// Between two looks for something new: short for a person, long for a disk.
const LOOK_EVERY_MS: u8 = 200;

/// Stdout.
pub(crate) struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    is_terminal: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        let stdout = io::stdout();
        Self {
            is_terminal: stdout.is_terminal(),
            stdout: BufWriter::new(stdout.lock()),
        }
    }

    /// Prints a line that an agent wrote: byte for byte into a file or pipe, harmless on a terminal.
    pub(crate) fn print_foreign(&mut self, prefix: &str, line: &[u8]) -> io::Result<()> {
        self.stdout.write_all(prefix.as_bytes())?;
        if self.is_terminal {
            self.stdout
                .write_all(harmless(&String::from_utf8_lossy(line)).as_bytes())?;
        } else {
            self.stdout.write_all(line)?;
        }
        self.stdout.write_all(b"\n")
    }

    /// Prints a line of our own.
    pub(crate) fn print(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.stdout, "{line}")
    }

    /// Hands on all that was printed.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }

    /// Hands on what was printed and rests a moment. An error where nobody reads any more, also when nothing is printed:
    /// otherwise `| head -1` would keep a program that follows a quiet agent.
    pub(crate) fn rest(&mut self) -> io::Result<()> {
        self.flush()?;
        let stdout = io::stdout();
        let mut ends = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        match poll(&mut ends, LOOK_EVERY_MS) {
            Ok(0) | Err(Errno::EINTR) => Ok(()),
            Ok(_) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Prints one JSON value and nothing else; whoever closes the pipe early has seen what it wanted.
pub(crate) fn print_json(value: &impl Serialize, exit: Exit) -> Exit {
    let mut text = serde_json::to_vec_pretty(value).expect("names and numbers are JSON");
    text.push(b'\n');
    let _ = io::stdout().write_all(&text);
    exit
}

/// One line without control characters: an agent must not write into a person's terminal. Tabs do no harm.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\t' => '\t',
            char if char.is_control() => ' ',
            char => char,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2J\r\u{9b}b\tc"), "a [2J  b\tc");
    }
}
