//! What the runs of one series in one period come to: counts, histograms, sums. Exact, so that what one run adds can be
//! taken out again. It runs no query.

mod amount;
mod histogram;

use std::collections::BTreeMap;

use bigdecimal::{BigDecimal, Zero};
use serde_json::{Map, Value, json};

pub(crate) use amount::{Amount, Decimal};
pub(crate) use histogram::{Histogram, Union, bound_of_blob, entries};

/// A sum, and of how many runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum<T> {
    pub(crate) sum: T,
    pub(crate) runs: i64,
}

/// A feedback key: how often it was given, how often with a score, and the scores' sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Feedback {
    pub(crate) count: i64,
    pub(crate) scored: i64,
    pub(crate) sum: BigDecimal,
}

/// Prompt, completion, total.
pub(crate) const KINDS: usize = 3;

/// What the runs of one series in one period come to; or a difference of such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rollup {
    pub(crate) runs: i64,
    pub(crate) errors: i64,
    pub(crate) pending: i64,
    pub(crate) latencies: Histogram,
    pub(crate) first_tokens: Histogram,
    pub(crate) tokens: [Sum<i64>; KINDS],
    pub(crate) costs: [Sum<BigDecimal>; KINDS],
    pub(crate) feedback: BTreeMap<String, Feedback>,
}

impl Rollup {
    /// Adds all of another one.
    pub(crate) fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.errors += other.errors;
        self.pending += other.pending;
        self.latencies.add(&other.latencies);
        self.first_tokens.add(&other.first_tokens);
        for (mine, theirs) in self.tokens.iter_mut().zip(&other.tokens) {
            mine.sum += theirs.sum;
            mine.runs += theirs.runs;
        }
        for (mine, theirs) in self.costs.iter_mut().zip(&other.costs) {
            if theirs.runs != 0 || !theirs.sum.is_zero() {
                mine.sum += &theirs.sum;
                mine.runs += theirs.runs;
            }
        }
        for (key, theirs) in &other.feedback {
            self.give(key, theirs.count, theirs.scored, &theirs.sum);
        }
    }

    /// Counts feedback; a key of which nothing is left goes.
    pub(crate) fn give(&mut self, key: &str, count: i64, scored: i64, sum: &BigDecimal) {
        let mine = match self.feedback.get_mut(key) {
            Some(mine) => mine,
            None => self.feedback.entry(key.to_owned()).or_default(),
        };
        mine.count += count;
        mine.scored += scored;
        mine.sum += sum;
        if mine.count == 0 && mine.scored == 0 && mine.sum.is_zero() {
            self.feedback.remove(key);
        }
    }
}

/// A decimal in its one shortest plain form, so that the same amount is always the same text.
pub(crate) fn plain(amount: &BigDecimal) -> String {
    match amount.is_zero() {
        true => "0".to_owned(),
        false => amount.normalized().to_plain_string(),
    }
}

/// A decimal that this crate wrote.
pub(crate) fn parse(text: &str) -> BigDecimal {
    text.parse().unwrap_or_default()
}

/// `{"KEY": [COUNT, SCORED, "SUM"]}`, or nothing.
pub(crate) fn feedback_to_json(feedback: &BTreeMap<String, Feedback>) -> Option<String> {
    if feedback.is_empty() {
        return None;
    }
    let keys: Map<String, Value> = feedback
        .iter()
        .map(|(key, given)| {
            (
                key.clone(),
                json!([given.count, given.scored, plain(&given.sum)]),
            )
        })
        .collect();
    Some(Value::Object(keys).to_string())
}

/// Reads what [`feedback_to_json`] wrote.
pub(crate) fn feedback_from_json(text: &str) -> BTreeMap<String, Feedback> {
    let keys: BTreeMap<String, (i64, i64, String)> = serde_json::from_str(text).unwrap_or_default();
    keys.into_iter()
        .map(|(key, (count, scored, sum))| {
            let sum = parse(&sum);
            (key, Feedback { count, scored, sum })
        })
        .collect()
}
