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
    map_run(fields, PROJECT, "default")
}

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
        "run_type": "LLM", "status": "SUCCESS", "is_root": false,
        "start_time": "2026-01-05T16:46:01.068924", "end_time": "2026-01-05T16:46:03.068924Z",
        "first_token_time": "2026-01-05T16:46:02Z", "latency_seconds": 2.0005,
        "metadata": {"ls_model_name": "m", "ls_provider": "p", "n": 1}, "prompt_tokens": 1, "completion_tokens": 2,
        "total_tokens": 3, "prompt_cost": "0.10", "completion_cost": 2e-5, "total_cost": null,
        "tags": ["a"], "feedback_stats": {"good": {"n": 1}}, "thread_id": "th",
    });
    let row = serde_json::to_value(map(&run.to_string()).unwrap().row).unwrap();
    assert_eq!(
        row,
        json!({
            "run_id": RUN, "project_id": PROJECT, "project": "default", "trace_id": "t", "parent_run_id": "parent",
            "name": "chat", "run_type": "llm", "status": "success", "is_root": false,
            "start_us": 1_767_631_561_068_924_i64, "end_us": 1_767_631_563_068_924_i64, "first_token_us": 1_767_631_562_000_000_i64,
            "latency_us": 2_000_500, "model": "m", "provider": "p", "prompt_tokens": 1, "completion_tokens": 2,
            "total_tokens": 3, "prompt_cost": "0.10", "completion_cost": "0.00002", "tags": ["a"],
            "metadata": {"ls_model_name": "m", "ls_provider": "p", "n": 1}, "feedback": {"good": {"n": 1}},
            "thread_id": "th",
        })
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
        mapped.row,
        RunRow {
            run_id: RUN.into(),
            project_id: PROJECT.into(),
            project: Some("default".into()),
            ..RunRow::default()
        }
    );
}

#[test]
fn a_run_without_a_usable_id_is_no_row() {
    for run in ["{}", r#"{"id":"x"}"#, r#"{"id":7}"#, "null", "[]", "7"] {
        assert_eq!(map(run), None, "{run}");
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
    assert_eq!(
        (&mapped.row.tags, &mapped.row.metadata, &mapped.row.feedback),
        (&None, &None, &None)
    );
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
                .map(|fields| map_run(fields, PROJECT, "default"))
                .collect();
        }
    }
}
