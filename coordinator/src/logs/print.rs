//! A line of a log as it is printed: as it stands in the file, or as JSON. It reads no file.

use std::io;

use serde::Serialize;

use super::filter::time;
use super::tail::{Gap, Item};
use super::whose::Whose;
use crate::output::Output;

/// One line as `logs --json` prints it.
#[derive(Debug, Serialize)]
struct LineJson<'a> {
    /// When it was read; absent where somebody else has written into the file.
    ts: Option<&'a str>,
    instance: &'a str,
    /// `out`, `err` or `coordinator`.
    stream: Option<&'a str>,
    /// Bytes that are no UTF-8 are replaced.
    text: &'a str,
}

/// Prints lines of some logs.
pub(super) struct Printer<'a> {
    logs: &'a [Whose],
    /// What stands before each line: the instance, where there is more than one.
    prefixes: Vec<String>,
    as_json: bool,
    pub(super) output: Output,
}

impl<'a> Printer<'a> {
    pub(super) fn new(logs: &'a [Whose], as_json: bool) -> Self {
        Self {
            prefixes: prefixes(logs),
            logs,
            as_json,
            output: Output::new(),
        }
    }

    /// What comes next of the log with this index.
    pub(super) fn print(&mut self, index: usize, item: &Item) -> io::Result<()> {
        let (instance, prefix) = (&self.logs[index].instance, &self.prefixes[index]);
        match (item, self.as_json) {
            (Item::Line(line), true) => self.output.print(&json(instance, line)?),
            (Item::Line(line), false) => self.output.print_foreign(prefix, line),
            (Item::Gap(gap), true) => self.output.print(&gap_json(instance, gap)?),
            (Item::Gap(gap), false) => {
                let (from, to) = (text(gap.from.as_ref()), text(gap.to.as_ref()));
                let (from, to) = (from.unwrap_or("the beginning"), to.unwrap_or("now"));
                self.output.print(&format!(
                    "{prefix}gap: lines between {from} and {to} were rotated away before they were read here"
                ))
            }
        }
    }
}

fn json(instance: &str, line: &[u8]) -> serde_json::Result<String> {
    let text = String::from_utf8_lossy(line);
    let ts = time(line).and_then(|time| std::str::from_utf8(time).ok());
    let (stream, text) = match ts {
        None => (None, &*text),
        Some(ts) => {
            let rest = text[ts.len()..].trim_start_matches(' ');
            match rest.split_once(' ') {
                Some((stream, text)) => (Some(stream), text),
                None => (Some(rest), ""), // an empty line was printed
            }
        }
    };
    serde_json::to_string(&LineJson {
        ts,
        instance,
        stream,
        text,
    })
}

/// Lines that are missing, as `logs --json` prints them.
#[derive(Debug, Serialize)]
struct GapJson<'a> {
    instance: &'a str,
    /// Of the last line before and the first one after.
    from: Option<&'a str>,
    to: Option<&'a str>,
}

fn gap_json(instance: &str, gap: &Gap) -> serde_json::Result<String> {
    let gap = GapJson {
        instance,
        from: text(gap.from.as_ref()),
        to: text(gap.to.as_ref()),
    };
    Ok(format!("{{\"gap\":{}}}", serde_json::to_string(&gap)?))
}

fn text(time: Option<&Vec<u8>>) -> Option<&str> {
    time.and_then(|time| std::str::from_utf8(time).ok())
}

fn prefixes(logs: &[Whose]) -> Vec<String> {
    if let [_] = logs {
        return vec![String::new()];
    }
    let widths = logs.iter().map(|log| log.instance.chars().count());
    let width = widths.max().unwrap_or(0);
    logs.iter()
        .map(|log| format!("{:width$} ", log.instance))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json as value};

    use super::*;

    fn parsed(line: &[u8]) -> Value {
        serde_json::from_str(&json("a", line).unwrap()).unwrap()
    }

    #[test]
    fn lines_are_taken_apart_and_those_of_others_stay_whole() {
        let ts = "2026-11-24T21:00:00.000Z";
        assert_eq!(
            parsed(b"2026-11-24T21:00:00.000Z err  two blanks\x1b \xff"),
            value!({"ts": ts, "instance": "a", "stream": "err", "text": " two blanks\u{1b} \u{fffd}"})
        );
        assert_eq!(
            parsed(b"2026-11-24T21:00:00.000Z out "),
            value!({"ts": ts, "instance": "a", "stream": "out", "text": ""})
        );
        assert_eq!(
            parsed(b"somebody's \"own\" line"),
            value!({"ts": null, "instance": "a", "stream": null, "text": "somebody's \"own\" line"})
        );
    }
}
