//! Splits a byte stream into lines with bounded memory. It does not read the stream and does not look into lines.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

/// A longer buffer is given back after its line: a thousand pipes must not each keep their longest line for ever.
const KEPT_BYTES_MAX: usize = 8 * 1024;

/// One line of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Without the newline and without one carriage return before it; cut at the splitter's limit.
    pub bytes: &'a [u8],
    /// Whether the line was longer than the limit.
    pub truncated: bool,
}

/// Collects chunks and hands out lines, whatever the chunks' borders. Holds at most `line_bytes_max` bytes.
#[derive(Debug)]
pub struct LineSplitter {
    line_bytes_max: usize,
    /// The beginning of the line under way, up to the limit.
    held: Vec<u8>,
    /// How long that line is by now, also beyond the limit.
    line_bytes: u64,
    /// Whether its newest byte is a carriage return, which belongs to the line only if no newline follows.
    ends_in_cr: bool,
}

/// The beginning of a line: plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    held: Vec<u8>,
    line_bytes: u64,
    ends_in_cr: bool,
}

impl LineSplitter {
    /// A splitter that cuts lines at `line_bytes_max` bytes.
    pub fn new(line_bytes_max: usize) -> Self {
        LineSplitter {
            line_bytes_max,
            held: Vec::new(),
            line_bytes: 0,
            ends_in_cr: false,
        }
    }

    /// The beginning of a line that has not ended, for another splitter that goes on with the stream.
    pub fn unfinished(&self) -> Unfinished {
        Unfinished {
            held: self.held.clone(),
            line_bytes: self.line_bytes,
            ends_in_cr: self.ends_in_cr,
        }
    }

    /// Goes on where another splitter stopped. What that one held beyond this one's limit is cut.
    #[must_use]
    pub fn go_on(self, unfinished: Unfinished) -> Self {
        let line_bytes_max = self.line_bytes_max;
        let Unfinished {
            mut held,
            line_bytes,
            ends_in_cr,
        } = unfinished;
        held.truncate(line_bytes_max);
        LineSplitter {
            line_bytes_max,
            held,
            line_bytes,
            ends_in_cr,
        }
    }

    /// Takes the next bytes of the stream and hands out each line that they end. A line that lies in one chunk is
    /// not copied.
    pub fn push(&mut self, chunk: &[u8], mut on_line: impl FnMut(Line<'_>)) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let before = rest;
            let taken = rest
                .skip_until(b'\n')
                .expect("reading from memory cannot fail");
            match before[..taken].strip_suffix(b"\n") {
                None => self.hold(before),
                Some(line) if self.line_bytes == 0 => {
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    on_line(Line {
                        bytes: &line[..line.len().min(self.line_bytes_max)],
                        truncated: line.len() > self.line_bytes_max,
                    });
                }
                Some(line_end) => {
                    self.hold(line_end);
                    self.hand_out(&mut on_line);
                }
            }
        }
    }

    /// The stream has ended: hands out the last line if it has no newline.
    pub fn finish(&mut self, mut on_line: impl FnMut(Line<'_>)) {
        if self.line_bytes > 0 {
            self.hand_out(&mut on_line);
        }
    }

    /// How many bytes of memory the line under way takes.
    pub fn held_bytes(&self) -> usize {
        self.held.capacity()
    }

    fn hold(&mut self, part: &[u8]) {
        let Some(&last) = part.last() else { return };
        self.ends_in_cr = last == b'\r';
        self.line_bytes = self.line_bytes.saturating_add(part.len() as u64);
        let room = self.line_bytes_max - self.held.len();
        let kept = &part[..part.len().min(room)];
        let needed = self.held.len() + kept.len();
        if needed > self.held.capacity() {
            // Doubling, but never beyond the limit, which plain `extend` would overshoot.
            let capacity = needed
                .max(self.held.capacity() * 2)
                .min(self.line_bytes_max);
            self.held.reserve_exact(capacity - self.held.len());
        }
        self.held.extend_from_slice(kept);
    }

    fn hand_out(&mut self, on_line: &mut impl FnMut(Line<'_>)) {
        let line_bytes = self.line_bytes - u64::from(self.ends_in_cr);
        let truncated = line_bytes > self.line_bytes_max as u64;
        let kept = if truncated || !self.ends_in_cr {
            self.held.len()
        } else {
            // The carriage return itself may not have found room.
            usize::try_from(line_bytes).expect("a line that is not truncated fits in memory")
        };
        on_line(Line {
            bytes: &self.held[..kept],
            truncated,
        });
        self.held.clear();
        self.held.shrink_to(KEPT_BYTES_MAX);
        self.line_bytes = 0;
        self.ends_in_cr = false;
    }
}
