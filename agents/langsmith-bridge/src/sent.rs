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

/// Stands for a row. Two of 64 bits would have to agree by accident for a row to be taken for another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fingerprint {
    run: u64,
    row: u64,
}

impl Fingerprint {
    /// Of a run's id and its row in JSON.
    pub(crate) fn of(run_id: &str, json: &str) -> Self {
        let print = |text: &str| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        Self {
            run: print(run_id),
            row: print(json),
        }
    }
}

impl Sent {
    /// Whether exactly this row was acknowledged before.
    pub(crate) fn has(&self, row: &WrittenRow) -> bool {
        self.by_run.get(&row.print.run) == Some(&row.print.row)
    }

    /// The row was acknowledged.
    pub(crate) fn note(&mut self, row: &WrittenRow) {
        if self.by_run.len() >= ROWS_MAX {
            self.by_run.clear();
        }
        self.by_run.insert(row.print.run, row.print.row);
    }
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
