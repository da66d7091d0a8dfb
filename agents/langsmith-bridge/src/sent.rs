//! Responsible for knowing which rows the coordinator already has, so that an overlap is not stored again and again.
//! It is only a saving: forgetting everything costs nothing but work, and a restart does forget.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::run_row::WrittenRow;

/// Most rows that are remembered, some 10 MB. Beyond, all are forgotten at once.
const ROWS_MAX: usize = 200_000;

/// Fingerprints of acknowledged rows by that of their run's id.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    by_run: HashMap<u64, u64>,
}

impl Sent {
    /// Whether exactly this row was acknowledged before. Two fingerprints of 64 bits would have to agree by accident for
    /// a row to be taken for another.
    pub(crate) fn has(&self, row: &WrittenRow) -> bool {
        self.by_run.get(&fingerprint(&row.run_id)) == Some(&fingerprint(row.json.get()))
    }

    /// The row was acknowledged.
    pub(crate) fn note(&mut self, row: &WrittenRow) {
        if self.by_run.len() >= ROWS_MAX {
            self.by_run.clear();
        }
        let row_print = fingerprint(row.json.get());
        self.by_run.insert(fingerprint(&row.run_id), row_print);
    }
}

fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_row::RunRow;

    fn row(run_id: &str, name: &str) -> WrittenRow {
        let row = RunRow {
            run_id: run_id.into(),
            name: Some(name.into()),
            ..RunRow::default()
        };
        row.write().0
    }

    #[test]
    fn only_the_same_row_of_the_same_run_was_sent() {
        let mut sent = Sent::default();
        sent.note(&row("a", "row"));
        assert!(sent.has(&row("a", "row")));
        assert!(!sent.has(&row("a", "other")) && !sent.has(&row("b", "row")));
    }
}
