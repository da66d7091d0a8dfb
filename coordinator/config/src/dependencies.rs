//! Finds circles in `depends_on`.
//! Whether the names exist is checked before.

use std::collections::{BTreeMap, BTreeSet};

/// Every circle once, each as its names in order, beginning with the one that comes first in the file and without its
/// repetition at the end. Agents that only lead into a circle are not part of it.
pub(crate) fn circles<'a>(agents: &[(&'a str, Vec<&'a str>)]) -> Vec<Vec<&'a str>> {
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
