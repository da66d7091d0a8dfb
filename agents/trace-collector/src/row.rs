//! Responsible for a run as the shared state stores it, and that it fits into a line of the wire.
//! It gives no column a value that was not sent.

use agent_protocol::LINE_BYTES_MAX;
use langsmith_values::{cut, json_bytes, omitted};
use serde::Serialize;
use serde_json::{Map, Value};

/// Longest error text that is kept. Stack traces beyond it repeat themselves.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// Largest metadata, feedback or tags that is kept, as JSON.
const JSON_BYTES_MAX: usize = 24 * 1024;

/// Longest name, model and such: people read them in a table.
const NAME_BYTES_MAX: usize = 1024;

/// A row with all its contents stays below this; the rest of the line is the message around it.
const ROW_BYTES_MAX: usize = LINE_BYTES_MAX - 16 * 1024;

/// One run, with the names of the columns of `trace_runs` and `trace_run_contents`. A field is absent where nothing was sent.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/schema.md describes the columns")]
pub struct RunRow {
    pub run_id: String,
    pub project_id: String,
    pub project: Option<String>,
    pub trace_id: Option<String>,
    pub parent_run_id: Option<String>,
    pub parent_run_ids: Option<Vec<String>>,
    pub dotted_order: Option<String>,
    pub name: Option<String>,
    pub run_type: Option<String>,
    pub status: Option<String>,
    pub is_root: Option<bool>,
    pub start_us: Option<i64>,
    pub end_us: Option<i64>,
    pub first_token_us: Option<i64>,
    pub latency_us: Option<i64>,
    pub error: Option<String>,
    pub model: Option<String>,
    pub provider: Option<String>,
    pub prompt_tokens: Option<i64>,
    pub completion_tokens: Option<i64>,
    pub total_tokens: Option<i64>,
    pub prompt_cost: Option<String>,
    pub completion_cost: Option<String>,
    pub total_cost: Option<String>,
    pub prompt_token_details: Option<Map<String, Value>>,
    pub completion_token_details: Option<Map<String, Value>>,
    pub prompt_cost_details: Option<Map<String, Value>>,
    pub completion_cost_details: Option<Map<String, Value>>,
    pub tags: Option<Vec<String>>,
    pub metadata: Option<Map<String, Value>>,
    pub feedback: Option<Map<String, Value>>,
    pub thread_id: Option<String>,
    pub reference_example_id: Option<String>,
    pub inputs: Option<Value>,
    pub outputs: Option<Value>,
    pub events: Option<Value>,
    pub extra: Option<Value>,
    pub manifest: Option<Value>,
    pub attachments: Option<Value>,
}

impl RunRow {
    /// Cuts and leaves out what would make the row too large; the count of what was touched.
    pub fn fit(&mut self, content_bytes_max: usize) -> u64 {
        let mut oversized = 0;
        let texts = [
            (&mut self.error, ERROR_BYTES_MAX),
            (&mut self.name, NAME_BYTES_MAX),
            (&mut self.run_type, NAME_BYTES_MAX),
            (&mut self.model, NAME_BYTES_MAX),
            (&mut self.provider, NAME_BYTES_MAX),
            (&mut self.thread_id, NAME_BYTES_MAX),
            (&mut self.project, NAME_BYTES_MAX),
        ];
        for (text, bytes_max) in texts {
            oversized += u64::from(text.as_mut().is_some_and(|text| cut(text, bytes_max)));
        }
        oversized += drop_if_large(&mut self.tags);
        for object in [
            &mut self.metadata,
            &mut self.feedback,
            &mut self.prompt_token_details,
            &mut self.completion_token_details,
            &mut self.prompt_cost_details,
            &mut self.completion_cost_details,
        ] {
            oversized += drop_if_large(object);
        }
        for content in self.contents() {
            oversized += omit_if_larger(content, content_bytes_max);
        }
        // Many contents within their own bounds may still be too much together: the largest go first.
        while json_bytes(self) > ROW_BYTES_MAX {
            let sizes = self
                .contents()
                .map(|content| content.as_ref().map_or(0, json_bytes));
            let largest = sizes.into_iter().max().unwrap_or(0);
            for content in self.contents() {
                oversized += omit_if_larger(content, largest.saturating_sub(1).max(64));
            }
            if largest <= 64 {
                break;
            }
        }
        oversized
    }

    fn contents(&mut self) -> [&mut Option<Value>; 6] {
        [
            &mut self.inputs,
            &mut self.outputs,
            &mut self.events,
            &mut self.extra,
            &mut self.manifest,
            &mut self.attachments,
        ]
    }
}

/// A JSON value cannot be cut without changing its meaning, so a large one is left out whole.
fn drop_if_large<T: Serialize>(value: &mut Option<T>) -> u64 {
    let is_large = value
        .as_ref()
        .is_some_and(|value| json_bytes(value) > JSON_BYTES_MAX);
    if is_large {
        *value = None;
    }
    u64::from(is_large)
}

/// Contents say at least how large they were.
fn omit_if_larger(content: &mut Option<Value>, bytes_max: usize) -> u64 {
    let bytes = content.as_ref().map_or(0, json_bytes);
    if bytes <= bytes_max {
        return 0;
    }
    *content = Some(omitted(bytes));
    1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_with_too_much_of_everything_fits_into_a_line() {
        let huge = || Some("\u{1}".repeat(100_000));
        let mut row = RunRow {
            error: huge(),
            name: huge(),
            model: huge(),
            tags: Some(vec!["x".repeat(100_000)]),
            metadata: Some(Map::from_iter([(
                "k".to_owned(),
                json!("x".repeat(30_000)),
            )])),
            inputs: Some(json!("x".repeat(100_000))),
            outputs: Some(json!("y".repeat(99_000))),
            events: Some(json!("z".repeat(70_000))),
            extra: Some(json!("small")),
            ..RunRow::default()
        };
        assert_eq!(row.fit(100_010), 6);
        assert!(json_bytes(&row) < ROW_BYTES_MAX);
        assert_eq!((row.metadata, row.tags), (None, None));
        assert_eq!(row.inputs, Some(json!({"omitted_bytes": 100_002})));
        assert_eq!(row.extra, Some(json!("small")));
    }

    #[test]
    fn a_content_above_the_bound_says_how_large_it_was() {
        let mut row = RunRow {
            inputs: Some(json!("x".repeat(98))),
            outputs: Some(json!("x".repeat(99))),
            ..RunRow::default()
        };
        assert_eq!(row.fit(100), 1);
        assert_eq!(row.outputs, Some(json!({"omitted_bytes": 101})));
        assert!(row.inputs.unwrap().is_string());
    }

    #[test]
    fn what_is_not_known_is_not_in_the_row() {
        let row = serde_json::to_value(RunRow::default()).unwrap();
        assert_eq!(row, json!({"run_id": "", "project_id": ""}));
    }
}
