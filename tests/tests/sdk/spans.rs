//! OpenTelemetry's own exporter against the real collector: each span that it sent is a run, with model and tokens by the GenAI conventions.

use std::collections::BTreeMap;

use end_to_end::{AgentsFile, Scene};
use serde_json::{Value, json};

use crate::local_traces::collector_address;
use crate::program::Program;
use crate::rows::stored_runs;

#[test]
fn plain_spans_are_stored_as_the_exporter_sent_them() {
    every_span_is_stored("none", &Value::Null);
}

#[test]
fn compressed_spans_are_stored_as_the_exporter_sent_them() {
    every_span_is_stored("gzip", &json!("gzip"));
}

fn every_span_is_stored(compression: &str, encoding: &Value) {
    const ROUNDS: usize = 30;
    let listen = ["trace-collector", "--listen", "127.0.0.1:0"];
    let command = [&listen[..], &["--contents", "inputs"]].concat();
    let mut scene = Scene::started(&AgentsFile::new().program("trace-collector", "", &command));
    scene.wait_for_state("trace-collector", "RUNNING");
    let endpoint = format!("{}/otel", collector_address(&scene));
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Langsmith-Project=my project"),
    ];
    let mut program = Program::start(&scene, "spans.py", &[&ROUNDS.to_string()], &variables);
    let mut lines = program.wait();
    let sent = lines.pop().expect("the last line is what was sent");
    let requests = sent.as_array().expect("a list");
    assert!(
        requests.len() > 1,
        "in batches: {sent}, {}",
        program.errors()
    );
    let taken = json!(["application/x-protobuf", encoding, 200, ""]);
    assert!(requests.iter().all(|request| *request == taken), "{sent}");

    let told: BTreeMap<String, Value> = lines
        .into_iter()
        .map(|line| (line["run_id"].as_str().expect("an id").to_owned(), line))
        .collect();
    assert_eq!(told.len(), ROUNDS * 4);
    let stored = stored_runs(&scene.database());
    assert_eq!(
        stored.keys().collect::<Vec<_>>(),
        told.keys().collect::<Vec<_>>()
    );
    // What a span has no word for is not there, and neither is what it did not tell.
    let figures = [
        "error",
        "model",
        "provider",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_token_details",
        "completion_token_details",
        "prompt_cost",
        "completion_cost",
        "total_cost",
        "first_token_us",
        "thread_id",
        "tags",
        "inputs",
        "outputs",
    ];
    for (id, row) in &told {
        let fields = row.as_object().expect("an object");
        let names = fields.keys().map(String::as_str).chain(figures);
        for name in names {
            let of =
                |row: &serde_json::Map<String, Value>| row.get(name).cloned().unwrap_or_default();
            assert_eq!(of(&stored[id]), of(fields), "{name} of {}", row["name"]);
        }
    }
}
