//! Responsible for fields of a run that a server does not know: finding in its refusal which they are, and leaving them out for a
//! while. It asks nothing and tells nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::DAY_MS;
use crate::selection::is_needed;

/// After this a field is asked for again: the server may have been upgraded.
const TRIED_AGAIN_MS: i64 = DAY_MS;

/// Under these names servers show the value that they do not take.
const VALUE_NAMES: [&str; 5] = ["input", "value", "instance", "field", "select"];

/// Fields that were refused, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefusedFields(BTreeMap<String, i64>);

impl RefusedFields {
    /// The fields to ask for.
    pub(crate) fn without(&self, fields: &[&'static str], now_ms: i64) -> Vec<&'static str> {
        let is_left_out = |field: &str| {
            let refused_ms = self.0.get(field);
            refused_ms.is_some_and(|refused_ms| now_ms - refused_ms < TRIED_AGAIN_MS)
        };
        let fields = fields.iter().copied();
        fields.filter(|field| !is_left_out(field)).collect()
    }

    /// Whether the server is known not to take it.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// The server does not take this field.
    pub(crate) fn note(&mut self, field: &str, now_ms: i64) {
        self.0.insert(field.to_owned(), now_ms);
    }

    /// The server answered a question for these fields.
    pub(crate) fn note_answered(&mut self, fields: &[&str]) {
        self.0
            .retain(|refused, _| !fields.contains(&refused.as_str()));
    }
}

/// The fields that a refusal is about, among those that were `asked`: each as it stood in the body, and as the bridge knows it.
/// Those that the bridge cannot do without are not among them.
pub(crate) fn refused_fields(
    explanation: &Value,
    asked: &[(String, &'static str)],
) -> Vec<&'static str> {
    let mut names = Vec::new();
    find_values(explanation, asked, &mut names);
    if names.is_empty() {
        let mut text = String::new();
        collect_text(explanation, &mut text);
        names = names_in_text(&text, asked);
    }
    let is_named = |name: &String| names.contains(name);
    let found = asked.iter().filter(|(name, _)| is_named(name));
    let mut fields: Vec<&str> = found.map(|(_, field)| *field).collect();
    fields.retain(|field| !is_needed(field));
    fields
}

/// Names that a structured explanation gives as the value at fault, or by their place in the list.
fn find_values(explanation: &Value, asked: &[(String, &'static str)], names: &mut Vec<String>) {
    let place = |at: u64| usize::try_from(at).ok().and_then(|at| asked.get(at));
    match explanation {
        Value::Array(items) => {
            for pair in items.windows(2) {
                let is_list = pair[0].as_str().is_some_and(is_list_of_fields);
                let at = pair[1].as_u64().filter(|_| is_list);
                names.extend(at.and_then(place).map(|(name, _)| name.clone()));
            }
            items
                .iter()
                .for_each(|item| find_values(item, asked, names));
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if VALUE_NAMES.contains(&key.as_str()) => {
                        let named = asked.iter().filter(|(name, _)| name == text);
                        names.extend(named.map(|(name, _)| name.clone()));
                    }
                    Value::String(text) => {
                        let at = place_in_list(text);
                        names.extend(at.and_then(place).map(|(name, _)| name.clone()));
                    }
                    value => find_values(value, asked, names),
                }
            }
        }
        _ => {}
    }
}

fn is_list_of_fields(name: &str) -> bool {
    name == "selects" || name == "select"
}

/// The place in `body.selects[3]`, or the same with a slash or a dot.
fn place_in_list(text: &str) -> Option<u64> {
    let mut parts = text.split(['.', '/', '[', ']']);
    parts.find(|part| is_list_of_fields(part))?;
    parts.next()?.parse().ok()
}

fn collect_text(explanation: &Value, text: &mut String) {
    match explanation {
        Value::String(words) => text.extend([words, " "]),
        Value::Array(items) => items.iter().for_each(|item| collect_text(item, text)),
        Value::Object(fields) => fields.values().for_each(|value| collect_text(value, text)),
        _ => {}
    }
}

/// Names that stand in a sentence. It may also list every name that the server does take: then those at fault are missing in
/// the list, or stand before it.
fn names_in_text(text: &str, asked: &[(String, &'static str)]) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    // `error` and `name` are words of any sentence; names in capitals and with an underscore are not.
    let is_telling = |name: &str| name.contains('_') || name.chars().all(|c| c.is_uppercase());
    let telling = || asked.iter().filter(|(name, _)| is_telling(name));
    let (named, others): (Vec<_>, Vec<_>) =
        telling().partition(|(name, _)| words.contains(&name.as_str()));
    let needed = named.iter().filter(|(_, field)| is_needed(field)).count();
    let optional = |(name, field): &&(String, &str)| (!is_needed(field)).then(|| name.clone());
    if needed < 2 {
        return named.iter().filter_map(optional).collect();
    }
    let missing: Vec<String> = others.iter().filter_map(optional).collect();
    if !missing.is_empty() {
        return missing;
    }
    let place = |name: &str| words.iter().position(|word| *word == name);
    let first = named
        .iter()
        .filter_map(optional)
        .min_by_key(|name| place(name));
    first.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ASKED: [&str; 5] = ["ID", "NAME", "TAGS", "LAST_QUEUED_AT", "LS_USER_ID"];

    fn found(explanation: Value) -> Vec<&'static str> {
        let asked = ASKED.map(|field| (field.to_owned(), field));
        refused_fields(&explanation, &asked)
    }

    #[test]
    fn a_refused_field_is_found_in_each_form_of_an_explanation() {
        let listed = "Input should be 'ID', 'NAME' or 'TAGS'";
        for explanation in [
            json!({"detail": "unknown select: LAST_QUEUED_AT"}),
            json!("invalid value \"LAST_QUEUED_AT\" in selects"),
            json!({"detail": [{"loc": ["body", "selects", 3], "msg": listed, "type": "enum"}]}),
            json!({"detail": [{"loc": ["body"], "msg": listed, "input": "LAST_QUEUED_AT"}]}),
            json!({"errors": [{"location": "body.selects[3]", "message": listed}]}),
            json!({"detail": "LAST_QUEUED_AT: expected one of ID, NAME, TAGS, LS_USER_ID"}),
        ] {
            assert_eq!(
                found(explanation.clone()),
                ["LAST_QUEUED_AT"],
                "{explanation}"
            );
        }
    }

    #[test]
    fn what_a_list_of_known_fields_leaves_out_is_what_is_refused() {
        let explanation = json!({"detail": "selects must be ID, NAME or TAGS"});
        assert_eq!(found(explanation), ["LAST_QUEUED_AT", "LS_USER_ID"]);
    }

    #[test]
    fn a_refusal_for_another_reason_is_about_no_field() {
        for explanation in [
            json!(null),
            json!({"detail": "invalid cursor"}),
            json!({"detail": "the field ID is not there"}),
            json!({"detail": [{"loc": ["body", "page_size"], "input": 3}]}),
        ] {
            assert_eq!(found(explanation.clone()), [""; 0], "{explanation}");
        }
    }

    #[test]
    fn a_word_of_a_sentence_is_no_field_of_version_1() {
        let asked = ["error", "tags", "thread_id"].map(|name| (name.to_owned(), "TAGS"));
        let found = |text: &str| refused_fields(&json!(text), &asked);
        assert_eq!(found("error: the tags are wrong"), [""; 0]);
        assert_eq!(found("error: thread_id is no field"), ["TAGS"]);
    }

    #[test]
    fn a_refused_field_is_left_out_for_a_day_and_until_it_is_answered() {
        let mut refused = RefusedFields::default();
        refused.note("TAGS", 0);
        assert_eq!(refused.without(&["ID", "TAGS"], DAY_MS - 1), ["ID"]);
        assert_eq!(refused.without(&["ID", "TAGS"], DAY_MS), ["ID", "TAGS"]);
        refused.note_answered(&["ID"]);
        assert!(refused.has("TAGS"));
        refused.note_answered(&["ID", "TAGS"]);
        assert!(!refused.has("TAGS"));
    }
}
