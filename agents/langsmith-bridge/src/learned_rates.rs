//! Responsible for what is remembered of the rates across restarts: what each class of requests was found to be allowed, and when.
//! It keeps no rate itself (`pace` does).

use std::collections::BTreeMap;
use std::time::Duration;

use agent_sdk::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pace::Pace;
use crate::request_class::RequestClass;

/// Under this name they are a part of what is remembered of each project: the limit is one for all of them.
const STORED_AS: &str = "learned_rates";

/// Rates that are below the configured ones, by the names of their classes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LearnedRates(BTreeMap<String, LearnedRate>);

/// A rate below the configured one, kept as an array to be short.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "(f64, i64, i64)", into = "(f64, i64, i64)")]
pub(crate) struct LearnedRate {
    /// Requests in 10 seconds.
    per_10s: f64,
    /// When it was learned, milliseconds since 1970 UTC.
    learned_ms: i64,
    /// The server wanted nothing before.
    closed_until_ms: i64,
}

impl From<(f64, i64, i64)> for LearnedRate {
    fn from((per_10s, learned_ms, closed_until_ms): (f64, i64, i64)) -> Self {
        Self {
            per_10s,
            learned_ms,
            closed_until_ms,
        }
    }
}

impl From<LearnedRate> for (f64, i64, i64) {
    fn from(rate: LearnedRate) -> Self {
        (rate.per_10s, rate.learned_ms, rate.closed_until_ms)
    }
}

impl LearnedRates {
    /// What earlier processes stored with any project; of each class the newest.
    pub(crate) fn stored(context: &Context) -> Self {
        let cursors = context.hello().map(|hello| &hello.cursors);
        Self::newest(cursors.into_iter().flat_map(BTreeMap::values))
    }

    fn newest<'a>(cursors: impl Iterator<Item = &'a Value>) -> Self {
        let mut newest = Self::default();
        // What is not understood is none: a rate is soon learned again.
        let stored = cursors.filter_map(|cursor| Self::deserialize(&cursor[STORED_AS]).ok());
        for (class, rate) in stored.flat_map(|stored| stored.0) {
            let known = newest.0.entry(class).or_insert(rate);
            if known.learned_ms < rate.learned_ms {
                *known = rate;
            }
        }
        newest
    }

    /// An answer may have changed the rate of `class`.
    pub(crate) fn note(&mut self, class: RequestClass, pace: &Pace, now: Duration, now_ms: i64) {
        let closed_ms = i64::try_from(pace.closed_for(now).as_millis()).unwrap_or(0);
        if !pace.is_lowered() && closed_ms == 0 {
            self.0.remove(class.name());
            return;
        }
        let rate = LearnedRate {
            per_10s: pace.learned_per_span(),
            learned_ms: now_ms,
            closed_until_ms: now_ms + closed_ms,
        };
        let known = self.0.entry(class.name().to_owned()).or_insert(rate);
        // As long as nothing changes, what was learned gets older and is not stored again.
        if known.per_10s != rate.per_10s || closed_ms > 0 {
            *known = rate;
        }
    }

    /// Takes up what was learned, as far as it is not too old by now.
    pub(crate) fn recall(&self, class: RequestClass, pace: &mut Pace, now: Duration, now_ms: i64) {
        let Some(rate) = self.0.get(class.name()) else {
            return;
        };
        let milliseconds = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        let age = milliseconds(now_ms.saturating_sub(rate.learned_ms));
        pace.recall(now, rate.per_10s, age);
        pace.close(
            now,
            milliseconds(rate.closed_until_ms.saturating_sub(now_ms)),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CLASS: RequestClass = RequestClass::RunsV2;

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn recalled(rates: &LearnedRates, now_ms: i64) -> Pace {
        let mut pace = Pace::new(10, second(5));
        rates.recall(CLASS, &mut pace, second(5), now_ms);
        pace
    }

    #[test]
    fn what_was_learned_is_taken_up_by_another_process_and_gets_old() {
        let mut pace = Pace::new(10, second(0));
        let mut rates = LearnedRates::default();
        pace.note_refusal(second(0), Some(second(30)));
        rates.note(CLASS, &pace, second(0), 1_000_000);
        let stored = serde_json::to_value(&rates).unwrap();
        let rates = LearnedRates::newest([json!({"learned_rates": stored})].iter());
        let soon = recalled(&rates, 1_010_000);
        assert_eq!(soon.learned_per_span(), 5.0);
        assert_eq!(
            soon.closed_for(second(5)),
            second(20),
            "as the server asked"
        );
        let later = recalled(&rates, 1_125_000);
        assert_eq!(
            later.learned_per_span(),
            7.0,
            "two minutes without a refusal"
        );
        assert_eq!(later.closed_for(second(5)), Duration::ZERO);
        assert_eq!(recalled(&rates, i64::MAX).learned_per_span(), 10.0);
        assert_eq!(
            recalled(&rates, 0).learned_per_span(),
            5.0,
            "a clock that went back"
        );
    }

    #[test]
    fn a_rate_that_is_whole_again_is_forgotten_and_one_that_stays_gets_older() {
        let mut pace = Pace::new(10, second(0));
        let mut rates = LearnedRates::default();
        pace.note_refusal(second(0), None);
        rates.note(CLASS, &pace, second(0), 0);
        let first = rates.clone();
        rates.note(CLASS, &pace, second(30), 30_000);
        assert_eq!(rates, first);
        let fresh = Pace::new(10, second(0));
        rates.note(CLASS, &fresh, second(40), 40_000);
        assert_eq!(rates, LearnedRates::default());
    }

    #[test]
    fn nonsense_is_bounded() {
        let with = |rate: Value| json!({"learned_rates": {"runs_v2": rate}});
        let found = |rate| recalled(&LearnedRates::newest([with(rate)].iter()), 1_000);
        assert_eq!(
            found(json!([0.0, 1_000, 0])).learned_per_span(),
            10.0 / 16.0
        );
        assert_eq!(found(json!([1e300, 1_000, 0])).learned_per_span(), 10.0);
        assert_eq!(found(json!("5")).learned_per_span(), 10.0);
        let closed = found(json!([5.0, 1_000, i64::MAX])).closed_for(second(5));
        assert_eq!(
            closed,
            second(15 * 60),
            "the longest that a server may ask for"
        );
    }

    #[test]
    fn of_several_projects_the_newest_counts() {
        let stored =
            |per_10s: f64, ms: i64| json!({"learned_rates": {"runs_v2": [per_10s, ms, 0]}});
        let cursors = [stored(2.0, 5), stored(3.0, 9), json!(null), stored(1.0, 7)];
        let rates = LearnedRates::newest(cursors.iter());
        assert_eq!(recalled(&rates, 9).learned_per_span(), 3.0);
    }
}
