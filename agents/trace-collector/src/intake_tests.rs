//! Tests of requests in the light of earlier ones.
//! They do not test how a request is read.

use serde_json::json;

use super::*;
use crate::submission::Operation;

const RUN: &str = "019b8f3c-0000-7000-8000-000000000001";

const KEEP: Keep = Keep {
    contents: Contents {
        inputs: false,
        outputs: false,
        events: false,
        extra: false,
        manifest: false,
        attachments: true,
    },
    content_bytes_max: 1_000,
};

fn settle(
    known: &mut KnownRuns,
    operation: Operation,
    body: &Value,
) -> (Vec<Map<String, Value>>, Vec<Refusal>) {
    let body = body.to_string();
    let submission = Submission::of_run(body.as_bytes(), operation, Some(RUN)).unwrap();
    let (rows, refusals) = Intake::read(&submission, &KEEP).unwrap().settle(known);
    assert!(rows.feedback.is_empty());
    (rows.runs, refusals)
}

#[test]
fn an_update_that_names_no_project_belongs_where_its_run_is() {
    let mut known = KnownRuns::default();
    settle(
        &mut known,
        Operation::Create,
        &json!({"session_name": "mine", "start_time": "2026-01-05T16:46:01Z"}),
    );
    let (rows, refusals) = settle(
        &mut known,
        Operation::Update,
        &json!({"end_time": "2026-01-05T16:46:02Z"}),
    );
    assert_eq!(refusals, []);
    assert_eq!(
        (
            &rows[0]["project"],
            &rows[0]["latency_us"],
            &rows[0]["status"]
        ),
        (&json!("mine"), &json!(1_000_000), &json!("success"))
    );
}

#[test]
fn an_update_of_a_run_that_nobody_knows_is_refused() {
    let (rows, refusals) = settle(
        &mut KnownRuns::default(),
        Operation::Update,
        &json!({"end_time": "2026-01-05T16:46:02Z"}),
    );
    assert!(rows.is_empty());
    assert!(
        refusals[0].status == 404 && refusals[0].detail.contains(RUN),
        "{refusals:?}"
    );
}

#[test]
fn feedback_says_its_project_where_the_run_is_known_here() {
    let project_of = |known: &mut KnownRuns, more: &Value| {
        let mut body = json!({"run_id": RUN, "key": "good", "score": 1, "id": RUN});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let body = body.to_string();
        let submission = Submission {
            feedback: vec![serde_json::from_str(&body).unwrap()],
            ..Submission::default()
        };
        let (rows, refusals) = Intake::read(&submission, &KEEP).unwrap().settle(known);
        assert!(refusals.is_empty() && rows.runs.is_empty());
        rows.feedback[0].get("project_id").cloned()
    };
    let mut known = KnownRuns::default();
    assert_eq!(
        project_of(&mut known, &json!({})),
        None,
        "the shared state may know it"
    );
    let other = "019b8f3c-0000-7000-8000-000000000009";
    let sent = json!({"session_id": other});
    assert_eq!(project_of(&mut known, &sent), Some(json!(other)));
    settle_run(&mut known);
    let known_project = known.project(RUN).unwrap().id.clone();
    assert_eq!(project_of(&mut known, &sent), Some(json!(known_project)));
}

fn settle_run(known: &mut KnownRuns) {
    settle(known, Operation::Create, &json!({"session_name": "mine"}));
}

#[test]
fn files_are_kept_whole_or_only_described() {
    let attachment = |name: &str, bytes| Attachment {
        run_id: RUN.into(),
        name: name.into(),
        content_type: "text/plain".into(),
        bytes,
    };
    let large = [b'x'; 900];
    let mut submission = Submission {
        attachments: vec![
            attachment("small", b"abc".as_slice()),
            attachment("large", &large),
        ],
        ..Submission::default()
    };
    submission.runs.push(SentRun {
        id: RUN.into(),
        is_created: true,
        ..SentRun::default()
    });
    let (rows, _) = Intake::read(&submission, &KEEP)
        .unwrap()
        .settle(&mut KnownRuns::default());
    assert_eq!(rows.runs.len(), 1);
    let files = &rows.runs[0]["attachments"];
    assert_eq!(
        files["small"],
        json!({"content_type": "text/plain", "bytes": 3, "base64": "YWJj"})
    );
    assert_eq!(
        files["large"],
        json!({"content_type": "text/plain", "bytes": 900})
    );
}
