//! The newest lines of one agent's log, and what is added to it. It draws nothing.

use std::collections::VecDeque;
use std::path::Path;

use coordinator_config::log_file_name;

use crate::logs::{Filter, Item, Tail, time};
use crate::output::harmless;

/// More than any terminal is high; older ones are what `coordinator logs` is for.
const LINES_MAX: usize = 500;
/// A flood must not hold up the keys: the rest comes with the next look.
const LINES_PER_LOOK: usize = 10_000;

const ALL: Filter = Filter {
    since: None,
    grep: None,
};

/// The log of one instance.
pub(super) struct LogPane {
    pub(super) instance: String,
    tail: Result<Tail, String>,
    pub(super) lines: VecDeque<String>,
}

impl LogPane {
    pub(super) fn open(log_dir: &str, instance: &str) -> Self {
        let path = Path::new(log_dir).join(log_file_name(instance));
        let tail = Tail::open(path.clone(), &ALL, Some(LINES_MAX));
        let mut pane = Self {
            instance: instance.to_owned(),
            tail: tail.map_err(|error| format!("failed to read {}: {error}", path.display())),
            lines: VecDeque::new(),
        };
        pane.read();
        pane
    }

    /// Why there are no lines, where there are none.
    pub(super) fn excuse(&self) -> Option<&str> {
        match &self.tail {
            Err(error) => Some(error),
            Ok(_) if self.lines.is_empty() => Some("it has printed nothing yet"),
            Ok(_) => None,
        }
    }

    /// Takes what is new; whether there was anything.
    pub(super) fn read(&mut self) -> bool {
        let Ok(tail) = &mut self.tail else {
            return false;
        };
        let looked = tail.look();
        let mut has_changed = false;
        for _ in 0..LINES_PER_LOOK {
            let line = match tail.next(true) {
                Ok(Some(Item::Line(line))) => shown(&line),
                Ok(Some(Item::Gap(_))) => {
                    "gap: lines were rotated away before they were read".into()
                }
                Ok(None) => break,
                Err(error) => {
                    self.tail = Err(format!("failed to read the log: {error}"));
                    return true;
                }
            };
            has_changed = true;
            self.lines.push_back(line);
            if self.lines.len() > LINES_MAX {
                self.lines.pop_front();
            }
        }
        if let Err(error) = looked {
            self.tail = Err(format!("failed to read the log: {error}"));
            return true;
        }
        has_changed
    }
}

/// Without the date, which is today's for what is new; the width is short.
fn shown(line: &[u8]) -> String {
    let text = harmless(&String::from_utf8_lossy(line)).replace('\t', "    ");
    // Somebody else's line may only look like one of ours.
    let parts = time(line).and_then(|_| Some((text.get(11..19)?, text.get(24..)?)));
    match parts {
        Some((time, rest)) => format!("{time} {}", rest.trim_start()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short_and_harmless() {
        let line = b"2026-11-24T21:32:55.990Z out a\x1b[2J\tb \xff";
        assert_eq!(shown(line), "21:32:55 out a [2J    b \u{fffd}");
        assert_eq!(shown(b"2026-11-24T21:32:55.990Z"), "21:32:55 ");
        assert_eq!(shown("somebody's".as_bytes()), "somebody's");
        let strange = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffT\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffZ";
        assert!(shown(strange).ends_with('Z'));
    }
}
