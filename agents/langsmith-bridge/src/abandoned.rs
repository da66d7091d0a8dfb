//! Responsible for which runs of a project were given up: they did not end in time, are no longer asked for, and were not seen
//! to end since. It decides of no run whether it is one of them (`following` does).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Most runs that are told apart; the count goes no further. They are remembered with the rows, and a line has an end.
pub(crate) const ABANDONED_MAX: usize = 1_000;

/// As much of a UUID as is random in each of its versions.
const DIGITS: usize = 12;

/// The runs that were given up, each by the last digits of its id. Stored as one text, to be short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct AbandonedRuns(BTreeSet<u64>);

impl AbandonedRuns {
    /// A row of this run says whether it was given up. True if that is news, which nothing is once there are too many.
    pub(crate) fn note(&mut self, run_id: &str, is_abandoned: bool) -> bool {
        let Some(digits) = last_digits(run_id) else {
            return false; // no row has such an id
        };
        if !is_abandoned {
            self.0.remove(&digits);
            return false;
        }
        self.0.len() < ABANDONED_MAX && self.0.insert(digits)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> i64 {
        i64::try_from(self.0.len()).expect("a bounded set")
    }
}

fn last_digits(run_id: &str) -> Option<u64> {
    let begin = run_id.len().checked_sub(DIGITS)?;
    u64::from_str_radix(run_id.get(begin..)?, 16).ok()
}

impl From<AbandonedRuns> for String {
    fn from(runs: AbandonedRuns) -> Self {
        let digits = runs.0.into_iter().map(|digits| format!("{digits:012x}"));
        digits.collect()
    }
}

/// The stored text is not one of ours.
#[derive(Debug, thiserror::Error)]
#[error("the runs that were given up are not groups of {DIGITS} hexadecimal digits")]
pub(crate) struct NotDigits;

impl TryFrom<String> for AbandonedRuns {
    type Error = NotDigits;

    fn try_from(text: String) -> Result<Self, NotDigits> {
        let groups = text.as_bytes().chunks(DIGITS);
        let group = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).ok()?;
            last_digits(text)
        };
        let runs: Option<BTreeSet<u64>> = groups.map(group).collect();
        runs.map(Self).ok_or(NotDigits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> String {
        format!("019ab3c2-0000-7000-8000-{n:012x}")
    }

    #[test]
    fn a_run_counts_once_and_until_it_is_seen_to_end() {
        let mut runs = AbandonedRuns::default();
        assert!(runs.note(&id(1), true) && runs.note(&id(2), true));
        assert!(!runs.note(&id(1), true), "known");
        assert!(!runs.note(&id(3), false) && !runs.note(&id(1), false));
        assert_eq!(runs.count(), 1);
        assert!(runs.note(&id(1), true), "given up again");
    }

    #[test]
    fn a_stored_text_reads_back_and_another_is_refused() {
        let mut runs = AbandonedRuns::default();
        for n in [0, 7, 0xffff_ffff_ffff] {
            runs.note(&id(n), true);
        }
        let text = String::from(runs.clone());
        assert_eq!(text.len(), 3 * DIGITS);
        assert_eq!(AbandonedRuns::try_from(text).unwrap(), runs);
        for wrong in ["0", "00000000000g", "000000000000ü"] {
            assert!(
                AbandonedRuns::try_from(wrong.to_owned()).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_count_has_an_end() {
        let mut runs = AbandonedRuns::default();
        for n in 0..ABANDONED_MAX + 10 {
            assert_eq!(runs.note(&id(n), true), n < ABANDONED_MAX);
        }
        assert_eq!(runs.count(), 1_000);
    }
}
