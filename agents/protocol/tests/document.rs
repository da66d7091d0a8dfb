//! Holds `docs/protocol.md` to the code: every example is read, every message type has one. Prose is not checked.

use std::collections::BTreeSet;

use agent_protocol::*;

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

/// The examples of the section that begins with `heading`: pairs of the sub-heading's word and the line.
fn examples(heading: &str) -> Vec<(&'static str, &'static str)> {
    let from = DOCUMENT.find(heading).expect("the section exists") + heading.len();
    let section = &DOCUMENT[from..];
    let section = &section[..section.find("\n## ").unwrap_or(section.len())];
    let mut examples = Vec::new();
    let (mut kind, mut fenced) = ("", false);
    for line in section.lines() {
        if let Some(word) = line.strip_prefix("### ") {
            kind = word.trim_matches('`');
        } else if line.starts_with("```") {
            fenced = line == "```json";
        } else if fenced {
            examples.push((kind, line));
        }
    }
    examples
}

#[test]
fn every_example_of_an_agent_is_read_and_every_type_has_one() {
    let mut seen = BTreeSet::new();
    for (kind, line) in examples("\n## Agent to coordinator") {
        let Decoded::Message(message) = decode(line.as_bytes()) else {
            panic!("{line} is read as {:?}", decode(line.as_bytes()))
        };
        assert_eq!(
            message.kind(),
            kind,
            "{line} stands under the wrong heading"
        );
        assert_no_field_is_unknown(line, &serde_json::to_value(&message).unwrap());
        seen.insert(kind);
    }
    assert_eq!(seen, BTreeSet::from(AgentMessage::KINDS));
}

#[test]
fn every_example_of_a_coordinator_is_read_and_every_type_has_one() {
    let mut seen = BTreeSet::new();
    for (kind, line) in examples("\n## Coordinator to agent") {
        let message =
            decode_coordinator(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(
            message.kind(),
            kind,
            "{line} stands under the wrong heading"
        );
        assert_no_field_is_unknown(line, &serde_json::to_value(&message).unwrap());
        seen.insert(kind);
    }
    assert_eq!(seen, BTreeSet::from(CoordinatorMessage::KINDS));
}

/// A field that the code does not know would be lost on the way, so an example must not have one.
fn assert_no_field_is_unknown(line: &str, read: &serde_json::Value) {
    let written: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(line).expect("an example is JSON");
    for name in written.keys() {
        assert!(read.get(name).is_some(), "`{name}` of {line} is lost");
    }
}

#[test]
fn the_kinds_are_those_that_serde_writes_and_decode_knows() {
    for kind in AgentMessage::KINDS {
        let line = format!(r#"{{"type":"{kind}"}}"#);
        let decoded = decode(line.as_bytes());
        assert!(
            !matches!(decoded, Decoded::Unknown { .. } | Decoded::Log),
            "{kind}: {decoded:?}"
        );
    }
    for kind in CoordinatorMessage::KINDS {
        let line = format!(r#"{{"type":"{kind}"}}"#);
        let decoded = decode_coordinator(line.as_bytes());
        assert!(
            !matches!(decoded, Err(DecodeError::Unknown { .. })),
            "{kind}: {decoded:?}"
        );
    }
}
