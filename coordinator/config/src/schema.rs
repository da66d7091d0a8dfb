//! The JSON schema of `agents.toml`, for editors that complete and check while one types.
//! It is stricter than needed nowhere, and looser where a check needs more than one key.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use toml::de::DeTable;

use crate::free::to_json;
use crate::problems::{Origin, Problems};
use crate::resolve::DEFAULTS_TEXT;
use crate::tables::FileTable;

/// The schema; every key with its meaning, its range and its default.
#[must_use]
pub fn json_schema() -> Value {
    let generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
    let mut schema = generator.into_root_schema_for::<FileTable>().to_value();
    schema["title"] = "agents.toml".into();
    let defaults = defaults();
    for (table, path) in [
        ("CoordinatorTable", "/coordinator"),
        ("RetentionTable", "/coordinator/retention"),
        ("DefaultsTable", "/defaults"),
        ("AgentTable", "/defaults"),
    ] {
        let values = defaults.pointer(path).and_then(Value::as_object);
        let pointer = format!("/$defs/{table}/properties");
        let properties = schema.pointer_mut(&pointer).and_then(Value::as_object_mut);
        if let (Some(values), Some(properties)) = (values, properties) {
            add_defaults(properties, values);
        }
    }
    if let Some(dependency) = schema.pointer_mut("/$defs/DependencyTable") {
        dependency["required"] = vec!["agent"].into();
    }
    if let Some(agent) = schema.pointer_mut("/$defs/AgentTable") {
        agent["required"] = vec!["command"].into();
    }
    schema
}

fn add_defaults(properties: &mut Map<String, Value>, values: &Map<String, Value>) {
    for (key, value) in values.iter().filter(|(_, value)| !value.is_object()) {
        if let Some(property) = properties.get_mut(key) {
            property["default"] = value.clone();
        }
    }
}

fn defaults() -> Value {
    let document =
        DeTable::parse(DEFAULTS_TEXT).expect("the built-in defaults are TOML, a test reads them");
    let root = Origin {
        span: 0..0,
        key: String::new(),
    };
    let value = toml::de::DeValue::Table(document.into_inner());
    to_json(&value, &root, &mut Problems::new(DEFAULTS_TEXT)).unwrap_or_default()
}
