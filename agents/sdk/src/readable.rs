//! Messages as lines for a person at a terminal. It does not write them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use agent_protocol::{AgentMessage, AlertState, Level, Severity, Status};

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";

/// Longest value of a cursor that is shown: agents keep much in them that says nothing to people.
const CURSOR_CHARS_MAX: usize = 80;

/// One line with its newline; nothing for messages that only a coordinator needs.
pub(crate) fn render(message: &AgentMessage, colours: bool) -> Option<String> {
    let (word, colour, text) = match message {
        AgentMessage::Hello(_) | AgentMessage::Ready => return None,
        AgentMessage::Heartbeat(beat) => {
            let (word, colour) = match beat.status {
                Status::Ok => ("ok", GREEN),
                Status::Degraded => ("degraded", YELLOW),
                Status::Error => ("error", RED),
            };
            (word, colour, with_figures(&beat.message, &beat.metrics))
        }
        AgentMessage::Metrics(metrics) => {
            let subject = metrics.subject.as_deref().unwrap_or_default();
            ("metrics", "", with_figures(subject, &metrics.metrics))
        }
        AgentMessage::Event(event) => {
            let colour = match event.level {
                Level::Debug | Level::Info => "",
                Level::Warn => YELLOW,
                Level::Error => RED,
            };
            (
                "event",
                colour,
                format!("{}: {}", event.kind, event.message),
            )
        }
        AgentMessage::Alert(alert) => {
            let (word, colour) = match (alert.state, alert.severity) {
                (AlertState::Resolved, _) => ("resolved", GREEN),
                (AlertState::Firing, Severity::Warning) => ("alert", YELLOW),
                (AlertState::Firing, Severity::Critical) => ("alert", RED),
            };
            let advice = alert.recommendation.as_deref().unwrap_or_default();
            (
                word,
                colour,
                format!("{}: {} {advice}", alert.key, alert.message),
            )
        }
        AgentMessage::Put(put) => ("put", "", format!("{} = {}", put.key, put.value)),
        AgentMessage::Delete(delete) => ("delete", "", delete.key.clone()),
        AgentMessage::Records(records) => {
            let cursor = match &records.cursor {
                Some(cursor) => format!(", {} is now {}", cursor.name, shorten(&cursor.value)),
                None => String::new(),
            };
            (
                "records",
                "",
                format!("{} {}{cursor}", records.rows.len(), records.kind),
            )
        }
        AgentMessage::TaskSubmit(task) => ("task", "", format!("submitted {}", task.kind)),
        AgentMessage::TaskProgress(task) => ("task", "", format!("{} {}", task.id, task.message)),
        AgentMessage::TaskResult(task) => {
            let end = if task.ok { "succeeded" } else { "failed" };
            ("task", "", format!("{} {end}", task.id))
        }
        AgentMessage::Stopping(stopping) => ("stopping", "", stopping.reason.clone()),
    };
    let word = match (colours, colour) {
        (false, _) | (true, "") => format!("{word:<8}"),
        (true, colour) => format!("\x1b[{colour}m{word:<8}\x1b[0m"),
    };
    Some(format!("{} {word} {}\n", time_of_day(), harmless(&text)))
}

fn shorten(value: &serde_json::Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(CURSOR_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn with_figures(text: &str, figures: &BTreeMap<String, f64>) -> String {
    let mut text = text.to_owned();
    for (name, figure) in figures {
        // Two digits are enough for a look; the wire has them all.
        let figure = (figure * 100.0).round() / 100.0;
        write!(text, "  {name}={figure}").expect("writing to a string cannot fail");
    }
    text
}

/// A message may quote what came over the network: no control character of it reaches the terminal.
fn harmless(text: &str) -> String {
    text.trim_end()
        .chars()
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}

/// Time of day in UTC: enough for a person who watches.
fn time_of_day() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs()) % 86_400;
    format!(
        "{:02}:{:02}:{:02}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
