//! Checks `depends_on` over all agents: names that exist, conditions that can come true, no circles.
//! How one entry is written is read in `dependency`.

use std::collections::{BTreeMap, BTreeSet};

use crate::agent::AgentConfig;
use crate::check::origin_of;
use crate::problems::{Origin, Problems, nearest};
use crate::tables::AgentTable;
use crate::value::Found;
use crate::{Condition, Dependency, Restart};

pub(crate) fn check_dependencies(
    tables: &[(Found<String>, AgentTable)],
    agents: &[AgentConfig],
    problems: &mut Problems<'_>,
) {
    let names: Vec<&str> = tables.iter().map(|(name, _)| name.value.as_str()).collect();
    let mut edges: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, table) in tables {
        let needs = needs_of(table);
        if let Some(origin) = origin_of(&table.depends_on) {
            for (place, need) in needs.iter().enumerate() {
                check_name(need, &names, origin, problems);
                check_condition(need, agents, origin, problems);
                if needs[..place].iter().any(|other| other.agent == need.agent) {
                    let found = format!("found {:?} more than once", need.agent);
                    problems.add(origin, found, "each agent once", None);
                }
            }
        }
        edges.push((
            &name.value,
            needs.iter().map(|need| need.agent.as_str()).collect(),
        ));
    }
    for circle in circles(&edges) {
        let first = tables.iter().find(|(name, _)| name.value == circle[0]);
        if let Some(origin) = first.and_then(|(_, table)| origin_of(&table.depends_on)) {
            let found = format!("found a circle: {}", circle_text(&circle, tables));
            let help =
                Some("none of them could ever start; remove one of these dependencies".to_owned());
            problems.add(origin, found, "dependencies without a circle", help);
        }
    }
}

fn needs_of(table: &AgentTable) -> &[Dependency] {
    let found = table.depends_on.as_ref();
    found
        .map(|found| found.value.as_slice())
        .unwrap_or_default()
}

fn check_name(need: &Dependency, names: &[&str], origin: &Origin, problems: &mut Problems<'_>) {
    let name = need.agent.as_str();
    if !names.contains(&name) {
        let help =
            nearest(name, names.iter().copied()).map(|word| format!("did you mean {word:?}?"));
        let found = format!("found {name:?}, and there is no such agent");
        problems.add(origin, found, "names of agents of this file", help);
    }
}

/// One that is always started again never completes.
fn check_condition(
    need: &Dependency,
    agents: &[AgentConfig],
    origin: &Origin,
    problems: &mut Problems<'_>,
) {
    let agent = agents.iter().find(|agent| agent.name == need.agent);
    let is_endless = agent.is_some_and(|agent| agent.restart == Restart::Always);
    if need.condition == Condition::Completed && is_endless {
        let name = &need.agent;
        let found = format!("{name:?} never completes: it is started again whatever its end was");
        let help = format!("give {name:?} restart = \"on-failure\" or \"never\"");
        problems.add(origin, found, "an agent that can complete", Some(help));
    }
}

/// `a → b (completed) → a`: behind each the condition in which it is needed, unless it is the usual one.
fn circle_text(circle: &[&str], tables: &[(Found<String>, AgentTable)]) -> String {
    let mut text = circle[0].to_owned();
    let needed = circle.iter().skip(1).chain(&circle[..1]);
    for (name, need) in circle.iter().zip(needed) {
        let table = tables.iter().find(|(other, _)| other.value == *name);
        let edge = table.and_then(|(_, table)| {
            let mut needs = needs_of(table).iter();
            needs.find(|edge| edge.agent == *need)
        });
        text.push_str(&format!(" → {need}"));
        if let Some(edge) = edge.filter(|edge| edge.condition != Condition::Ready) {
            text.push_str(&format!(" ({})", edge.condition.as_str()));
        }
    }
    text
}

/// Every circle once, each as its names in order, beginning with the one that comes first in the file and without its
/// repetition at the end. Agents that only lead into a circle are not part of it.
fn circles<'a>(agents: &[(&'a str, Vec<&'a str>)]) -> Vec<Vec<&'a str>> {
    let edges: BTreeMap<&str, &[&'a str]> = agents
        .iter()
        .map(|(name, needs)| (*name, needs.as_slice()))
        .collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut circles = Vec::new();
    for (start, _) in agents {
        // A stack of its own: a chain of ten thousand agents must not overflow the thread's.
        let mut path: Vec<(&str, usize)> = vec![(start, 0)];
        let mut on_path: BTreeSet<&str> = BTreeSet::from([*start]);
        while let Some((name, next)) = path.last_mut() {
            let name = *name;
            let needs = edges.get(name).copied().unwrap_or_default();
            let need = if done.contains(name) {
                None
            } else {
                needs.get(*next).copied()
            };
            *next += 1;
            match need {
                None => {
                    done.insert(name);
                    on_path.remove(name);
                    path.pop();
                }
                Some(need) if on_path.contains(need) => {
                    let begin = path.iter().position(|(name, _)| *name == need);
                    let circle = path[begin.unwrap_or(0)..].iter().map(|(name, _)| *name);
                    circles.push(circle.collect());
                }
                Some(need) if done.contains(need) => {}
                Some(need) => {
                    on_path.insert(need);
                    path.push((need, 0));
                }
            }
        }
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_once_and_without_those_who_lead_to_it() {
        let agents = [
            ("entry", vec!["a"]),
            ("a", vec!["b"]),
            ("b", vec!["c", "leaf"]),
            ("c", vec!["a"]),
            ("leaf", vec![]),
        ];
        assert_eq!(circles(&agents), [["a", "b", "c"]]);
    }

    #[test]
    fn a_diamond_and_a_long_chain_are_no_circles() {
        let diamond = [
            ("top", vec!["l", "r"]),
            ("l", vec!["end"]),
            ("r", vec!["end"]),
            ("end", vec![]),
        ];
        assert!(circles(&diamond).is_empty());
        let names: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
        let chain: Vec<(&str, Vec<&str>)> = names
            .windows(2)
            .map(|pair| (pair[0].as_str(), vec![pair[1].as_str()]))
            .collect();
        assert!(circles(&chain).is_empty());
    }
}
