//! What reading agents.toml anew has changed, or would change, and why it was not taken; for people and as JSON.
//! It compares nothing, see `supervisor::reload`.

use coordinator_config::ConfigErrors;
use serde::{Deserialize, Serialize};

use crate::check::{ProblemJson, problems_json};

/// Names of instances, and what has become of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changes {
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    /// Keys for which a process has to be replaced.
    pub(crate) restarted: Vec<KeysOf>,
    /// Keys that apply to a running process.
    pub(crate) changed: Vec<KeysOf>,
    pub(crate) unchanged: usize,
    /// `[coordinator]` is another, which takes effect when the coordinator is started again.
    pub(crate) coordinator_changed: bool,
}

/// The keys of one instance that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeysOf {
    pub(crate) name: String,
    pub(crate) keys: Vec<String>,
}

/// Why agents.toml was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// For people.
    pub(crate) text: String,
    /// Of the file; empty where something else is the matter.
    pub(crate) problems: Vec<ProblemJson>,
}

impl Changes {
    /// A line for each change.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.added.iter().map(|name| format!("added {name}")));
        lines.extend(self.removed.iter().map(|name| format!("removed {name}")));
        let keyed = |what: &str, of: &KeysOf| format!("{what} {}: {}", of.name, of.keys.join(", "));
        lines.extend(self.restarted.iter().map(|of| keyed("restarted", of)));
        lines.extend(self.changed.iter().map(|of| keyed("changed", of)));
        if self.coordinator_changed {
            lines.push("[coordinator] has changed: that takes effect when the coordinator is started again".into());
        }
        lines.push(format!("unchanged: {}", self.unchanged));
        lines
    }
}

impl From<ConfigErrors> for Refusal {
    fn from(errors: ConfigErrors) -> Self {
        Self {
            text: errors.to_string(),
            problems: problems_json(&errors),
        }
    }
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self {
            text,
            problems: Vec::new(),
        }
    }
}
