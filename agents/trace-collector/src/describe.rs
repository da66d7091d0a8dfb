//! Responsible for a stored row as one line for a person who runs the collector by hand.
//! It does not print.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// What the row tells: `llm ChatModel success 1.234 s 10 tokens $0.25 in default`.
pub(crate) fn describe(row: &Map<String, Value>) -> String {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let number = |name: &str| row.get(name).and_then(Value::as_i64);
    let mut line = String::new();
    let depth = row
        .get("parent_run_ids")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    line.push_str(&"  ".repeat(depth.min(10)));
    let mut words = vec![text("run_type"), text("name"), text("status")];
    if text("status").is_none() {
        words.push(text("run_id"));
    }
    line.push_str(&words.into_iter().flatten().collect::<Vec<_>>().join(" "));
    let written = [
        number("latency_us").map(|us| format!(" {}.{:06} s", us / 1_000_000, us % 1_000_000)),
        number("total_tokens").map(|tokens| format!(" {tokens} tokens")),
        text("total_cost").map(|cost| format!(" ${cost}")),
        text("model").map(|model| format!(" by {model}")),
        text("project").map(|project| format!(" in {project}")),
    ];
    for word in written.into_iter().flatten() {
        line.push_str(&word);
    }
    if let Some(error) = text("error") {
        let first = error.lines().next().unwrap_or_default();
        write!(line, ": {first}").expect("writing to a string cannot fail");
    }
    line
}

/// What a piece of feedback tells: `good 0.5 on RUN in default`.
pub(crate) fn describe_feedback(row: &Map<String, Value>) -> String {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let score = row.get("score").map(Value::to_string);
    let words = [
        text("key"),
        score.as_deref().or_else(|| text("value")),
        Some("on"),
        text("run_id"),
        text("project").map(|_| "in"),
        text("project"),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(row: &Value) -> String {
        describe(row.as_object().unwrap())
    }

    #[test]
    fn a_line_tells_what_is_known_and_nothing_else() {
        let row = json!({"run_id": "r", "run_type": "llm", "name": "ChatModel", "status": "success", "latency_us": 1_234_000, "total_tokens": 10,
            "total_cost": "0.25", "model": "m", "project": "default", "parent_run_ids": ["p"]});
        assert_eq!(
            line(&row),
            "  llm ChatModel success 1.234000 s 10 tokens $0.25 by m in default"
        );
        assert_eq!(
            line(
                &json!({"run_type": "tool", "name": "t", "status": "error", "error": "E: no\nmore"})
            ),
            "tool t error: E: no"
        );
        let piece = json!({"run_id": "r", "key": "good", "score": 0.5, "project": "p"});
        assert_eq!(
            describe_feedback(piece.as_object().unwrap()),
            "good 0.5 on r in p"
        );
    }
}
