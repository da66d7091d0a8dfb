//! Responsible for knowing which rows the coordinator already has, so that an overlap is not stored again and again.
//! It is only a saving: forgetting everything costs nothing but work, and a restart does forget.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Most rows that are remembered, some 20 MB. Beyond, all are forgotten at once.
const ROWS_MAX: usize = 200_000;

/// Fingerprints of acknowledged rows by run id.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    by_run: HashMap<String, u64>,
}

impl Sent {
    /// Whether exactly this row was acknowledged before.
    pub(crate) fn has(&self, run_id: &str, row: &str) -> bool {
        self.by_run.get(run_id) == Some(&fingerprint(row))
    }

    /// The row was acknowledged.
    pub(crate) fn note(&mut self, run_id: &str, row: &str) {
        if self.by_run.len() >= ROWS_MAX {
            self.by_run.clear();
        }
        self.by_run.insert(run_id.to_owned(), fingerprint(row));
    }
}

fn fingerprint(row: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_row_of_the_same_run_was_sent() {
        let mut sent = Sent::default();
        sent.note("a", "row");
        assert!(sent.has("a", "row") && !sent.has("a", "other") && !sent.has("b", "row"));
    }
}
