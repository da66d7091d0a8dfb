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
        rows: RecordsBatch::written(rows),
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
        "start_us": T0 * 1_000, "tags": ["x"], "unknown": 1});
    send(&writer, id, "langsmith_run", vec![first], 1)
        .await
        .unwrap();
    let later = json!({"run_id": "r1", "project_id": "p", "status": "success", "end_us": T0 * 1_000 + 5, "total_tokens": 12.0,
        "total_cost": 0.00042, "prompt_cost": "0.0001", "tags": null});
    send(&writer, id, "langsmith_run", vec![later], 2)
        .await
        .unwrap();
    // A page that was read before: it must not make the run pending again.
    let stale = json!({"run_id": "r1", "project_id": "p", "status": "pending"});
    send(&writer, id, "langsmith_run", vec![stale], 3)
        .await
        .unwrap();
    let row = place.raw().query_row("SELECT status, end_us, total_tokens, total_cost, prompt_cost, tags, start_us FROM trace_runs", [], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, String>(3)?,
            row.get::<_, String>(4)?, row.get::<_, String>(5)?, row.get::<_, i64>(6)?))
    }).unwrap();
    assert_eq!(
        row,
        (
            "success".into(),
            T0 * 1_000 + 5,
            12,
            "0.00042".into(),
            "0.0001".into(),
            "[\"x\"]".into(),
            T0 * 1_000
        )
    );
    assert_eq!(
        writer.cursors(instance.agent_id).await.unwrap()["runs"],
        json!({"at": 3})
    );
    let totals =
        place.read(|snapshot| snapshot.trace_totals(1, T0 - 1, T0 + 1, &TraceFilter::default()));
    assert_eq!(
        (totals.runs, totals.roots.runs, totals.usage.total_tokens),
        (1, 1, Some(TraceSum { sum: 12, runs: 1 }))
    );
    let projects = place.read(|snapshot| snapshot.trace_projects());
    assert_eq!(
        (&*projects[0].project_id, projects[0].newest_start_us),
        ("p", Some(T0 * 1_000))
    );
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
    let id = register(&writer, "bridge").await;
    let row = json!({"run_id": "r", "project_id": "p", "status": "success", "name": "n"});
    for ts_ms in [T0, T0 + 50] {
        let batch = RecordsBatch {
            instance_id: id,
            kind: "langsmith_run".into(),
            rows: RecordsBatch::written([row.clone()]),
            cursor: None,
            ts_ms,
        };
        writer.commit(Fact::Records(batch)).await.unwrap();
    }
    assert_eq!(place.count("SELECT updated_ms FROM trace_runs"), T0);
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn every_documented_field_is_stored_and_contents_have_a_table_of_their_own() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "bridge").await;
    let sent: Value = serde_json::from_str(r#"{
        "run_id": "r", "project_id": "p", "project": "default", "trace_id": "t", "parent_run_id": "b",
        "parent_run_ids": ["a", "b"], "dotted_order": "d", "name": "chat", "run_type": "LLM", "status": "error",
        "is_root": false, "start_us": 1790000000000000, "end_us": 1790000000000004, "first_token_us": 1790000000000002, "latency_us": 3, "error": "e", "model": "m",
        "provider": "v", "prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11, "prompt_cost": "0.10",
        "completion_cost": "0.20", "total_cost": "0.30", "prompt_token_details": {"cache_read": 3},
        "completion_token_details": {"reasoning": 4}, "prompt_cost_details": {"cache_read": "0.010"},
        "completion_cost_details": {"reasoning": "0.020"}, "price_model_id": "pm", "tags": ["x"], "metadata": {"k": 1},
        "feedback": {"good": {"n": 1}}, "thread_id": "th", "reference_example_id": "re", "reference_dataset_id": "rd",
        "is_in_dataset": true, "app_path": "/o", "last_queued_us": 7, "thread_evaluation_us": 8, "ls_user_id": "u",
        "is_abandoned": false, "inputs": {"q": 1}, "outputs": [2], "events": [], "extra": {"x": 3}, "manifest": {"y": 4},
        "attachments": {"z": 5}, "inputs_preview": "q", "outputs_preview": "2", "error_preview": "e"
    }"#).unwrap();
    send(&writer, id, "langsmith_run", vec![sent.clone()], 1)
        .await
        .unwrap();
    // Contents, too, are not erased by a row that does not tell them.
    let later = json!({"run_id": "r", "project_id": "p", "outputs": [3], "inputs": null});
    send(&writer, id, "langsmith_run", vec![later], 2)
        .await
        .unwrap();
    let connection = place.raw();
    let mut statement = connection
        .prepare("SELECT p.project_id, p.name AS project, r.*, c.* FROM trace_runs r JOIN trace_projects p USING (project_no)
            JOIN trace_run_contents c USING (run_no)")
        .unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let stored: Vec<rusqlite::types::Value> = statement
        .query_row([], |row| (0..names.len()).map(|n| row.get(n)).collect())
        .unwrap();
    for (name, value) in sent.as_object().unwrap() {
        let column = names.iter().position(|column| column == name).unwrap();
        let expected = match (name.as_str(), value) {
            ("run_type", _) => "llm".to_owned().into(),
            ("outputs", _) => "[3]".to_owned().into(),
            (_, Value::String(text)) => text.clone().into(),
            (_, Value::Bool(flag)) => i64::from(*flag).into(),
            (_, Value::Number(number)) => number.as_i64().unwrap().into(),
            (_, json) => json.to_string().into(),
        };
        assert_eq!(stored[column], expected, "{name}");
    }
    assert_eq!(names.len(), 2 + 46 + 10, "and no column is untested");
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn a_project_states_the_present_and_a_day_its_check() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "bridge").await;
    let project = json!({"project_id": "p", "name": "default", "source": "langsmith", "api": "v2", "gaps": [[1, 2]],
        "error": "no answer", "requests_per_10s": 7.5});
    let later = json!({"project_id": "p", "gaps": null, "error": "", "watermark_ms": T0});
    send(&writer, id, "langsmith_project", vec![project, later], 1)
        .await
        .unwrap();
    let row: (String, Option<String>, String, i64, f64) = place
        .raw()
        .query_row(
            "SELECT name, gaps, error, watermark_ms, requests_per_10s FROM trace_projects",
            [],
            |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            },
        )
        .unwrap();
    assert_eq!(row, ("default".into(), None, String::new(), T0, 7.5));
    let day: i64 = 86_400_000 * 20_000;
    for (server, read) in [(Some(7), Some(6)), (None, Some(7))] {
        let check =
            json!({"project_id": "p", "day_ms": day, "server_runs": server, "read_runs": read});
        send(&writer, id, "langsmith_day_check", vec![check], 2)
            .await
            .unwrap();
    }
    let check = "SELECT server_runs * 10 + read_runs FROM trace_day_checks";
    assert_eq!(place.count(check), 77);
    let odd = json!({"project_id": "p", "day_ms": day + 1});
    let error = send(&writer, id, "langsmith_day_check", vec![odd], 3)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("row 0: day_ms"), "{error}");
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

fn piece(id: &str, run: &str, more: &Value) -> Value {
    let mut piece = json!({"feedback_id": id, "run_id": run, "key": "good"});
    piece
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    piece
}

#[tokio::test]
async fn pieces_of_feedback_add_up_each_once_in_the_run_and_in_its_roll_ups() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "collector").await;
    let run = json!({"run_id": "r", "project_id": "p", "run_type": "llm", "status": "success", "start_us": T0 * 1_000});
    send(&writer, id, "langsmith_run", vec![run], 1)
        .await
        .unwrap();
    let pieces = vec![
        piece(
            "1",
            "r",
            &json!({"score": 1, "comment": "why", "source": "api"}),
        ),
        piece("2", "r", &json!({"score": 0.25})),
        piece(
            "3",
            "r",
            &json!({"key": "note", "value": "fine", "is_error": true}),
        ),
    ];
    send(&writer, id, "langsmith_feedback", pieces, 2)
        .await
        .unwrap();
    // Sent again, and changed.
    let changed = piece("2", "r", &json!({"score": 0.5, "source": "app"}));
    send(&writer, id, "langsmith_feedback", vec![changed], 3)
        .await
        .unwrap();
    let text: String = place
        .raw()
        .query_row("SELECT feedback FROM trace_runs", [], |row| row.get(0))
        .unwrap();
    let stats: Value = serde_json::from_str(&text).unwrap();
    let spread = (0.125_f64).sqrt();
    assert_eq!(
        stats["good"],
        json!({"n": 2, "avg": 0.75, "min": 0.5, "max": 1.0, "stdev": spread, "values": {}, "comments": ["why"],
            "sources": ["api", "app"], "errors": 0, "contains_thread_feedback": false})
    );
    assert_eq!(
        (
            &stats["note"]["n"],
            &stats["note"]["avg"],
            &stats["note"]["values"],
            &stats["note"]["errors"]
        ),
        (&json!(1), &Value::Null, &json!({"fine": 1}), &json!(1))
    );
    let text: String = place
        .raw()
        .query_row("SELECT feedback FROM trace_days", [], |row| row.get(0))
        .unwrap();
    let counted: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (
            &counted["good"][0],
            &counted["good"][2],
            &counted["note"][0]
        ),
        (&json!(2), &json!("1.5"), &json!(1))
    );
    assert_eq!(place.count("SELECT count(*) FROM trace_feedback"), 3);
    place
        .raw()
        .execute_batch("PRAGMA foreign_keys = ON; DELETE FROM trace_runs")
        .unwrap();
    assert_eq!(
        place.count("SELECT count(*) FROM trace_feedback"),
        0,
        "it goes with its run"
    );
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn feedback_needs_a_run_or_a_project_and_has_a_bound_and_what_is_refused_leaves_nothing() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "collector").await;
    let send_all = |pieces: Vec<Value>| send(&writer, id, "langsmith_feedback", pieces, 1);
    let named = || piece("1", "r", &json!({"project_id": "p"}));
    let error = send_all(vec![named(), piece("2", "other", &json!({}))])
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("run other is not known"),
        "{error}"
    );
    assert_eq!(place.count("SELECT count(*) FROM trace_runs"), 0);
    send_all(vec![named()]).await.unwrap();
    // The run is known by now, and stays in its project.
    let elsewhere = piece("2", "r", &json!({"project_id": "q"}));
    send_all(vec![elsewhere, piece("3", "r", &json!({}))])
        .await
        .unwrap();
    assert_eq!(place.count("SELECT count(*) FROM trace_runs JOIN trace_projects USING (project_no) WHERE project_id = 'p'"), 1);
    let many = |from: usize, to: usize| {
        (from..=to)
            .map(|n| piece(&n.to_string(), "r", &json!({})))
            .collect::<Vec<_>>()
    };
    send_all(many(4, 200)).await.unwrap();
    let error = send_all(many(200, 201)).await.unwrap_err();
    assert!(error.to_string().contains("more than 200"), "{error}");
    send_all(many(1, 200)).await.unwrap();
    assert_eq!(place.count("SELECT count(*) FROM trace_feedback"), 200);
    for odd in [
        json!({"feedback_id": "1", "run_id": "r"}),
        json!({"feedback_id": "1", "run_id": "r", "key": "k", "score": "high"}),
    ] {
        assert!(send_all(vec![odd]).await.is_err());
    }
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}
