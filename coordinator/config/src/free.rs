//! The parts of an agent's table whose keys the user chooses: its environment and its own configuration.
//! Which variables are the coordinator's own is known here too.

use serde_json::{Map, Number, Value};
use toml::de::DeValue;

use crate::inline_schema::inline_schema;
use crate::problems::{Origin, Problems};
use crate::value::{FromToml, describe, integer, table};

/// What the coordinator itself tells every agent by its environment.
pub(crate) const RESERVED: &[&str] = &[
    "AGENT_NAME",
    "AGENT_INSTANCE",
    "AGENT_INVOCATION",
    "INSTANCE",
    "SHARED_STATE_SQLITE",
    "COORDINATOR_SOCKET",
];

/// Variables with their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EnvTable(pub(crate) Vec<(String, String)>);

/// Any table, as JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FreeTable(pub(crate) Map<String, Value>);

/// The name of a variable, or its beginning and `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariablePattern(pub(crate) String);

/// Why this cannot be the name of a variable.
pub(crate) fn check_variable(name: &str) -> Result<(), &'static str> {
    if RESERVED.contains(&name) {
        return Err("the coordinator sets it itself");
    }
    let is_name = name.bytes().enumerate().all(|(index, byte)| {
        byte == b'_' || byte.is_ascii_alphabetic() || (index > 0 && byte.is_ascii_digit())
    });
    if is_name && !name.is_empty() {
        Ok(())
    } else {
        Err("it is not the name of a variable")
    }
}

const NAME_EXPECTED: &str =
    "letters, digits and _, no digit first, and none of the coordinator's own names";

impl FromToml for EnvTable {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let mut variables = Vec::new();
        for (key, value) in table(value, origin, problems)? {
            let name = key.get_ref().as_ref();
            if let Err(why) = check_variable(name) {
                let help = Some(format!(
                    "the coordinator's own names are {}",
                    RESERVED.join(", ")
                ));
                problems.add(&origin.entry(name, key.span()), why, NAME_EXPECTED, help);
                continue;
            }
            let here = origin.entry(name, value.span());
            if let Some(text) = String::read(value.get_ref(), &here, problems) {
                variables.push((name.to_owned(), text));
            }
        }
        Some(Self(variables))
    }
}

impl FromToml for VariablePattern {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let text = String::read(value, origin, problems)?;
        let name = text.strip_suffix('*').unwrap_or(&text);
        let is_all = text == "*";
        match check_variable(name) {
            Err(why) if !is_all => {
                let found = format!("found {text:?}: {why}");
                problems.add(
                    origin,
                    found,
                    "the name of a variable, or its beginning and *",
                    None,
                );
                None
            }
            _ => Some(Self(text)),
        }
    }
}

impl FromToml for FreeTable {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        table(value, origin, problems)?;
        match to_json(value, origin, problems)? {
            Value::Object(map) => Some(Self(map)),
            _ => None,
        }
    }
}

/// The same value in JSON; dates and times become text. Depth is bounded by the TOML parser.
pub(crate) fn to_json(
    value: &DeValue<'_>,
    origin: &Origin,
    problems: &mut Problems<'_>,
) -> Option<Value> {
    let number = match value {
        DeValue::String(text) => return Some(Value::String(text.clone().into_owned())),
        DeValue::Boolean(value) => return Some(Value::Bool(*value)),
        DeValue::Datetime(datetime) => return Some(Value::String(datetime.to_string())),
        DeValue::Array(array) => {
            let items = array.iter().map(|item| {
                let key = origin.key.clone();
                let here = Origin {
                    span: item.span(),
                    key,
                };
                to_json(item.get_ref(), &here, problems)
            });
            return items.collect::<Option<Vec<_>>>().map(Value::Array);
        }
        DeValue::Table(table) => {
            let entries = table.iter().map(|(key, value)| {
                let name = key.get_ref().as_ref();
                let here = origin.entry(name, value.span());
                Some((name.to_owned(), to_json(value.get_ref(), &here, problems)?))
            });
            return entries.collect::<Option<Map<_, _>>>().map(Value::Object);
        }
        DeValue::Integer(number) => integer(number).map(Number::from),
        DeValue::Float(number) => number.as_str().parse().ok().and_then(Number::from_f64),
    };
    if number.is_none() {
        problems.add(origin, describe(value), "a number that JSON can hold", None);
    }
    number.map(Value::Number)
}

inline_schema!([] EnvTable, "EnvTable", { "type": "object", "additionalProperties": { "type": "string" } });
inline_schema!([] FreeTable, "FreeTable", { "type": "object" });
inline_schema!([] VariablePattern, "VariablePattern",
    { "type": "string", "pattern": "^([A-Za-z_][A-Za-z0-9_]*)?\\*?$", "minLength": 1 });
