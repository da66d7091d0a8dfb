//! The schema for editors, the documentation and the default file say the same as the types.

use std::path::{Path, PathBuf};

use coordinator_config::{json_schema, load};
use serde_json::Value;

fn repository_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository_file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn as_json(text: &str) -> Value {
    let table: toml::Table = text.parse().expect("the text is TOML");
    serde_json::to_value(table).expect("TOML without dates is JSON")
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let committed: Value =
        serde_json::from_str(&read("docs/agents.schema.json")).expect("the schema is JSON");
    assert!(
        committed == json_schema(),
        "run `cargo run -p coordinator-config --example schema > docs/agents.schema.json`"
    );
}

#[test]
fn the_default_file_is_valid_by_reader_and_schema() {
    load(&repository_file("agents.toml")).unwrap_or_else(|errors| panic!("{errors}"));
    let text = read("agents.toml");
    assert!(text.starts_with("#:schema docs/agents.schema.json\n"));
    let validator = jsonschema::validator_for(&json_schema()).expect("the schema is valid");
    let errors: Vec<String> = validator
        .iter_errors(&as_json(&text))
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn the_schema_knows_the_built_in_defaults_and_refuses_what_the_reader_refuses() {
    let validator = jsonschema::validator_for(&json_schema()).expect("the schema is valid");
    let defaults = include_str!("../src/defaults.toml");
    assert!(validator.is_valid(&as_json(defaults)));
    for text in [
        "unknown = 1",
        "[agents.w]",
        "[agents.w]\ncommand = []",
        "[agents.w]\ncommand = \"w\"\nstop_timeout = 5",
        "[agents.w]\ncommand = \"w\"\nrestart = \"alway\"",
        "[agents.w]\ncommand = \"w\"\nstop_timout = \"5s\"",
        "[defaults]\ncommand = \"w\"",
    ] {
        assert!(!validator.is_valid(&as_json(text)), "{text}");
        assert!(
            coordinator_config::parse(text, Path::new("agents.toml")).is_err(),
            "{text}"
        );
    }
}

/// Each key has a line of a table that begins with its name, and the default stands in that line.
#[test]
fn every_key_is_documented_with_its_default() {
    let schema = json_schema();
    let text = read("docs/configuration.md");
    for table in ["CoordinatorTable", "RetentionTable", "AgentTable"] {
        let properties = schema["$defs"][table]["properties"]
            .as_object()
            .expect("the table has keys");
        for (key, property) in properties.iter().filter(|(key, _)| *key != "retention") {
            let start = format!("| `{key}` |");
            let default = property.get("default").map(Value::to_string);
            let is_documented = text
                .lines()
                .filter(|line| line.starts_with(&start))
                .any(|line| {
                    default
                        .as_ref()
                        .is_none_or(|default| line.contains(&format!("`{default}`")))
                });
            assert!(
                is_documented,
                "{table}.{key} with its default {default:?} in docs/configuration.md"
            );
        }
    }
}
