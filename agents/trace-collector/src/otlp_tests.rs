//! Tests of OTLP: a span is the same run in both encodings, and no bytes make the reader panic.
//! They do not test how a run is read afterwards.

use proptest::prelude::*;

use super::*;

/// A root that failed and a call of a model in it, as an exporter writes them.
fn request() -> Value {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let count = |key: &str, value: &str| json!({"key": key, "value": {"intValue": value}});
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "shop")]},
        "scopeSpans": [{"scope": {"name": "s"}, "spans": [
            {"traceId": "0123456789abcdef0123456789abcdef", "spanId": "00000000000000aa", "name": "agent", "kind": 1,
             "startTimeUnixNano": "1767631561068924999", "endTimeUnixNano": "1767631562000000000", "attributes": [text("langsmith.span.tags", "a, b")],
             "events": [{"name": "exception", "timeUnixNano": "1767631561500000000", "attributes": [text("exception.type", "E"), text("exception.message", "no")]}],
             "status": {"code": 2}},
            {"traceId": "0123456789abcdef0123456789abcdef", "spanId": "00000000000000bb", "parentSpanId": "00000000000000aa", "name": "chat m", "kind": 3,
             "startTimeUnixNano": "1767631561100000000", "endTimeUnixNano": "1767631561200000000", "attributes": [
                text("gen_ai.operation.name", "chat"), text("gen_ai.system", "maker"), text("gen_ai.request.model", "m"),
                count("gen_ai.usage.input_tokens", "7"), count("gen_ai.usage.output_tokens", "3"), text("langsmith.metadata.k", "v"),
                text("gen_ai.prompt", "{\"q\": 1}"), text("gen_ai.completion", "plain"), text("gen_ai.usage.input_token_details", "{\"cache_read\": 2}")],
             "status": {}}
        ]}]
    }]})
}

fn runs(body: &[u8], form: OtlpForm) -> Vec<Value> {
    serde_json::from_slice(&read_spans(body, form, None).unwrap()).unwrap()
}

#[test]
fn a_span_is_the_same_run_in_both_encodings() {
    let json = request().to_string();
    let message: ExportTraceServiceRequest = serde_json::from_str(&json).unwrap();
    let by_json = runs(json.as_bytes(), OtlpForm::Json);
    assert_eq!(runs(&message.encode_to_vec(), OtlpForm::Protobuf), by_json);
    let [root, model] = by_json.as_slice() else {
        panic!("{by_json:?}")
    };
    assert_eq!(root["trace_id"], "01234567-89ab-cdef-0123-456789abcdef");
    assert_eq!(
        (&root["parent_run_id"], &model["parent_run_id"]),
        (&Value::Null, &root["id"])
    );
    assert_eq!(
        (&root["start_time"], &root["error"]),
        (&json!("2026-01-05T16:46:01.068924Z"), &json!("E\nno"))
    );
    assert_eq!(root["tags"], json!(["a", "b"]));
    assert_eq!(
        (&model["run_type"], &root["run_type"], &model["error"]),
        (&json!("llm"), &json!("chain"), &Value::Null)
    );
    assert_eq!(
        model["extra"]["metadata"],
        json!({"k": "v", "ls_model_name": "m", "ls_provider": "maker",
            "usage_metadata": {"input_tokens": 7, "output_tokens": 3, "input_token_details": {"cache_read": 2}}})
    );
    assert_eq!(
        (&model["inputs"], &model["outputs"]),
        (&json!({"q": 1}), &json!({"output": "plain"}))
    );
}

#[test]
fn the_header_names_the_project() {
    let body = read_spans(
        request().to_string().as_bytes(),
        OtlpForm::Json,
        Some("mine"),
    )
    .unwrap();
    let runs: Vec<Value> = serde_json::from_slice(&body).unwrap();
    assert!(runs.iter().all(|run| run["session_name"] == "mine"));
}

#[test]
fn what_is_no_trace_is_refused() {
    let mut without_id = request();
    without_id["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] = json!("");
    for body in [without_id.to_string(), "[]".into(), "{".into()] {
        assert_eq!(
            read_spans(body.as_bytes(), OtlpForm::Json, None)
                .unwrap_err()
                .status,
            400,
            "{body}"
        );
    }
    assert_eq!(
        OtlpForm::of_header(Some("text/plain")).unwrap_err().status,
        415
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..600) {
        let _ = read_spans(&bytes, OtlpForm::Protobuf, None);
        let _ = read_spans(&bytes, OtlpForm::Json, None);
        let message: ExportTraceServiceRequest = serde_json::from_str(&request().to_string()).unwrap();
        let mut whole = message.encode_to_vec();
        whole.truncate(cut);
        whole.extend(&bytes);
        let _ = read_spans(&whole, OtlpForm::Protobuf, None);
    }
}
