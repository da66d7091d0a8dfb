//! The text of a first agents.toml: one agent that runs everywhere, and every key with its meaning and default, as the
//! schema has them, so that none can be forgotten. It writes nothing.

use std::fmt::Write as _;

use coordinator_config::json_schema;
use serde_json::Value;

/// Needs nothing but a shell.
const HEAD: &str = r#"# The agents that the coordinator keeps alive. A line `#key = value` shows a key, mostly with its default: take the `#` away
# and change it. `coordinator check` tells what is wrong with this file, and where; `coordinator reload` takes what has changed.

# An agent is any program. This one says every five seconds that it is well.
[agents.hello]
command = ["sh", "-c", '''
while true; do
    echo '{"type":"heartbeat","message":"all is well"}'
    sleep 5
done
''']
"#;

const MORE: &str = r#"
# Measures this machine, the coordinator and every agent; raises alerts.
#[agents.performance-monitor]
#command = ["performance-monitor"]

# Pulls runs from LangSmith; its key stands in `.env`.
#[agents.langsmith-bridge]
#command = ["langsmith-bridge"]
#pass_env = ["LANGCHAIN_*", "LANGSMITH_*"]

# Takes traces from LangChain and LangGraph programs on this machine, without an account: docs/trace-collector.md.
#[agents.trace-collector]
#command = ["trace-collector"]
#pass_env = ["TRACE_COLLECTOR_API_KEY"]

# A program that knows nothing of a coordinator: all it prints goes to its log.
#[agents.legacy]
#command = ["legacy-daemon", "--foreground"]
#protocol = "none"
"#;

/// What a key without a default may look like.
const EXAMPLES: &[(&str, &str)] = &[
    ("config", r#"{ interval = "5s" }"#),
    ("cpu_max", "1.5"),
    ("database", r#""/var/lib/agents/shared_state.db""#),
    ("depends_on", r#"["importer"]"#),
    ("directory", r#""importer""#),
    ("env", r#"{ LEVEL = "info" }"#),
    ("env_file", r#""importer.env""#),
    ("group", r#""agents""#),
    ("log_dir", r#""/var/log/agents""#),
    ("memory_max", r#""512MiB""#),
    ("nice", "10"),
    ("oom_score_adj", "500"),
    ("pass_env", r#"["LANGCHAIN_*", "HF_HOME"]"#),
    ("rlimits", r#"{ nofile = 4096 }"#),
    ("schedule", r#""every 10m""#),
    ("socket", r#""/run/agents/coordinator.sock""#),
    ("tasks_max", "100"),
    ("time_zone", r#""Europe/Zurich""#),
    ("umask", r#""027""#),
    ("user", r#""agents""#),
];

/// `.env.example`, which a test compares with what the programs read; its first line tells how to get this file.
pub(super) fn dotenv() -> String {
    let (_, rest) = include_str!("../../../.env.example")
        .split_once('\n')
        .expect("the example has lines");
    format!(
        "# Read by the programs that are started in this folder. Take the `#` away from what you set.\n{rest}"
    )
}

/// The whole file.
pub(super) fn agents_toml() -> String {
    let schema = json_schema();
    let keys = |table: &str| {
        let pointer = format!("/$defs/{table}/properties");
        schema.pointer(&pointer).and_then(Value::as_object)
    };
    let defaults = keys("DefaultsTable");
    let mut text = HEAD.to_owned();
    text.push_str("\n# Keys that only the table of an agent has:\n");
    for (key, property) in keys("AgentTable").into_iter().flatten() {
        let is_shared = defaults.is_some_and(|defaults| defaults.contains_key(key));
        if !is_shared && key != "command" {
            add_key(&mut text, key, property);
        }
    }
    text.push_str(MORE);
    for (title, table, about) in [
        (
            "defaults",
            "DefaultsTable",
            "What every agent has unless its own table says otherwise.",
        ),
        (
            "coordinator",
            "CoordinatorTable",
            "The coordinator itself; read at its start only.",
        ),
        (
            "coordinator.retention",
            "RetentionTable",
            "What is kept how long.",
        ),
    ] {
        let _ = write!(text, "\n# {about}\n[{title}]\n");
        for (key, property) in keys(table).into_iter().flatten() {
            add_key(&mut text, key, property);
        }
    }
    text
}

/// Tables within a table have their own heading.
fn add_key(text: &mut String, key: &str, property: &Value) {
    let example = EXAMPLES
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, example)| (*example).to_owned());
    // JSON text, numbers, truth values and arrays of them are TOML as well.
    let Some(value) = property.get("default").map(Value::to_string).or(example) else {
        return;
    };
    if let Some(about) = property.get("description").and_then(Value::as_str) {
        let _ = writeln!(text, "# {about}");
    }
    let _ = writeln!(text, "#{key} = {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file with one commented key made a real one.
    fn with_line(number: usize) -> Option<String> {
        let text = agents_toml();
        let mut lines: Vec<&str> = text.lines().collect();
        let line = lines.get(number)?.strip_prefix('#')?;
        let (key, _) = line.split_once(" = ")?;
        if !key
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            return None;
        }
        lines[number] = line;
        Some(lines.join("\n"))
    }

    #[test]
    fn every_key_of_the_schema_is_shown_and_means_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents.toml");
        std::fs::write(folder.path().join("importer.env"), "A=b\n").unwrap();
        std::fs::create_dir(folder.path().join("importer")).unwrap();
        std::fs::write(&path, agents_toml()).unwrap();
        let plain = coordinator_config::load(&path).unwrap();
        let text = agents_toml();
        let first = text.lines().position(|line| line == "[defaults]").unwrap();
        let mut shown = 0;
        for number in first..text.lines().count() {
            let Some(changed) = with_line(number) else {
                continue;
            };
            shown += 1;
            std::fs::write(&path, changed).unwrap();
            let loaded = coordinator_config::load(&path);
            let mut config = loaded.unwrap_or_else(|errors| panic!("{errors}"));
            config.text.clone_from(&plain.text); // what it means is compared, not how it is written
            let is_example = EXAMPLES.iter().any(|(key, _)| {
                let line = text.lines().nth(number).unwrap();
                line.starts_with(&format!("#{key} = "))
            });
            assert!(is_example || config == plain, "line {}", number + 1);
        }
        let schema = json_schema();
        let keys: usize = ["DefaultsTable", "CoordinatorTable", "RetentionTable"]
            .iter()
            .map(|table| {
                schema["$defs"][table]["properties"]
                    .as_object()
                    .unwrap()
                    .len()
            })
            .sum();
        // All but `coordinator.retention`, which is a table.
        let hint = "a key without a default needs a line in EXAMPLES";
        assert_eq!(shown, keys - 1, "{hint}");
    }

    #[test]
    fn the_example_of_variables_begins_with_the_line_that_is_replaced() {
        assert!(include_str!("../../../.env.example").starts_with("# Copy to `.env`"));
        assert!(dotenv().lines().count() > 50);
    }
}
