//! Any names and patterns against any names of instances: the plainest matching there is says the same.
//! Lines up to an empty one are instances, the others are names; an instance's agent is what stands before its colon.
#![no_main]

use std::collections::HashSet;

use coordinator::fuzzing::choose;
use libfuzzer_sys::fuzz_target;

/// The plain matching takes time by the product of both lengths, for each pair.
const LINES_MAX: usize = 24;
const LINE_CHARS_MAX: usize = 48;

fuzz_target!(|text: &str| {
    let short = |line: &&str| line.chars().count() <= LINE_CHARS_MAX;
    let (instances, names) = text.split_once("\n\n").unwrap_or((text, ""));
    let agent_of = |name: &str| name.split(':').next().unwrap_or_default().to_owned();
    let instances: Vec<(String, String)> = instances
        .lines()
        .filter(short)
        .take(LINES_MAX)
        .map(|name| (name.to_owned(), agent_of(name)))
        .collect();
    let names = names.lines().filter(short).take(LINES_MAX);
    let names: Vec<String> = names.map(ToOwned::to_owned).collect();

    let means = |name: &str, (instance, agent): &(String, String)| {
        name == "all" || is_like(name, instance) || is_like(name, agent)
    };
    match choose(&instances, &names) {
        Err(unknown) => {
            assert!(names.contains(&unknown) && unknown != "all");
            assert!(instances.iter().all(|instance| !means(&unknown, instance)));
        }
        Ok(chosen) => {
            assert!(
                chosen.is_sorted() && chosen.iter().collect::<HashSet<_>>().len() == chosen.len()
            );
            for (index, instance) in instances.iter().enumerate() {
                let expected = names.is_empty() || names.iter().any(|name| means(name, instance));
                assert_eq!(
                    chosen.contains(&index),
                    expected,
                    "{instance:?} by {names:?}"
                );
            }
        }
    }
});

/// Whether a name fits a pattern in which `*` is anything and `?` is one character: row by row of the table of all prefixes.
fn is_like(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let mut fits = vec![false; name.len() + 1];
    fits[0] = true;
    for wanted in pattern.chars() {
        let mut next = vec![false; name.len() + 1];
        if wanted == '*' {
            let mut any = false;
            for (at, fit) in fits.iter().enumerate() {
                any |= fit;
                next[at] = any;
            }
        } else {
            for (at, given) in name.iter().enumerate() {
                next[at + 1] = fits[at] && (wanted == '?' || wanted == *given);
            }
        }
        fits = next;
    }
    fits[name.len()]
}
