//! A message of many rows is stored at once, whatever else is gathered.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::time::Duration;

use common::*;
use serde_json::json;
use shared_state::*;

#[tokio::test]
async fn a_large_message_is_stored_without_waiting_for_others() {
    let place = place();
    let Opened { writer, thread, .. } = place.open_with(WriterOptions::default());
    let instance_id = register(&writer, "a").await;
    thread.join(Duration::from_secs(10)).unwrap();
    let options = WriterOptions {
        group_commit: Duration::from_secs(3_600),
        ..WriterOptions::default()
    };
    let Opened { writer, thread, .. } = place.open_with(options);
    let row = |n: usize| json!({"run_id": format!("r{n}"), "project_id": "p"});
    let send = |rows: usize| {
        let writer = writer.clone();
        let batch = RecordsBatch {
            instance_id,
            kind: "langsmith_run".into(),
            rows: RecordsBatch::written((0..rows).map(row)),
            cursor: None,
            ts_ms: T0,
        };
        tokio::spawn(async move { writer.commit(Fact::Records(batch)).await })
    };
    let small = send(1);
    // It takes the small one, which would have waited for an hour, along.
    let large = tokio::time::timeout(Duration::from_secs(30), send(1_000)).await;
    large.expect("soon").unwrap().unwrap();
    small.await.unwrap().unwrap();
    thread.join(Duration::from_secs(10)).unwrap();
}
