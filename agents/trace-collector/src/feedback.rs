//! Responsible for a piece of feedback on a run: from what was sent to the row that the shared state takes.
//! It does not know the run, and adds nothing up: the shared state does, as it alone knows what came before a restart.

use langsmith_values::{cut, is_uuid};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::known_runs::Project;
use crate::refusal::Refusal;
use crate::submission::Fields;

/// Longest comment and value that are kept: the figures of a run repeat them.
const TEXT_BYTES_MAX: usize = 500;

/// One piece of feedback.
#[derive(Clone, Debug, PartialEq)]
pub struct Feedback {
    /// The run that it is about.
    pub run_id: String,
    /// The run's project, where it was sent.
    pub project_id: Option<String>,
    /// Identifies the piece: sent again it replaces itself. Absent where none was sent.
    pub id: Option<String>,
    /// What was judged.
    pub key: String,
    /// How it was judged.
    pub score: Option<f64>,
    /// The same where it is no number.
    pub value: Option<String>,
    /// In words.
    pub comment: Option<String>,
    /// Who judged: `api`, `app`, `model`.
    pub source: Option<String>,
    /// Judging failed.
    pub is_error: bool,
}

impl Feedback {
    /// Reads what was sent.
    pub fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let value = |name: &str| -> Value {
            let raw = fields.get(name).map_or("null", |raw| raw.get());
            serde_json::from_str(raw).unwrap_or_default()
        };
        let text = |name: &str| {
            value(name)
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let uuid = |name: &str| match value(name) {
            Value::Null => Ok(None),
            Value::String(id) if is_uuid(&id) => Ok(Some(id.to_ascii_lowercase())),
            found => Err(wrong(&format!(
                "{name}: found {}, expected a UUID",
                shorten(&found)
            ))),
        };
        let run_id = match uuid("run_id")? {
            Some(id) => Some(id),
            None => uuid("trace_id")?, // of the whole trace, which is its root
        };
        let mut key =
            text("key").ok_or_else(|| wrong("key: found none, expected what was judged"))?;
        cut(&mut key, 200);
        let score = match value("score") {
            Value::Null => None,
            Value::Bool(yes) => Some(f64::from(u8::from(yes))),
            Value::Number(number) => number.as_f64(),
            found => {
                return Err(wrong(&format!(
                    "score: found {}, expected a number, true or false",
                    shorten(&found)
                )));
            }
        };
        let mut comment = text("comment");
        let mut value_text = match value("value") {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(shorten(&other)),
        };
        for text in [&mut comment, &mut value_text].into_iter().flatten() {
            cut(text, TEXT_BYTES_MAX);
        }
        Ok(Self {
            run_id: run_id.ok_or_else(|| {
                wrong("run_id: found none; feedback on a whole project is not kept, only feedback on runs")
            })?,
            project_id: uuid("session_id")?,
            id: uuid("id")?,
            key,
            score,
            value: value_text,
            comment,
            source: value("feedback_source")["type"].as_str().map(str::to_owned),
            is_error: value("error") == true,
        })
    }

    /// The row of kind `langsmith_feedback`. The project is that of the run where it is known here, else the one that was sent; the shared
    /// state knows most runs itself.
    pub(crate) fn row(self, project: Option<&Project>) -> Map<String, Value> {
        let project_id = project.map(|project| project.id.clone());
        let row = json!({
            "feedback_id": self.id.unwrap_or_else(|| Uuid::new_v4().to_string()),
            "run_id": self.run_id,
            "project_id": project_id.or(self.project_id),
            "project": project.and_then(|project| project.name.as_deref()),
            "key": self.key,
            "score": self.score,
            "value": self.value,
            "comment": self.comment,
            "source": self.source,
            "is_error": self.is_error,
        });
        let Value::Object(row) = row else {
            return Map::new(); // it was made as an object
        };
        row.into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect()
    }
}

fn shorten(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

fn wrong(what: &str) -> Refusal {
    Refusal::unprocessable(format!("feedback: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "019b8f3c-0000-7000-8000-000000000001";

    fn read(json: &str) -> Result<Feedback, Refusal> {
        Feedback::read(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_piece_keeps_what_was_sent_and_nothing_else() {
        let sent = format!(
            r#"{{"trace_id": "{RUN}", "key": "note", "score": true, "value": {{"a": 1}}, "comment": "", "id": "{}"}}"#,
            RUN.to_uppercase()
        );
        let row = read(&sent).unwrap().row(None);
        assert_eq!(
            Value::from(row),
            json!({"feedback_id": RUN, "run_id": RUN, "key": "note", "score": 1.0, "value": "{\"a\":1}", "is_error": false})
        );
    }

    #[test]
    fn pieces_without_an_id_are_two() {
        let row = || {
            let sent = format!(r#"{{"run_id": "{RUN}", "key": "k", "session_id": "{RUN}"}}"#);
            read(&sent).unwrap().row(None)
        };
        assert_ne!(row()["feedback_id"], row()["feedback_id"]);
        assert_eq!(row()["project_id"], RUN);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, word) in [
            (r#"{"key": "k"}"#.to_owned(), "run_id"),
            (format!(r#"{{"run_id": "{RUN}"}}"#), "key"),
            (
                format!(r#"{{"run_id": "{RUN}", "key": "k", "score": "high"}}"#),
                "score",
            ),
            (r#"{"run_id": "7", "key": "k"}"#.to_owned(), "run_id"),
        ] {
            let refusal = read(&json).unwrap_err();
            assert!(
                refusal.status == 422 && refusal.detail.contains(word),
                "{refusal}"
            );
        }
    }
}
