//! The description of an instance for people. What agents say is made harmless for a terminal.

use std::fmt::Write as _;

use shared_state::TimeMs;

use super::{Described, Invocation};
use crate::control::{AgentStatus, Neighbour, age};
use crate::output::harmless;

/// Where a long list of words goes on in the next line.
const COLUMNS: usize = 100;
/// Before the values.
const INDENT: usize = 16;

/// Adds the paragraph of one instance.
pub(super) fn add(text: &mut String, described: &Described, now_ms: TimeMs) {
    let (agent, status) = (&described.agent, &described.agent.status);
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", harmless(&status.name));
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "  {key:13} {}", harmless(value));
    };
    line(
        "state",
        &format!("{}: {}", status.state.as_str(), status.reason),
    );
    line("goal", &status.goal);
    if let Some(at_ms) = status.next_attempt_ms {
        let left_ms = u64::try_from(at_ms - now_ms).unwrap_or(0);
        line("next attempt", &format!("in {}", age(left_ms)));
    }
    if let (Some(pid), Some(up_ms)) = (status.pid, status.uptime_ms) {
        line("pid", &format!("{pid}, up {}", age(up_ms)));
    }
    line("contained by", &containment(status));
    line("restarts", &status.restarts.to_string());
    if let Some(last_exit) = &status.last_exit {
        line("last exit", last_exit);
    }
    if let (Some(age_ms), Some(word)) = (status.heartbeat_age_ms, &status.status) {
        let message = status.message.as_deref().unwrap_or_default();
        let said = format!("{} ago, {word}: {message}", age(age_ms));
        line("heartbeat", said.trim_end_matches(": "));
    }
    let needs = agent.depends_on.iter().map(need);
    add_list(text, "depends on", needs);
    add_list(text, "needed by", agent.needed_by.iter().map(neighbour));
    let files = described.log_files.iter();
    let log = files.map(|file| format!("{} ({} bytes)", harmless(&file.path), file.bytes));
    match described.log_files.is_empty() {
        true => add_list(
            text,
            "log",
            [format!("{} (not there yet)", harmless(&agent.log_path))],
        ),
        false => add_list(text, "log", log),
    }
    add_list(
        text,
        "environment",
        agent.environment.iter().map(|name| harmless(name)),
    );
    add_processes(text, described);
    add_config(text, described);
    add_invocations(text, &described.invocations);
}

fn neighbour(neighbour: &Neighbour) -> String {
    let state = neighbour.state.as_str();
    format!("{} ({state})", harmless(&neighbour.name))
}

fn need(needed: &Neighbour) -> String {
    format!("{}, has to be {}", neighbour(needed), needed.condition)
}

/// Words with commas between them, over as many lines as they need; nothing where there are none.
fn add_list(text: &mut String, key: &str, words: impl IntoIterator<Item = String>) {
    let mut line = format!("  {key:13} ");
    let mut words = words.into_iter().peekable();
    if words.peek().is_none() {
        return;
    }
    while let Some(word) = words.next() {
        let comma = if words.peek().is_some() { ", " } else { "" };
        let width = line.chars().count() + word.chars().count();
        if width > COLUMNS && line.chars().count() > INDENT {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(INDENT);
        }
        line.push_str(&word);
        line.push_str(comma);
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

fn add_processes(text: &mut String, described: &Described) {
    for (place, member) in described.processes.iter().enumerate() {
        let key = if place == 0 { "processes" } else { "" };
        let process = &member.process;
        let indent = "  ".repeat(member.depth);
        let _ = writeln!(
            text,
            "  {key:13} {indent}{} {} {} KiB",
            process.pid,
            harmless(&process.name),
            process.rss_bytes / 1024
        );
    }
}

fn add_config(text: &mut String, described: &Described) {
    let _ = writeln!(text, "  configuration");
    for (key, value) in described.agent.config.as_object().into_iter().flatten() {
        let _ = writeln!(text, "    {key} = {}", harmless(&value.to_string()));
    }
}

fn add_invocations(text: &mut String, invocations: &[Invocation]) {
    for (place, invocation) in invocations.iter().enumerate() {
        if place == 0 {
            let _ = writeln!(text, "  invocations, newest first");
        }
        let lived_ms = invocation
            .ended_ms
            .map(|ended_ms| u64::try_from(ended_ms - invocation.started_ms).unwrap_or(0));
        let heartbeats = invocation.heartbeats;
        // How many it was is known when it has ended.
        let end = match (lived_ms, invocation.reason.as_deref().unwrap_or("ended")) {
            (None, _) => "lives".to_owned(),
            (Some(ms), reason) => format!("{reason} after {}, {heartbeats} heartbeats", age(ms)),
        };
        let pid = invocation.pid.map_or("-".to_owned(), |pid| pid.to_string());
        let _ = writeln!(
            text,
            "    {} {} pid {pid}, {}",
            invocation.invocation_id,
            invocation.started,
            harmless(&end)
        );
    }
}

/// Such as `cgroup; memory_max watched, tasks_max not in force`.
fn containment(status: &AgentStatus) -> String {
    let limits = status.limits.iter().map(|(key, by)| format!("{key} {by}"));
    let limits: Vec<String> = limits.collect();
    match limits.is_empty() {
        true => status.containment.clone(),
        false => format!("{}; {}", status.containment, limits.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_go_on_in_the_next_line() {
        let mut text = String::new();
        add_list(
            &mut text,
            "environment",
            (0..40).map(|n| format!("NAME_{n}")),
        );
        assert!(text.lines().count() > 3, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS + 2));
        assert!(
            text.lines()
                .skip(1)
                .all(|line| line.starts_with("                NAME"))
        );
        let words = text.matches("NAME").count();
        assert_eq!(words, 40);
    }
}
