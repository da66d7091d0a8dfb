//! The log of an agent on its page: the frame with its controls and the lines that are there when the page loads.
//! New lines are added by the browser, which filters and searches.
//!
//! For tests: `#log-lines .line[data-origin]`, `#log-follow`, `#log-search`, `#log-origin`, `#log-wrap`, `#log-older`,
//! `#log-new` (the number of lines that came while not following).

use maud::{Markup, html};

use crate::log_tail::{Line, LogError, Piece};
use crate::text::{self, Segment};

/// Lines on the page when it loads, and with each step back.
pub const LINES: usize = 200;

/// The log, or why there is none.
#[derive(Debug)]
pub enum Log {
    /// Lines.
    Read(Piece),
    /// The instance has no log file.
    None,
    /// It cannot be read.
    Failed(LogError),
}

/// A line for the browser.
#[derive(Debug, serde::Serialize)]
pub struct ShownLine {
    /// RFC 3339; empty where the line has none.
    pub at: String,
    /// `out`, `err`, `coordinator` or `other`.
    pub origin: &'static str,
    /// The text in stretches of one style.
    pub segments: Vec<Segment>,
}

/// Makes a line safe to show.
pub fn shown(line: &Line) -> ShownLine {
    ShownLine {
        at: line.at.clone(),
        origin: line.origin.name(),
        segments: text::segments(&line.text),
    }
}

/// Why there are no lines, in a sentence; `None` where there are.
pub fn excuse(log: &Log) -> Option<String> {
    match log {
        Log::Read(piece) if piece.lines.is_empty() => {
            Some("The log file is empty: the agent has written nothing yet.".into())
        }
        Log::Read(_) => None,
        Log::None => Some(
            "This agent has no log file: the coordinator was started without a folder for logs."
                .into(),
        ),
        Log::Failed(error) => Some(format!("Could not {error}.")),
    }
}

/// The section of the page.
pub fn section(log: &Log) -> Markup {
    let piece = match log {
        Log::Read(piece) => Some(piece),
        Log::None | Log::Failed(_) => None,
    };
    let older = piece.and_then(|piece| piece.older).map(|at| at.to_string());
    let excuse = excuse(log);
    html! {
        section #log.card aria-labelledby="log-title" {
            div.card-head {
                h2 #log-title { "Log" }
                div.log-tools {
                    label { span.hidden { "Which lines" }
                        select #log-origin {
                            option value="" { "all lines" }
                            option value="out" { "stdout" }
                            option value="err" { "stderr" }
                            option value="coordinator" { "coordinator" }
                        }
                    }
                    label { span.hidden { "Search by regular expression" }
                        input #log-search type="search" placeholder="regular expression" maxlength="200" autocomplete="off" spellcheck="false";
                    }
                    label { input #log-wrap type="checkbox" checked; " wrap" }
                    label { input #log-follow type="checkbox" checked; " follow" }
                }
            }
            p #log-excuse.muted hidden[excuse.is_none()] { (excuse.unwrap_or_default()) }
            div #log-lines.log tabindex="0" role="log" aria-label="Log lines" aria-live="off" data-older=[older] data-keep {
                @for line in piece.map(|piece| &piece.lines[..]).unwrap_or_default() { (self::line(&shown(line))) }
            }
            div.log-foot {
                button #log-older type="button" { "Older lines" }
                span #log-count.muted role="status" {}
                button #log-new type="button" hidden { "0 new lines" }
            }
        }
    }
}

/// One line; `log.js` makes the same.
fn line(line: &ShownLine) -> Markup {
    html! {
        div.line data-origin=(line.origin) {
            time datetime=(line.at) { (line.at.get(11..23).unwrap_or("")) }
            span.origin { (if line.origin == "coordinator" { "coord" } else { line.origin }) }
            span.text {
                @for segment in &line.segments { span class=(segment.class) { (segment.text) } }
            }
        }
    }
}
