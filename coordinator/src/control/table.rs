//! The status as a table for people. What agents say is made harmless for a terminal.

use std::fmt::Write as _;

use shared_state::InstanceState;

use super::AgentStatus;
use crate::clock::wall_ms;
use crate::output::harmless;

const HEADINGS: [&str; 7] = [
    "NAME",
    "STATE",
    "PID",
    "UPTIME",
    "RESTARTS",
    "HEARTBEAT",
    "MESSAGE",
];

/// One line for each instance, columns as wide as needed.
pub(super) fn draw(agents: &[AgentStatus]) -> String {
    if agents.is_empty() {
        return "no agents are configured\n".into();
    }
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(agents.iter().map(row));
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(agent: &AgentStatus) -> [String; 7] {
    let dash = || "-".to_owned();
    // A running agent speaks for itself; of all others the coordinator knows better.
    let message = match (&agent.status, &agent.message) {
        (Some(status), Some(message)) if agent.state == InstanceState::Running => {
            match status.as_str() {
                "ok" => message.clone(),
                other => format!("{other}: {message}"),
            }
        }
        _ => match agent.next_attempt_ms {
            None => agent.reason.clone(),
            Some(at_ms) => {
                let left_ms = u64::try_from(at_ms - wall_ms()).unwrap_or(0);
                format!("{}; next attempt in {}", agent.reason, age(left_ms))
            }
        },
    };
    [
        cell(&agent.name),
        agent.state.as_str().to_owned(),
        agent.pid.map_or_else(dash, |pid| pid.to_string()),
        agent.uptime_ms.map_or_else(dash, age),
        agent.restarts.to_string(),
        agent
            .heartbeat_age_ms
            .map_or_else(dash, |ms| format!("{} ago", age(ms))),
        cell(&message),
    ]
}

/// How long, in at most two units.
pub(crate) fn age(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d{:02}h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// A tab would move the columns.
fn cell(text: &str) -> String {
    harmless(text).replace('\t', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_two_units() {
        assert_eq!(age(59_999), "59s");
        assert_eq!(age(61_000), "1m01s");
        assert_eq!(age(7_500_000), "2h05m");
        assert_eq!(age(90_000_000), "1d01h");
    }

    #[test]
    fn escape_sequences_of_agents_do_not_reach_the_terminal() {
        assert_eq!(cell("a\u{1b}[2J\nb"), "a [2J b");
    }
}
