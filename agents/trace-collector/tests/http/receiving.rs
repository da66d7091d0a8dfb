//! Tests of every way in which a client may hand in runs.
//! They do not test who may.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::collector::{Collector, RUN, batch, run};

#[test]
fn a_batch_is_printed_before_it_is_acknowledged() {
    let collector = Collector::alone(&[]);
    for path in ["/runs/batch", "/api/v1/runs/batch"] {
        let answer = collector.ask(
            &format!("POST {path}"),
            &["Content-Type: application/json"],
            &batch(&json!({"end_time": "2026-01-05T16:46:02Z"})),
        );
        assert_eq!(answer.status, 202, "{answer:?}");
        let rows = collector.wait_for_rows();
        assert_eq!(
            (&rows[0]["run_id"], &rows[0]["status"]),
            (&json!(RUN), &json!("success"))
        );
        assert_eq!(rows[0]["project"], "default");
    }
}

#[test]
fn compressed_bodies_of_both_kinds_are_read() {
    let collector = Collector::alone(&["--contents", "inputs"]);
    let part = |name: &str, json: &Value| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: application/json\r\n\r\n{json}\r\n"
        )
    };
    let body = part(&format!("post.{RUN}"), &run(&json!({})))
        + &part(&format!("post.{RUN}.inputs"), &json!({"q": "ü"}))
        + "--b--\r\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    for (encoding, bytes) in [
        ("identity", body.clone().into_bytes()),
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(body.as_bytes(), 3).unwrap()),
    ] {
        let headers = [
            "Content-Type: multipart/form-data; boundary=b",
            &format!("Content-Encoding: {encoding}"),
        ];
        let answer = collector.ask("POST /runs/multipart", &headers, &bytes);
        assert_eq!(answer.status, 202, "{encoding}: {answer:?}");
        assert_eq!(collector.wait_for_rows()[0]["inputs"], json!({"q": "ü"}));
    }
}

#[test]
fn a_body_of_unknown_length_is_read() {
    let collector = Collector::alone(&[]);
    let body = batch(&json!({}));
    let chunked = [
        format!("{:x}\r\n", body.len()).as_bytes(),
        &body,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    let answer = collector.ask(
        "POST /runs/batch",
        &["Transfer-Encoding: chunked"],
        &chunked,
    );
    assert_eq!(answer.status, 202, "{answer:?}");
}

#[test]
fn single_runs_updates_and_feedback_are_taken() {
    let collector = Collector::alone(&[]);
    let ask =
        |line: &str, body: &Value| collector.ask(line, &[], body.to_string().as_bytes()).status;
    let run = json!({"id": RUN, "name": "n", "run_type": "chain", "session_name": "mine", "start_time": "2026-01-05T16:46:01Z"});
    assert_eq!(ask("POST /runs", &run), 202);
    assert_eq!(
        ask(
            &format!("PATCH /runs/{RUN}"),
            &json!({"end_time": "2026-01-05T16:46:02Z"})
        ),
        202
    );
    assert_eq!(
        ask(
            "POST /api/v1/feedback",
            &json!({"run_id": RUN, "key": "good", "score": 1})
        ),
        202
    );
    let mut rows: Vec<Value> = (0..2).flat_map(|_| collector.wait_for_rows()).collect();
    let feedback = collector.wait_for("records", |records| records["kind"] == "langsmith_feedback");
    rows.extend(feedback["rows"].as_array().unwrap().clone());
    assert!(rows.iter().all(|row| row["project"] == "mine"));
    assert_eq!(rows[1]["latency_us"], 1_000_000);
    assert_eq!(
        (&rows[2]["key"], &rows[2]["score"]),
        (&json!("good"), &json!(1.0))
    );
}

#[test]
fn clients_learn_how_to_send_and_which_projects_there_are() {
    let collector = Collector::alone(&[]);
    let info = collector.ask("GET /api/v1/info", &[], b"").body;
    assert_eq!(info["instance_flags"]["zstd_compression_enabled"], true);
    assert_eq!(info["batch_ingest_config"]["size_limit_bytes"], 20_971_520);
    let named = collector
        .ask(
            "GET /sessions?limit=1&name=my%20project&include_stats=False",
            &[],
            b"",
        )
        .body;
    assert_eq!(named[0]["name"], "my project");
    let created = collector
        .ask(
            "POST /sessions?upsert=true",
            &[],
            b"{\"name\": \"my project\"}",
        )
        .body;
    assert_eq!(created["id"], named[0]["id"]);
    let id = named[0]["id"].as_str().unwrap();
    assert_eq!(
        collector
            .ask(&format!("GET /sessions/{id}"), &[], b"")
            .status,
        404,
        "no run has named it"
    );
    collector.ask(
        "POST /runs/batch",
        &[],
        &batch(&json!({"session_name": "my project"})),
    );
    assert_eq!(
        collector.ask(&format!("GET /sessions/{id}"), &[], b"").body["name"],
        "my project"
    );
    assert_eq!(
        collector
            .ask("GET /sessions", &[], b"")
            .body
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        collector.ask("POST /api/v2/runs/query", &[], b"{}").status,
        404
    );
    assert_eq!(collector.ask("GET /runs/batch", &[], b"").status, 405);
}

#[test]
fn spans_of_opentelemetry_are_runs() {
    let collector = Collector::alone(&[]);
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": "0123456789abcdef0123456789abcdef", "spanId": "00000000000000aa", "name": "agent",
         "startTimeUnixNano": "1767631561000000000", "endTimeUnixNano": "1767631562000000000"},
        {"traceId": "0123456789abcdef0123456789abcdef", "spanId": "00000000000000bb", "parentSpanId": "00000000000000aa", "name": "m",
         "startTimeUnixNano": "1767631561000000000", "endTimeUnixNano": "1767631561500000000",
         "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}, {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "7"}}]},
    ]}]}]}).to_string();
    let headers = ["Content-Type: application/json", "Langsmith-Project: mine"];
    let answer = collector.ask("POST /otel/v1/traces", &headers, body.as_bytes());
    assert_eq!((answer.status, answer.body), (200, json!({})));
    let rows = collector.wait_for_rows();
    assert_eq!(
        (
            &rows[0]["is_root"],
            &rows[0]["status"],
            &rows[0]["latency_us"]
        ),
        (&json!(true), &json!("success"), &json!(1_000_000))
    );
    assert_eq!(
        (&rows[1]["parent_run_id"], &rows[1]["is_root"]),
        (&rows[0]["run_id"], &json!(false))
    );
    assert_eq!(
        (
            &rows[1]["run_type"],
            &rows[1]["prompt_tokens"],
            &rows[1]["project"]
        ),
        (&json!("llm"), &json!(7), &json!("mine"))
    );
    assert_eq!(
        collector
            .ask(
                "POST /api/v1/otel/v1/traces",
                &["Content-Type: application/x-protobuf"],
                b""
            )
            .status,
        200
    );
    assert_eq!(
        collector
            .ask("POST /otel/v1/traces", &["Content-Type: text/plain"], b"")
            .status,
        415
    );
}

#[test]
fn its_help_begins_with_what_it_is_for() {
    let output = crate::collector::command(&["--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(
        help.starts_with("Takes traces from LangSmith's clients"),
        "{help}"
    );
}

#[test]
fn a_wrong_field_is_named_to_the_client() {
    let collector = Collector::alone(&[]);
    let answer = collector.ask(
        "POST /runs/batch",
        &[],
        &batch(&json!({"dotted_order": "x"})),
    );
    assert_eq!(answer.status, 422);
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(
        detail.contains(RUN) && detail.contains("dotted_order"),
        "{detail}"
    );
    let answer = collector.ask("POST /runs/batch", &["Content-Encoding: br"], b"x");
    assert_eq!(answer.status, 415);
}
