//! Writes agents.toml for a test: fast where the defaults are made for people.
//! It does not check what it writes; the coordinator does.

use std::fmt::Write as _;

/// The text of an agents.toml.
#[derive(Clone, Debug)]
pub struct AgentsFile {
    coordinator: String,
    defaults: String,
    agents: String,
}

impl Default for AgentsFile {
    fn default() -> Self {
        Self::new()
    }
}

impl AgentsFile {
    /// No agents yet; short delays for all.
    pub fn new() -> Self {
        Self {
            coordinator: String::new(),
            defaults: "backoff_initial = \"20ms\"\nbackoff_max = \"100ms\"\n".to_owned(),
            agents: String::new(),
        }
    }

    /// Lines of `[coordinator]`.
    pub fn coordinator(mut self, lines: &str) -> Self {
        self.coordinator.push_str(lines);
        self.coordinator.push('\n');
        self
    }

    /// Lines of `[defaults]` in place of those of `new`.
    pub fn defaults(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.defaults);
        self
    }

    /// An agent that performs these actions of `puppet`, with these further lines in its table.
    pub fn puppet(self, name: &str, lines: &str, actions: &[&str]) -> Self {
        let command: Vec<&str> = ["puppet"].iter().chain(actions).copied().collect();
        self.program(name, lines, &command)
    }

    /// Any program that does not speak the protocol.
    pub fn plain(self, name: &str, lines: &str, command: &[&str]) -> Self {
        self.program(name, &format!("protocol = \"none\"\n{lines}"), command)
    }

    /// An agent with this command.
    pub fn program(mut self, name: &str, lines: &str, command: &[&str]) -> Self {
        // JSON strings and arrays of them are TOML ones as well.
        let name = serde_json::Value::from(name);
        let command = serde_json::json!(command);
        writeln!(
            self.agents,
            "[agents.{name}]\ncommand = {command}\n{lines}\n"
        )
        .expect("writing to a string cannot fail");
        self
    }

    /// The whole file.
    pub fn text(&self) -> String {
        format!(
            "[coordinator]\n{}\n[defaults]\n{}\n{}",
            self.coordinator, self.defaults, self.agents
        )
    }
}
