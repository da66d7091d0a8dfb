//! Responsible for cutting rows into batches that each fit a line of the wire, the last with room for the cursor.
//! It does not send them.

use agent_protocol::LINE_BYTES_MAX;
use serde_json::Value;

/// Room for what surrounds rows and cursor on a line, generously.
const ENVELOPE_BYTES: usize = 512;

/// A batch ends at this size although the line allows more: the coordinator then handles it in one short turn.
const ROWS_BYTES_MAX: usize = 128 * 1024;

/// Rows of one `records` message.
#[derive(Debug, PartialEq)]
pub(crate) struct Batch {
    /// In the order they came in.
    pub(crate) rows: Vec<Value>,
    /// Whether the cursor goes with it; true for the last, and for no other.
    pub(crate) is_last: bool,
}

/// All rows in order. There is always a last batch, with no rows if need be, for the cursor to go with.
/// `cursor_bytes` is the size of the cursor as JSON.
pub(crate) fn cut_into_batches(rows: Vec<Value>, cursor_bytes: usize) -> Vec<Batch> {
    let last_bytes_max = LINE_BYTES_MAX.saturating_sub(cursor_bytes + ENVELOPE_BYTES);
    let bytes_max = ROWS_BYTES_MAX.min(last_bytes_max);
    let mut batches = Vec::new();
    let mut current = Vec::new();
    let mut current_bytes = 0;
    for row in rows {
        let row_bytes = row.to_string().len() + 1;
        if current_bytes + row_bytes > bytes_max && !current.is_empty() {
            batches.push(Batch { rows: std::mem::take(&mut current), is_last: false });
            current_bytes = 0;
        }
        current_bytes += row_bytes;
        current.push(row);
    }
    if current_bytes > last_bytes_max {
        batches.push(Batch { rows: std::mem::take(&mut current), is_last: false });
    }
    batches.push(Batch { rows: current, is_last: true });
    batches
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_row_is_in_one_batch_and_only_the_last_takes_the_cursor() {
        let random = &mut fastrand::Rng::with_seed(7);
        for _ in 0..50 {
            let rows: Vec<_> = (0..random.usize(0..300)).map(|n| json!({"n": n, "text": "x".repeat(random.usize(0..5_000))})).collect();
            let cursor_bytes = random.usize(0..110 * 1024);
            let batches = cut_into_batches(rows.clone(), cursor_bytes);
            for (place, batch) in batches.iter().enumerate() {
                let is_last = place + 1 == batches.len();
                assert_eq!(batch.is_last, is_last);
                let bytes = json!(batch.rows).to_string().len() + if is_last { cursor_bytes } else { 0 };
                assert!(bytes + ENVELOPE_BYTES <= LINE_BYTES_MAX);
            }
            let joined: Vec<_> = batches.into_iter().flat_map(|batch| batch.rows).collect();
            assert_eq!(joined, rows);
        }
    }

    #[test]
    fn no_rows_are_still_a_batch_for_the_cursor() {
        assert_eq!(cut_into_batches(Vec::new(), 10), [Batch { rows: vec![], is_last: true }]);
    }
}
