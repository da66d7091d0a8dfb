//! Tests of the real `langsmith-bridge` against a LangSmith server that keeps the published contract.
//! They do not involve the coordinator: a small one here hands out cursors and keeps what it acknowledges.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod agents_files;
mod announcements;
mod checking;
mod coordinator;
mod crashes;
mod deadlines;
mod following;
mod fresh;
mod pulling;
mod rates;
mod refusals;
mod standalone;
mod sweeps;
mod troubles;
mod unknown_fields;
mod versions;
mod watched;

use std::time::Duration;

/// Longest wait for anything that should happen soon; a loaded machine of two cores needs some of it.
const SOON: Duration = Duration::from_secs(30);

/// This machine's clock.
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
