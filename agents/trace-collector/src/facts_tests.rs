//! Tests of what a run says about itself: each rule once, and the words in which wrong fields are refused.
//! They do not test how requests are taken apart.

use serde_json::json;

use super::*;
use crate::project::project_id;
use crate::submission::{Operation, Submission};

const ROOT: &str = "019b8f3c-0000-7000-8000-000000000001";
const CHILD: &str = "019b8f3c-0000-7000-8000-000000000002";
const START: i64 = 1_767_631_561_068_924;

fn read_as(operation: Operation, fields: &Value, contents: &Contents) -> Result<RunRow, Refusal> {
    let body = fields.to_string();
    let id = fields["id"].as_str();
    let submission = Submission::of_run(body.as_bytes(), operation, id)?;
    read_run(&submission.runs[0], contents)
}

/// A child run with these further fields.
fn read(more: &Value) -> Result<RunRow, Refusal> {
    let mut fields = json!({
        "id": CHILD, "name": "n", "run_type": "LLM",
        "dotted_order": format!("20260105T164601068924Z{ROOT}.20260105T164601068924Z{CHILD}"),
    });
    fields
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    read_as(Operation::Create, &fields, &Contents::default())
}

#[test]
fn the_dotted_order_tells_trace_ancestors_and_start() {
    let row = read(&json!({})).unwrap();
    assert_eq!(
        (row.trace_id.as_deref(), row.parent_run_id.as_deref()),
        (Some(ROOT), Some(ROOT))
    );
    assert_eq!(
        (row.parent_run_ids, row.is_root),
        (Some(vec![ROOT.to_owned()]), Some(false))
    );
    assert_eq!(
        (row.start_us, row.run_type.as_deref()),
        (Some(START), Some("llm"))
    );
}

#[test]
fn a_run_that_contradicts_its_dotted_order_is_refused() {
    for (fields, words) in [
        (json!({"trace_id": CHILD}), "trace_id: found"),
        (json!({"parent_run_id": CHILD}), "parent_run_id: found"),
        (
            json!({"dotted_order": format!("20260105T164601068924Z{ROOT}")}),
            "dotted_order: ends in",
        ),
        (json!({"dotted_order": "x"}), "dotted_order: found"),
        (json!({"name": 7}), "name: found 7, expected a text"),
        (json!({"start_time": "soon"}), "start_time: found"),
        (json!({"tags": {}}), "tags: found {}"),
        (json!({"extra": []}), "extra: found []"),
        (json!({"extra": {"metadata": 1}}), "extra.metadata: found"),
        (json!({"events": [1]}), "events: found [1]"),
        (json!({"session_id": "default"}), "session_id: found"),
    ] {
        let refusal = read(&fields).unwrap_err();
        let is_named = refusal.detail.contains(words) && refusal.detail.contains(CHILD);
        assert!(
            refusal.status == 422 && is_named,
            "{refusal} without {words}"
        );
    }
}

#[test]
fn the_status_follows_from_end_and_error() {
    let status = |more: Value| read(&more).unwrap().status;
    let end = "2026-01-05T16:46:02.068925Z";
    assert_eq!(status(json!({})).as_deref(), Some("pending"));
    assert_eq!(status(json!({"end_time": end})).as_deref(), Some("success"));
    assert_eq!(
        status(json!({"end_time": end, "error": "e"})).as_deref(),
        Some("error")
    );
    assert_eq!(status(json!({"error": ""})).as_deref(), Some("pending"));
    let update = json!({"id": CHILD, "outputs": {}});
    assert_eq!(
        read_as(Operation::Update, &update, &Contents::default())
            .unwrap()
            .status,
        None
    );
    assert_eq!(
        read(&json!({"end_time": end})).unwrap().latency_us,
        Some(1_000_001)
    );
    assert_eq!(
        read(&json!({"end_time": "2026-01-05T16:46:00Z"}))
            .unwrap()
            .latency_us,
        None
    );
}

#[test]
fn a_time_may_be_a_number_as_javascript_sends_it() {
    for time in [
        json!(1_767_631_561_068.924),
        json!(1_767_631_561.068_924),
        json!("2026-01-05T16:46:01.068924"),
    ] {
        assert_eq!(
            read(&json!({"start_time": time})).unwrap().start_us,
            Some(START)
        );
    }
}

#[test]
fn the_project_is_named_or_the_default() {
    let project = |more: Value| {
        let row = read(&more).unwrap();
        (row.project_id, row.project)
    };
    assert_eq!(
        project(json!({})),
        (project_id("default"), Some("default".into()))
    );
    assert_eq!(
        project(json!({"session_name": "mine"})),
        (project_id("mine"), Some("mine".into()))
    );
    assert_eq!(project(json!({"session_id": ROOT})), (ROOT.into(), None));
    assert_eq!(
        project(json!({"session_id": ROOT, "session_name": "mine"})),
        (ROOT.into(), Some("mine".into()))
    );
    let update = json!({"id": CHILD, "outputs": {}});
    let row = read_as(Operation::Update, &update, &Contents::default()).unwrap();
    assert_eq!(
        (row.project_id.as_str(), row.project),
        ("", None),
        "an update may leave it out"
    );
}

#[test]
fn model_thread_and_first_token_are_found() {
    let row = read(&json!({
        "extra": {"metadata": {"ls_model_name": "m", "ls_provider": "p", "thread_id": 7, "conversation_id": ""}, "invocation_params": {"model": "other"}},
        "events": [{"name": "start", "time": "2026-01-05T16:46:00Z"}, {"name": "new_token", "time": "2026-01-05T16:46:03Z"}, {"name": "new_token", "time": "2026-01-05T16:46:02.5Z", "kwargs": {}}],
        "tags": ["a"], "reference_example_id": ROOT,
    })).unwrap();
    assert_eq!(
        (
            row.model.as_deref(),
            row.provider.as_deref(),
            row.thread_id.as_deref()
        ),
        (Some("m"), Some("p"), Some("7"))
    );
    assert_eq!(row.first_token_us, Some(1_767_631_562_500_000));
    assert_eq!(
        (row.tags, row.reference_example_id.as_deref()),
        (Some(vec!["a".to_owned()]), Some(ROOT))
    );
    let by_parameters =
        read(&json!({"extra": {"invocation_params": {"model_name": "other"}}})).unwrap();
    assert_eq!(by_parameters.model.as_deref(), Some("other"));
}

#[test]
fn contents_are_kept_only_where_they_are_wanted() {
    let fields = json!({"id": CHILD, "inputs": {"private": 1}, "outputs": {"usage_metadata": {"input_tokens": 3}}, "serialized": {"x": 1}, "events": [], "extra": {}});
    let row = read_as(Operation::Create, &fields, &Contents::default()).unwrap();
    assert!(!serde_json::to_string(&row).unwrap().contains("private"));
    assert_eq!(row.prompt_tokens, Some(3), "figures are no contents");
    let contents = Contents {
        inputs: true,
        manifest: true,
        ..Contents::default()
    };
    let row = read_as(Operation::Create, &fields, &contents).unwrap();
    assert_eq!(
        (row.inputs, row.manifest, row.outputs),
        (Some(json!({"private": 1})), Some(json!({"x": 1})), None)
    );
}
