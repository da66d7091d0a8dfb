//! LangSmith runs: what is known is never erased, the cursor moves with the rows or not at all.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use common::*;
use serde_json::{Value, json};
use shared_state::*;

async fn send(
    writer: &Writer,
    instance_id: i64,
    kind: &str,
    rows: Vec<Value>,
    cursor: i64,
) -> Result<(), WriteError> {
    let cursor = Some(("runs".to_owned(), json!({"at": cursor})));
    let batch = RecordsBatch {
        instance_id,
        kind: kind.into(),
        rows,
        cursor,
        ts_ms: T0 + 1,
    };
    writer.commit(Fact::Records(batch)).await
}

#[tokio::test]
async fn runs_are_upserted_together_with_the_cursor() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let instance = writer
        .register_agents(vec![agent("bridge", 1)], T0)
        .await
        .unwrap()
        .remove(0);
    let id = instance.instance_id;
    let first = json!({"run_id": "r1", "project_id": "p", "run_type": "llm", "status": "pending", "is_root": true,
        "start_ms": T0, "tags": ["x"], "unknown": 1});
    send(&writer, id, "langsmith_run", vec![first], 1)
        .await
        .unwrap();
    let later = json!({"run_id": "r1", "project_id": "p", "status": "success", "end_ms": T0 + 5, "total_tokens": 12.0,
        "total_cost": 0.00042, "prompt_cost": "0.0001", "tags": null});
    send(&writer, id, "langsmith_run", vec![later], 2)
        .await
        .unwrap();
    // A page that was read before: it must not make the run pending again.
    let stale = json!({"run_id": "r1", "project_id": "p", "status": "pending"});
    send(&writer, id, "langsmith_run", vec![stale], 3)
        .await
        .unwrap();
    let row = place.raw().query_row("SELECT status, end_ms, total_tokens, total_cost, prompt_cost, tags, start_ms FROM trace_runs", [], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, String>(3)?,
            row.get::<_, String>(4)?, row.get::<_, String>(5)?, row.get::<_, i64>(6)?))
    }).unwrap();
    assert_eq!(
        row,
        (
            "success".into(),
            T0 + 5,
            12,
            "0.00042".into(),
            "0.0001".into(),
            "[\"x\"]".into(),
            T0
        )
    );
    assert_eq!(
        writer.cursors(instance.agent_id).await.unwrap()["runs"],
        json!({"at": 3})
    );
    let summary = place.read(|snapshot| snapshot.trace_summary("p", T0 - 1, T0 + 1));
    assert_eq!(
        (summary.runs, summary.roots, summary.total_tokens),
        (1, 1, Some(12))
    );
    assert_eq!(place.read(|snapshot| snapshot.trace_projects()), ["p"]);
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn a_refused_batch_leaves_neither_row_nor_cursor() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let instance = writer
        .register_agents(vec![agent("bridge", 1)], T0)
        .await
        .unwrap()
        .remove(0);
    let good = json!({"run_id": "r1", "project_id": "p"});
    for (kind, bad, reason) in [
        (
            "langsmith_run",
            json!({"run_id": "r2"}),
            "row 1: project_id",
        ),
        (
            "langsmith_run",
            json!({"run_id": "r2", "project_id": "p", "status": "odd"}),
            "row 1: status",
        ),
        (
            "langsmith_run",
            json!({"run_id": "r2", "project_id": "p", "total_tokens": 1.5}),
            "row 1: total_tokens",
        ),
        ("langsmith_run", json!("text"), "row 1 is not an object"),
        ("other", good.clone(), "records of kind"),
    ] {
        let error = send(
            &writer,
            instance.instance_id,
            kind,
            vec![good.clone(), bad],
            9,
        )
        .await
        .unwrap_err();
        assert!(
            !error.is_retryable() && error.to_string().contains(reason),
            "{error} tells {reason}"
        );
    }
    assert_eq!(place.count("SELECT count(*) FROM trace_runs"), 0);
    assert!(writer.cursors(instance.agent_id).await.unwrap().is_empty());
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn the_time_of_change_moves_only_with_a_change() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = writer
        .register_agents(vec![agent("bridge", 1)], T0)
        .await
        .unwrap()[0]
        .instance_id;
    let row = json!({"run_id": "r", "project_id": "p", "status": "success", "name": "n"});
    for ts_ms in [T0, T0 + 50] {
        let batch = RecordsBatch {
            instance_id: id,
            kind: "langsmith_run".into(),
            rows: vec![row.clone()],
            cursor: None,
            ts_ms,
        };
        writer.commit(Fact::Records(batch)).await.unwrap();
    }
    assert_eq!(place.count("SELECT updated_ms FROM trace_runs"), T0);
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}
