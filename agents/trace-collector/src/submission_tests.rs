//! Tests of what a request hands in: runs are made one by their id, whatever the order; nonsense is refused by name.
//! They do not test what the fields of a run mean.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const A: &str = "019b8f3c-0000-7000-8000-00000000000a";
const B: &str = "019b8f3c-0000-7000-8000-00000000000b";

fn run(id: &str, more: &Value) -> Value {
    let mut run =
        json!({"id": id, "trace_id": id, "dotted_order": format!("20260105T164601068924Z{id}")});
    run.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    run
}

fn field(run: &SentRun<'_>, name: &str) -> Option<Value> {
    Some(serde_json::from_str(run.fields.get(name)?.get()).unwrap())
}

fn part(name: &str, json: &Value) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: application/json\r\n\r\n{json}\r\n"
    )
}

#[test]
fn a_creation_and_an_update_of_one_run_are_one() {
    let body = json!({
        "patch": [run(A, &json!({"name": "new", "inputs": null, "end_time": "2026-01-05T16:46:02Z"}))],
        "post": [run(B, &json!({})), run(A, &json!({"name": "old", "inputs": {"q": 1}}))],
    });
    let body = body.to_string();
    let submission = Submission::of_batch(body.as_bytes(), 10).unwrap();
    let runs = &submission.runs;
    assert_eq!(
        runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(),
        [B, A]
    );
    assert!(runs[1].is_created && runs[1].is_updated && !runs[0].is_updated);
    assert_eq!(
        field(&runs[1], "name"),
        Some(json!("new")),
        "the update wins"
    );
    assert_eq!(
        field(&runs[1], "inputs"),
        Some(json!({"q": 1})),
        "null says nothing"
    );
    assert!(runs[1].fields.contains_key("end_time"));
}

#[test]
fn the_parts_of_a_run_are_put_together_in_any_order() {
    let body = [
        part(&format!("patch.{A}.outputs"), &json!({"a": 2})),
        part(
            &format!("patch.{A}"),
            &run(A, &json!({"end_time": "2026-01-05T16:46:02Z"})),
        ),
        part(&format!("post.{A}.inputs"), &json!({"q": 1})),
        part(
            &format!("post.{}", A.to_uppercase()),
            &run(A, &json!({"name": "n"})),
        ),
        part(&format!("feedback.{B}"), &json!({"key": "k"})),
        part(&format!("attachment.{A}.photo"), &json!("bytes")),
        "--b--\r\n".into(),
    ];
    let body = body.concat();
    let submission = Submission::of_multipart(body.as_bytes(), "b", 10).unwrap();
    assert_eq!(submission.runs.len(), 1);
    let run = &submission.runs[0];
    assert_eq!(
        (field(run, "inputs"), field(run, "outputs")),
        (Some(json!({"q": 1})), Some(json!({"a": 2})))
    );
    assert!(run.is_created && run.is_updated);
    assert_eq!(submission.feedback.len(), 1);
    let attachment = &submission.attachments[0];
    assert_eq!(
        (
            attachment.run_id.as_str(),
            attachment.name.as_str(),
            attachment.bytes
        ),
        (A, "photo", b"\"bytes\"".as_slice())
    );
}

#[test]
fn what_is_wrong_is_named() {
    let batch = |body: &Value| {
        Submission::of_batch(body.to_string().as_bytes(), 2)
            .map(|_| ())
            .unwrap_err()
    };
    let multipart = |body: String| {
        Submission::of_multipart(format!("{body}--b--").as_bytes(), "b", 2)
            .map(|_| ())
            .unwrap_err()
    };
    for (refusal, status, words) in [
        (batch(&json!([])), 422, "expected {\"post\""),
        (
            batch(&json!({"post": [{"id": 7}]})),
            422,
            "post[0]: id: found 7",
        ),
        (
            batch(&json!({"patch": [{}]})),
            422,
            "patch[0]: id: found nothing",
        ),
        (
            batch(&json!({"post": [{"id": A, "trace_id": A}]})),
            422,
            "dotted_order",
        ),
        (
            batch(
                &json!({"post": [run(A, &json!({})), run(B, &json!({})), run(&A.replace('a', "c"), &json!({}))]}),
            ),
            413,
            "more than 2 runs",
        ),
        (multipart(part("post.7", &json!({}))), 422, "\"post.7\""),
        (
            multipart(part(&format!("put.{A}"), &json!({}))),
            422,
            "expected post, patch",
        ),
        (
            multipart(part(&format!("post.{A}.secrets"), &json!({}))),
            422,
            "expected inputs",
        ),
        (
            multipart(part(&format!("attachment.{A}.a.b"), &json!({}))),
            422,
            "without periods",
        ),
        (
            multipart(part(&format!("post.{A}"), &json!({})).replace("{}", "{")),
            422,
            "expected JSON",
        ),
        (
            multipart(part(&format!("post.{A}.inputs"), &json!({}))),
            422,
            "trace_id: found none",
        ),
    ] {
        assert!(
            refusal.status == status && refusal.detail.contains(words),
            "{refusal:?} without {words:?}"
        );
    }
    let refusal = Submission::of_run(b"{}", Operation::Update, Some("7"))
        .map(|_| ())
        .unwrap_err();
    assert!(refusal.detail.contains("the address"), "{refusal}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        words in prop::collection::vec(prop::sample::select(vec!["{", "}", "\"post\"", ":", "[", "]", ",", "null", "\"id\"", "1e999", "\"\\ud800\""]), 0..30),
    ) {
        let text = words.concat();
        for body in [bytes.as_slice(), text.as_bytes()] {
            let _ = Submission::of_batch(body, 10);
            let _ = Submission::of_run(body, Operation::Create, None);
            let multipart = [b"--b\r\nContent-Disposition: form-data; name=\"post.019b8f3c-0000-7000-8000-00000000000a\"\r\n\r\n".as_slice(), body, b"\r\n--b--"].concat();
            let _ = Submission::of_multipart(&multipart, "b", 10);
        }
    }
}
