//! Responsible for `--dry-run`: counting what would be stored.
//! It stores nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::timestamp::format_ms;

/// What has been seen of the rows that would be stored.
#[derive(Debug, Default)]
pub(crate) struct DryRun {
    rows: u64,
    by_type: BTreeMap<String, u64>,
    pending: u64,
    failed: u64,
    /// Starts of the oldest and the newest run.
    span_ms: Option<(i64, i64)>,
}

impl DryRun {
    /// This row would be stored.
    pub(crate) fn note(&mut self, row: &Value) {
        self.rows += 1;
        let run_type = row["run_type"].as_str().unwrap_or("of no type");
        *self.by_type.entry(run_type.to_owned()).or_default() += 1;
        self.pending += u64::from(row["status"] == "pending");
        self.failed += u64::from(row["status"] == "error");
        let start_us = row["start_us"].as_i64();
        let start_ms = start_us.map(|us| us.div_euclid(1_000));
        if let Some(ms) = start_ms.or(row["start_ms"].as_i64()) {
            let (oldest, newest) = self.span_ms.unwrap_or((ms, ms));
            self.span_ms = Some((oldest.min(ms), newest.max(ms)));
        }
    }

    /// One line for people.
    pub(crate) fn describe(&self) -> String {
        let Some((oldest, newest)) = self.span_ms else {
            return "dry run: nothing to store so far".into();
        };
        let types = self.by_type.iter();
        let types: Vec<String> = types
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        format!(
            "dry run: would store {} rows of runs that began from {} to {}: {}; {} failed, {} pending; nothing is stored",
            self.rows,
            format_ms(oldest),
            format_ms(newest),
            types.join(", "),
            self.failed,
            self.pending
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_be_stored_is_counted_by_type_and_status() {
        let mut dry_run = DryRun::default();
        assert!(dry_run.describe().contains("nothing to store"));
        dry_run.note(
            &json!({"run_type": "llm", "status": "error", "start_us": 1_767_631_561_068_924_i64}),
        );
        dry_run.note(
            &json!({"run_type": "llm", "status": "pending", "start_us": 1_767_631_560_000_000_i64}),
        );
        dry_run.note(&json!({"run_type": "tool", "status": "success", "start_us": 1_767_631_561_000_000_i64}));
        assert_eq!(
            dry_run.describe(),
            "dry run: would store 3 rows of runs that began from 2026-01-05T16:46:00.000Z to 2026-01-05T16:46:01.068Z: \
             2 llm, 1 tool; 1 failed, 1 pending; nothing is stored"
        );
    }
}
