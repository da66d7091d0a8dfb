//! Responsible for feedback on runs: what was sent, and the figures by key that LangSmith calls `feedback_stats`.
//! It does not know the runs.

use std::collections::BTreeMap;

use langsmith_values::{cut, is_uuid};
use serde_json::{Map, Value, json};

use crate::refusal::Refusal;
use crate::submission::Fields;

/// Pieces of feedback that are remembered for one run; more come only from programs that loop.
const PIECES_MAX: usize = 200;

/// Comments that are kept for one key, and how long each may be.
const COMMENTS_MAX: usize = 10;
const COMMENT_BYTES_MAX: usize = 500;

/// One piece of feedback.
#[derive(Clone, Debug, PartialEq)]
pub struct Feedback {
    /// The run that it is about.
    pub run_id: String,
    /// The run's project, where it was sent.
    pub project_id: Option<String>,
    /// Identifies the piece: sent again it replaces itself.
    pub id: String,
    /// What was judged.
    pub key: String,
    score: Option<f64>,
    value: Option<String>,
    comment: Option<String>,
    source: Option<String>,
    is_error: bool,
}

impl Feedback {
    /// Reads what was sent; `number` stands for the id where none was sent.
    pub fn read(fields: &Fields<'_>, number: u64) -> Result<Self, Refusal> {
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
        if let Some(comment) = &mut comment {
            cut(comment, COMMENT_BYTES_MAX);
        }
        Ok(Self {
            run_id: run_id.ok_or_else(|| {
                wrong("run_id: found none; feedback on a whole project is not kept, only feedback on runs")
            })?,
            project_id: uuid("session_id")?,
            id: uuid("id")?.unwrap_or_else(|| format!("{number}")),
            key,
            score,
            value: match value("value") {
                Value::Null => None,
                Value::String(text) => Some(text),
                other => Some(shorten(&other)),
            },
            comment,
            source: value("feedback_source")["type"].as_str().map(str::to_owned),
            is_error: value("error") == true,
        })
    }
}

/// The feedback on one run.
#[derive(Clone, Debug, Default)]
pub struct Scores(BTreeMap<String, Feedback>);

impl Scores {
    /// Adds a piece, or replaces it.
    pub fn add(&mut self, feedback: Feedback) -> Result<(), Refusal> {
        let pieces = &mut self.0;
        if pieces.len() >= PIECES_MAX && !pieces.contains_key(&feedback.id) {
            return Err(wrong(&format!(
                "run {}: has {PIECES_MAX} pieces of feedback already",
                feedback.run_id
            )));
        }
        pieces.insert(feedback.id.clone(), feedback);
        Ok(())
    }

    /// By key, in the form of LangSmith's `feedback_stats`.
    pub fn stats(&self) -> Map<String, Value> {
        let mut by_key: BTreeMap<&str, Vec<&Feedback>> = BTreeMap::new();
        for feedback in self.0.values() {
            by_key.entry(&feedback.key).or_default().push(feedback);
        }
        by_key
            .into_iter()
            .map(|(key, pieces)| (key.to_owned(), stats_of(&pieces)))
            .collect()
    }
}

fn stats_of(pieces: &[&Feedback]) -> Value {
    let scores: Vec<f64> = pieces.iter().filter_map(|piece| piece.score).collect();
    #[expect(clippy::cast_precision_loss, reason = "at most PIECES_MAX")]
    let count = scores.len() as f64;
    let mean = (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / count);
    // That of a sample, as LangSmith gives it: one score alone has none.
    let spread = |mean: f64| {
        let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
        (scores.len() > 1).then(|| (squares / (count - 1.0)).sqrt())
    };
    let mut values: BTreeMap<&str, u64> = BTreeMap::new();
    let mut sources: BTreeMap<&str, u64> = BTreeMap::new();
    for piece in pieces {
        if let Some(value) = &piece.value {
            *values.entry(value).or_default() += 1;
        }
        if let Some(source) = &piece.source {
            *sources.entry(source).or_default() += 1;
        }
    }
    let comments: Vec<&str> = pieces
        .iter()
        .filter_map(|piece| piece.comment.as_deref())
        .take(COMMENTS_MAX)
        .collect();
    json!({
        "n": match (scores.len(), values.values().sum()) {
            (0, 0) => pieces.len() as u64,
            (0, values) => values,
            (scores, _) => scores as u64,
        },
        "avg": mean,
        "min": scores.iter().copied().reduce(f64::min),
        "max": scores.iter().copied().reduce(f64::max),
        "stdev": mean.and_then(spread),
        "values": values,
        "comments": comments,
        "sources": sources.into_keys().collect::<Vec<_>>(),
        "errors": pieces.iter().filter(|piece| piece.is_error).count(),
        "contains_thread_feedback": false,
    })
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
        Feedback::read(&serde_json::from_str(json).unwrap(), 1)
    }

    #[test]
    fn the_figures_are_those_of_the_scores() {
        let mut scores = Scores::default();
        for (id, score) in [("1", "1"), ("2", "true"), ("3", "0.5"), ("3", "0")] {
            let id = format!("019b8f3c-0000-7000-8000-00000000000{id}");
            let json = format!(
                r#"{{"id": "{id}", "run_id": "{RUN}", "key": "good", "score": {score}, "value": "v", "comment": "why"}}"#
            );
            scores.add(read(&json).unwrap()).unwrap();
        }
        let stats = &scores.stats()["good"];
        assert_eq!(
            (&stats["n"], &stats["min"], &stats["max"]),
            (&json!(3), &json!(0.0), &json!(1.0))
        );
        assert!((stats["avg"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((stats["stdev"].as_f64().unwrap() - (1.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(stats["values"], json!({"v": 3}));
    }

    #[test]
    fn feedback_without_a_score_has_no_mean() {
        let mut scores = Scores::default();
        scores
            .add(
                read(&format!(
                    r#"{{"trace_id": "{RUN}", "key": "note", "comment": "fine"}}"#
                ))
                .unwrap(),
            )
            .unwrap();
        let stats = &scores.stats()["note"];
        assert_eq!((&stats["n"], &stats["avg"]), (&json!(1), &Value::Null));
        assert_eq!(stats["comments"], json!(["fine"]));
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
