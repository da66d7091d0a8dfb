//! `.env.example` lists every variable that a program reads, with its default.
//! What each does is tested where it does it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use end_to_end::program;

/// Name and default of each variable that the example lists.
fn listed() -> BTreeMap<String, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.env.example");
    let text = std::fs::read_to_string(file).expect("the example is in the repository");
    text.lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='))
        .filter(|(name, _)| {
            name.chars()
                .all(|char| char.is_ascii_uppercase() || "_0123456789".contains(char))
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The variables of a help text, each with the default that follows it in the same option.
fn read_by_help(help: &str) -> Vec<(&str, Option<&str>)> {
    let parts = help.split("[env: ").skip(1);
    parts
        .filter_map(|part| part.split_once(']'))
        .flat_map(|(variables, rest)| {
            let default = rest.trim_start().strip_prefix("[default: ");
            let default = default.and_then(|text| text.split(']').next());
            // Two may mean the same: `LANGSMITH_PROJECT or LANGCHAIN_PROJECT`.
            let each = variables.split(" or ");
            each.map(move |variable| (variable.trim_end_matches('='), default))
        })
        .collect()
}

#[test]
fn every_variable_of_every_program_is_listed_with_its_default() {
    let listed = listed();
    for name in [
        "coordinator",
        "dashboard",
        "langsmith-bridge",
        "performance-monitor",
    ] {
        let output = Command::new(program(name))
            .arg("--help")
            .env("COLUMNS", "200")
            .output()
            .expect("the program is built");
        let help = String::from_utf8(output.stdout).expect("a help text is UTF-8");
        let variables = read_by_help(&help);
        assert!(!variables.is_empty(), "{name} reads no variable?\n{help}");
        for (variable, default) in variables {
            let value = listed
                .get(variable)
                .unwrap_or_else(|| panic!("{variable} of {name} is not in .env.example"));
            if let Some(default) = default {
                assert_eq!(value, default, "the default of {variable}");
            }
        }
    }
}

#[test]
fn the_names_that_people_know_are_listed() {
    let listed = listed();
    for name in [
        "LANGCHAIN_API_KEY",
        "LANGCHAIN_PROJECT",
        "LANGSMITH_API_KEY",
        "SHARED_STATE_SQLITE",
    ] {
        assert!(listed.contains_key(name), "{name}");
    }
}
