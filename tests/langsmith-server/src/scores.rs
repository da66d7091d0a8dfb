//! The figures that LangSmith calls `feedback_stats`, from all pieces of feedback on a run. It shares no code with what the shared state
//! makes of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use trace_collector::Feedback;

/// Comments that are kept for one key.
const COMMENTS_MAX: usize = 10;

/// The feedback on one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scores(BTreeMap<String, Feedback>);

impl Scores {
    /// Adds a piece, or replaces it.
    pub(crate) fn add(&mut self, id: String, feedback: Feedback) {
        self.0.insert(id, feedback);
    }

    /// By key, in the form of LangSmith's `feedback_stats`.
    pub(crate) fn stats(&self) -> Map<String, Value> {
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
    #[expect(clippy::cast_precision_loss, reason = "a test gives a few")]
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
