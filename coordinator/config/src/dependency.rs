//! What an agent waits for before it starts: another agent, and what has to be true of it.
//! Whether that agent exists is checked in `check`, circles are found in `dependencies`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::de::DeValue;

use crate::Condition;
use crate::problems::{Origin, Problems};
use crate::tables::DependencyTable;
use crate::value::{FromToml, describe};

/// One entry of `depends_on`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The name of the agent; all of its instances are meant.
    pub agent: String,
    /// What has to be true of it.
    pub condition: Condition,
}

impl Dependency {
    /// As it is written in the file: a text where the condition is the usual one.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self.condition {
            Condition::Ready => self.agent.clone().into(),
            other => serde_json::json!({ "agent": self.agent, "condition": other.as_str() }),
        }
    }
}

impl FromToml for Dependency {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        const EXPECTED: &str =
            "the name of an agent, or { agent = \"NAME\", condition = \"completed\" }";
        match value {
            DeValue::String(_) => Some(Self {
                agent: String::read(value, origin, problems)?,
                condition: Condition::Ready,
            }),
            DeValue::Table(_) => {
                let read = DependencyTable::read(value, origin, problems)?;
                let Some(agent) = read.agent else {
                    if !problems.mentions(&origin.entry("agent", 0..0).key) {
                        problems.add(origin, "it names no agent", EXPECTED, None);
                    }
                    return None;
                };
                Some(Self {
                    agent: agent.value,
                    condition: read.condition.map_or(Condition::Ready, |found| found.value),
                })
            }
            _ => {
                problems.add(origin, describe(value), EXPECTED, None);
                None
            }
        }
    }
}

impl JsonSchema for Dependency {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Dependency".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<DependencyTable>();
        json_schema!({ "anyOf": [{ "type": "string" }, table] })
    }
}
