//! Any body of a request that hands in runs: no panic, no more than allowed, and every row that comes out of it is one that can be stored.
//! The first byte chooses compression and path, so that the corpus stays plain text.
#![no_main]

use std::collections::HashSet;

use agent_protocol::LINE_BYTES_MAX;
use libfuzzer_sys::fuzz_target;
use trace_collector::{
    Contents, Encoding, Feedback, Operation, Part, Refusal, Submission, decode, read_run, split,
};

const BODY_BYTES_MAX: usize = 256 * 1024;
const RUNS_MAX: usize = 20;
const CONTENT_BYTES_MAX: usize = 4_096;
const BOUNDARY: &str = "b";
const RUN: &str = "019b8f3c-0000-7000-8000-000000000001";

const EVERYTHING: Contents = Contents {
    inputs: true,
    outputs: true,
    events: true,
    extra: true,
    manifest: true,
    attachments: true,
};

fuzz_target!(|input: &[u8]| {
    let [choice, body @ ..] = input else {
        return;
    };
    let encoding =
        [Encoding::Identity, Encoding::Gzip, Encoding::Zstd][usize::from(choice >> 2) % 3];
    let Ok(body) = decode(body.to_vec(), encoding, BODY_BYTES_MAX) else {
        return;
    };
    assert!(body.len() <= BODY_BYTES_MAX);
    let submission = match choice % 4 {
        0 => {
            check_parts(&body);
            Submission::of_multipart(&body, BOUNDARY, RUNS_MAX)
        }
        1 => Submission::of_batch(&body, RUNS_MAX),
        2 => Submission::of_run(&body, Operation::Create, None),
        _ => Submission::of_run(&body, Operation::Update, Some(RUN)),
    };
    match submission {
        Ok(submission) => check(&submission),
        Err(refusal) => check_refusal(&refusal),
    }
});

/// What was split is split in the same way once it was written again, and no part holds the boundary.
fn check_parts(body: &[u8]) {
    let Ok(parts) = split(body, BOUNDARY) else {
        return;
    };
    let delimiter = format!("\r\n--{BOUNDARY}");
    let mut written = Vec::new();
    for part in &parts {
        let mut windows = part.bytes.windows(delimiter.len());
        assert!(!windows.any(|bytes| bytes == delimiter.as_bytes()));
        let Part {
            name, content_type, ..
        } = part;
        let name: String = name.chars().flat_map(|char| ['\\', char]).collect();
        written.extend_from_slice(
            format!("{delimiter}\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {content_type}\r\n\r\n").as_bytes(),
        );
        written.extend_from_slice(part.bytes);
    }
    written.extend_from_slice(format!("{delimiter}--").as_bytes());
    // A name with a line end in it, or one that is longer once it is quoted, cannot be written in this plain way.
    let is_plain = |part: &Part<'_>| {
        part.name.len() < 1_000
            && !part.name.contains(['\r', '\n'])
            && !part.content_type.contains(['\r', '\n'])
    };
    if parts.iter().all(is_plain) {
        assert_eq!(split(&written, BOUNDARY).as_ref(), Ok(&parts));
    }
}

fn check(submission: &Submission<'_>) {
    assert!(submission.runs.len() <= RUNS_MAX);
    let ids: HashSet<_> = submission.runs.iter().map(|run| &run.id).collect();
    assert_eq!(ids.len(), submission.runs.len(), "each run once");
    for run in &submission.runs {
        let mut row = match read_run(run, &EVERYTHING) {
            Ok(row) => row,
            Err(refusal) => {
                check_refusal(&refusal);
                continue;
            }
        };
        row.fit(CONTENT_BYTES_MAX);
        let json = serde_json::to_string(&row).expect("a row is JSON");
        assert!(json.len() < LINE_BYTES_MAX, "{} bytes", json.len());
        assert_eq!(row.run_id, run.id);
        assert!(row.latency_us.is_none_or(|latency_us| latency_us >= 0));
        let counts = [row.prompt_tokens, row.completion_tokens, row.total_tokens];
        assert!(counts.iter().flatten().all(|count| *count >= 0));
        if let Some(parents) = &row.parent_run_ids {
            assert_eq!(row.is_root, Some(parents.is_empty()));
            assert_eq!(row.parent_run_id.as_ref(), parents.last());
        }
    }
    for fields in &submission.feedback {
        if let Err(refusal) = Feedback::read(fields) {
            check_refusal(&refusal);
        }
    }
}

/// A refusal is the client's to read: it names a status that says so, and is no book.
fn check_refusal(refusal: &Refusal) {
    assert!((400..500).contains(&refusal.status), "{refusal:?}");
    assert!(!refusal.detail.is_empty() && refusal.detail.len() < 16_384);
}
