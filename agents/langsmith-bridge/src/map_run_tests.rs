//! Tests of the mapping from a received run to a row.
//! They do not go through HTTP; `tests/` does.

use serde_json::json;

use super::*;
use crate::page::Page;

const PROJECT: &str = "11111111-1111-4111-8111-111111111111";
const RUN: &str = "22222222-2222-4222-8222-222222222222";

fn map(run: &str) -> Option<MappedRun> {
    let body = format!(r#"{{"items":[{run}]}}"#);
    let page = Page::parse(body.as_bytes()).unwrap();
    let fields = page.items().next().unwrap();
    map_run(fields, MAPPING)
}

const MAPPING: Mapping<'static> = Mapping {
    project_id: PROJECT,
    project: "default",
    has_extra: false,
    content_bytes_max: 64 * 1024,
};

#[test]
fn only_what_was_received_is_in_the_row() {
    let mapped = map(&format!(r#"{{"id":"{RUN}","error":null}}"#)).unwrap();
    assert_eq!(
        serde_json::to_value(&mapped.row).unwrap(),
        json!({"run_id": RUN, "project_id": PROJECT, "project": "default"})
    );
    assert_eq!((mapped.unreadable, mapped.oversized), (0, 0));
}

#[test]
fn every_field_finds_its_column() {
    let run = json!({
        "id": RUN, "project_id": PROJECT, "trace_id": "t", "parent_run_ids": ["root", "parent"], "name": "chat",
        "run_type": "LLM", "status": "SUCCESS", "is_root": false, "dotted_order": "d", "price_model_id": "pm",
        "start_time": "2026-01-05T16:46:01.068924", "end_time": "2026-01-05T16:46:03.068924Z",
        "first_token_time": "2026-01-05T16:46:02Z", "latency_seconds": 2.0000005,
        "metadata": {"ls_model_name": "m", "ls_provider": "p", "n": 1}, "prompt_tokens": 1, "completion_tokens": 2,
        "total_tokens": 3, "prompt_cost": "0.10", "completion_cost": 2e-5, "total_cost": null,
        "prompt_token_details": {"raw": {"cache_read": 1}}, "completion_token_details": {"raw": {"reasoning": 2.0}},
        "prompt_cost_details": {"raw": {"cache_read": 1e-7}}, "completion_cost_details": {"raw": {"reasoning": "0.50"}},
        "tags": ["a"], "feedback_stats": {"good": {"n": 1}}, "thread_id": "th",
        "reference_example_id": "re", "reference_dataset_id": "rd", "is_in_dataset": true, "app_path": "/o",
        "last_queued_at": "2026-01-05T16:46:01Z", "thread_evaluation_time": "2026-01-05T16:46:05Z", "ls_user_id": "u",
    });
    let row = serde_json::to_value(map(&run.to_string()).unwrap().row).unwrap();
    let of_columns = json!({
        "run_id": RUN, "project_id": PROJECT, "project": "default", "trace_id": "t", "parent_run_id": "parent",
        "parent_run_ids": ["root", "parent"], "dotted_order": "d", "price_model_id": "pm",
        "name": "chat", "run_type": "llm", "status": "success", "is_root": false,
        "start_us": 1_767_631_561_068_924_i64, "end_us": 1_767_631_563_068_924_i64,
        "first_token_us": 1_767_631_562_000_000_i64, "latency_us": 2_000_001, "model": "m", "provider": "p",
        "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "prompt_cost": "0.10",
        "completion_cost": "0.00002", "tags": ["a"],
        "prompt_token_details": {"cache_read": 1}, "completion_token_details": {"reasoning": 2},
        "prompt_cost_details": {"cache_read": "0.0000001"}, "completion_cost_details": {"reasoning": "0.50"},
        "metadata": {"ls_model_name": "m", "ls_provider": "p", "n": 1}, "feedback": {"good": {"n": 1}},
        "thread_id": "th", "reference_example_id": "re", "reference_dataset_id": "rd", "is_in_dataset": true,
        "app_path": "/o", "last_queued_us": 1_767_631_561_000_000_i64,
        "thread_evaluation_us": 1_767_631_565_000_000_i64, "ls_user_id": "u",
    });
    assert_eq!(row, of_columns);
}

#[test]
fn a_run_in_the_words_of_version_1_makes_the_same_row() {
    let newer = json!({
        "id": RUN, "project_id": PROJECT, "trace_id": RUN, "parent_run_ids": [], "is_root": true,
        "run_type": "CHAIN", "status": "ERROR", "start_time": "2026-01-05T16:46:01.068924Z",
        "end_time": "2026-01-05T16:46:03Z", "latency_seconds": 1.931076, "metadata": {"ls_model_name": "m"},
        "prompt_token_details": {"raw": {"cache_read": 1}}, "is_in_dataset": false,
    });
    let older = json!({
        "id": RUN, "session_id": PROJECT, "trace_id": RUN, "parent_run_id": null, "parent_run_ids": [],
        "run_type": "chain", "status": "error", "start_time": "2026-01-05T16:46:01.068924",
        "end_time": "2026-01-05T16:46:03", "extra": {"runtime": {"sdk": "x"}, "metadata": {"ls_model_name": "m"}},
        "prompt_token_details": {"cache_read": 1}, "in_dataset": false,
    });
    let row =
        |run: serde_json::Value| serde_json::to_value(map(&run.to_string()).unwrap().row).unwrap();
    assert_eq!(row(older), row(newer));
}

#[test]
fn a_content_above_the_cap_leaves_its_size() {
    let run = json!({"id": RUN, "inputs": {"text": "x".repeat(70_000)}, "outputs": {"n": 1.50}, "inputs_preview": "x".repeat(70_000)});
    let mapped = map(&run.to_string()).unwrap();
    let row = serde_json::to_value(&mapped.row).unwrap();
    assert_eq!(row["inputs"], json!({"omitted_bytes": 70_011}));
    assert_eq!(row["outputs"], json!({"n": 1.5}));
    assert!(row["inputs_preview"].as_str().unwrap().ends_with('…'));
    assert_eq!(mapped.oversized, 2);
}

#[test]
fn contents_that_do_not_fit_a_line_together_are_left_out_largest_first() {
    let run = json!({"id": RUN, "inputs": "i".repeat(60_000), "outputs": "o".repeat(63_000), "events": "e".repeat(30_000)});
    let (written, oversized) = map(&run.to_string()).unwrap().row.write();
    let row: serde_json::Value = serde_json::from_str(written.json.get()).unwrap();
    assert_eq!(row["outputs"], json!({"omitted_bytes": 63_002}));
    assert_eq!(
        (row["events"].as_str().unwrap().len(), oversized),
        (30_000, 1)
    );
}

#[test]
fn a_number_keeps_every_digit() {
    let cost = "0.123456789012345678901234567890";
    let row = map(&format!(
        r#"{{"id":"{RUN}","total_cost":{cost},"prompt_cost":"{cost}"}}"#
    ))
    .unwrap()
    .row;
    assert_eq!(row.total_cost.as_deref(), Some(cost));
    assert_eq!(row.prompt_cost.as_deref(), Some(cost));
}

#[test]
fn a_whole_number_of_tokens_may_be_written_as_a_float() {
    let row = map(&format!(
        r#"{{"id":"{RUN}","prompt_tokens":3.0,"completion_tokens":0.5,"total_tokens":4}}"#
    ))
    .unwrap()
    .row;
    assert_eq!(
        (row.prompt_tokens, row.completion_tokens, row.total_tokens),
        (Some(3), None, Some(4))
    );
}

#[test]
fn what_cannot_be_understood_is_absent_and_counted() {
    let run = json!({"id": RUN, "status": "QUEUED", "start_time": "later", "total_cost": "free", "is_root": "yes"});
    let mapped = map(&run.to_string()).unwrap();
    assert_eq!(mapped.unreadable, 4);
    assert_eq!(
        serde_json::to_value(&mapped.row).unwrap(),
        json!({"run_id": RUN, "project_id": PROJECT, "project": "default"})
    );
}

#[test]
fn a_run_without_a_usable_id_is_no_row() {
    for run in ["{}", r#"{"id":"x"}"#, r#"{"id":7}"#, "null", "[]", "7"] {
        assert!(map(run).is_none(), "{run}");
    }
}

#[test]
fn a_row_stays_far_below_the_line_limit() {
    let large = "ä".repeat(100_000);
    let run = json!({"id": RUN, "name": large, "error": large, "tags": [large], "metadata": {"ls_model_name": large},
        "feedback_stats": {"k": large}, "thread_id": large});
    let mapped = map(&run.to_string()).unwrap();
    assert_eq!(mapped.oversized, 7);
    assert!(mapped.row.error.as_ref().unwrap().ends_with('…'));
    let row = &mapped.row;
    assert!(row.tags.is_none() && row.metadata.is_none() && row.feedback.is_none());
    assert!(serde_json::to_string(&mapped.row).unwrap().len() < 64 * 1024);
}

#[test]
fn a_text_that_grows_on_the_wire_is_bounded_there() {
    let run = json!({"id": RUN, "error": "\u{1}".repeat(16 * 1024)});
    let row = map(&run.to_string()).unwrap().row;
    assert!(serde_json::to_string(&row).unwrap().len() < 40 * 1024);
}

#[test]
fn no_answer_however_damaged_makes_it_panic() {
    let whole = format!(
        r#"{{"items":[{{"id":"{RUN}","status":"SUCCESS","start_time":"2026-01-05T16:46:01Z","total_cost":1.5e-7,
        "latency_seconds":2e3,"prompt_tokens":7,"metadata":{{"ls_model_name":"m"}},"tags":["ä"]}}],"next_cursor":"c"}}"#
    );
    let random = &mut fastrand::Rng::with_seed(11);
    for _ in 0..20_000 {
        let mut body = whole.clone().into_bytes();
        for _ in 0..random.usize(1..4) {
            let place = random.usize(..body.len());
            match random.u8(..3) {
                0 => body[place] = random.u8(..),
                1 => body[place] = b"0e-:\"{}[],."[random.usize(..11)],
                _ => body.truncate(place.max(1)),
            }
        }
        if let Ok(page) = Page::parse(&body) {
            let _rows: Vec<_> = page
                .items()
                .map(|fields| map_run(fields, MAPPING))
                .collect();
        }
    }
}
