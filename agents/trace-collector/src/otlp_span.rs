//! Responsible for what a span means as a run: names of attributes by LangSmith, the GenAI conventions, OpenInference and OpenLLMetry.
//! It knows no encoding.

use langsmith_values::{format_us, is_uuid};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::otlp::attributes;
use crate::refusal::Refusal;

/// The namespace of runs that came as spans: their ids have 8 bytes and are unique only within their trace. Never to be changed.
const NAMESPACE: Uuid = uuid::uuid!("b0a9a0e7-6f0c-4e53-8a27-5f4f8f0f2c11");

/// `STATUS_CODE_ERROR`.
const ERROR: i32 = 2;

/// What the GenAI conventions tell apart, in LangSmith's words.
const DETAILS: [(&str, &[(&str, &str)]); 2] = [
    (
        "input_token_details",
        &[
            ("cache_read", "gen_ai.usage.cache_read.input_tokens"),
            ("cache_creation", "gen_ai.usage.cache_creation.input_tokens"),
        ],
    ),
    (
        "output_token_details",
        &[("reasoning", "gen_ai.usage.reasoning.output_tokens")],
    ),
];

type Attributes = Map<String, Value>;

/// The span as a run that LangSmith's clients would send. A span is exported once, when it has ended.
pub(crate) fn as_run(
    span: &Span,
    resource: &Attributes,
    project: Option<&str>,
) -> Result<Value, Refusal> {
    let trace: [u8; 16] = span
        .trace_id
        .as_slice()
        .try_into()
        .map_err(|_| wrong(span, "trace_id", "16 bytes that are not all zero"))?;
    if trace == [0; 16] || span.span_id.len() != 8 || span.span_id == [0; 8] {
        return Err(wrong(
            span,
            "span_id",
            "8 bytes that are not all zero, in a trace of 16",
        ));
    }
    let given = attributes(&span.attributes);
    let text = |names: &[&str]| names.iter().find_map(|name| word(given.get(*name)?));
    let parent = span.parent_span_id.as_slice();
    let has_parent = !parent.is_empty() && parent != [0; 8];
    let named = text(&["langsmith.trace.session_name"])
        .or_else(|| word(resource.get("langsmith.project")?));
    let project_id = text(&["langsmith.trace.session_id"]).filter(|id| is_uuid(id));
    let mut run = json!({
        "id": run_id(&trace, &span.span_id),
        "trace_id": Uuid::from_bytes(trace).to_string(),
        "parent_run_id": has_parent.then(|| run_id(&trace, parent)),
        "name": text(&["langsmith.trace.name"]).unwrap_or_else(|| span.name.clone()),
        "run_type": run_type(&given),
        "session_name": project.map(str::to_owned).or(named),
        "session_id": project_id,
        "tags": tags(given.get("langsmith.span.tags")),
        "error": error_of(span),
        "inputs": content(&given, "input", &["gen_ai.prompt", "input.value", "traceloop.entity.input", "gen_ai.input.messages"]),
        "outputs": content(&given, "output", &["gen_ai.completion", "output.value", "traceloop.entity.output", "gen_ai.output.messages"]),
        "events": events(span),
    });
    for (name, nanoseconds) in [
        ("start_time", span.start_time_unix_nano),
        ("end_time", span.end_time_unix_nano),
    ] {
        if nanoseconds > 0 {
            run[name] = format_us(micros(nanoseconds)).into();
        }
    }
    run["extra"] = json!({"metadata": metadata(&given), "attributes": given, "resource": resource});
    Ok(run)
}

fn run_id(trace: &[u8; 16], span: &[u8]) -> String {
    Uuid::new_v5(&NAMESPACE, &[trace.as_slice(), span].concat()).to_string()
}

fn micros(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds / 1_000).unwrap_or(i64::MAX)
}

fn run_type(given: &Attributes) -> &'static str {
    let names = [
        "langsmith.span.kind",
        "openinference.span.kind",
        "traceloop.span.kind",
        "gen_ai.operation.name",
    ];
    let kind = names
        .iter()
        .find_map(|name| word(given.get(*name)?))
        .unwrap_or_default()
        .to_lowercase();
    match kind.as_str() {
        "llm" | "chat" | "text_completion" | "completion" | "generate_content" => "llm",
        "tool" | "execute_tool" => "tool",
        "retriever" | "reranker" => "retriever",
        "embedding" | "embeddings" => "embedding",
        "prompt" => "prompt",
        "parser" => "parser",
        _ => "chain",
    }
}

/// What the program put there for LangSmith, and what the conventions say of model, thread and usage.
fn metadata(given: &Attributes) -> Attributes {
    let prefixed = given.iter().filter_map(|(name, value)| {
        Some((
            name.strip_prefix("langsmith.metadata.")?.to_owned(),
            value.clone(),
        ))
    });
    let mut metadata: Attributes = prefixed.collect();
    for (key, names) in [
        (
            "ls_model_name",
            [
                "gen_ai.request.model",
                "gen_ai.response.model",
                "llm.model_name",
            ],
        ),
        (
            "ls_provider",
            ["gen_ai.provider.name", "gen_ai.system", "llm.provider"],
        ),
        (
            "thread_id",
            [
                "gen_ai.conversation.id",
                "session.id",
                "traceloop.association.properties.session_id",
            ],
        ),
    ] {
        let found = names.iter().find_map(|name| word(given.get(*name)?));
        if let Some(found) = found.filter(|_| !metadata.contains_key(key)) {
            metadata.insert(key.to_owned(), found.into());
        }
    }
    let mut usage = Attributes::new();
    for (key, names) in [
        (
            "input_tokens",
            [
                "gen_ai.usage.input_tokens",
                "gen_ai.usage.prompt_tokens",
                "llm.token_count.prompt",
            ],
        ),
        (
            "output_tokens",
            [
                "gen_ai.usage.output_tokens",
                "gen_ai.usage.completion_tokens",
                "llm.token_count.completion",
            ],
        ),
        (
            "total_tokens",
            [
                "gen_ai.usage.total_tokens",
                "llm.usage.total_tokens",
                "llm.token_count.total",
            ],
        ),
    ] {
        let found = names
            .iter()
            .find_map(|name| given.get(*name).filter(|value| value.is_number()));
        usage.extend(found.map(|count| (key.to_owned(), count.clone())));
    }
    for (name, categories) in DETAILS {
        let sent = given.get(&format!("gen_ai.usage.{name}"));
        let details = sent.map(parsed).filter(Value::is_object);
        let details = details.or_else(|| by_category(given, categories));
        usage.extend(details.map(|details| (name.to_owned(), details)));
    }
    if !usage.is_empty() && !metadata.get("usage_metadata").is_some_and(Value::is_object) {
        metadata.insert("usage_metadata".to_owned(), Value::Object(usage));
    }
    metadata
}

/// Counts of single categories as an object; absent where none was sent.
fn by_category(given: &Attributes, categories: &[(&str, &str)]) -> Option<Value> {
    let sent = categories.iter().filter_map(|(category, name)| {
        let count = given.get(*name).filter(|value| value.is_number())?;
        Some(((*category).to_owned(), count.clone()))
    });
    let counts: Attributes = sent.collect();
    (!counts.is_empty()).then_some(Value::Object(counts))
}

/// A list, or one text with commas.
fn tags(value: Option<&Value>) -> Option<Vec<String>> {
    match value? {
        Value::Array(list) => Some(list.iter().filter_map(word).collect()),
        Value::String(text) => Some(
            text.split(',')
                .map(str::trim)
                .filter(|tag| !tag.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
        _ => None,
    }
}

/// The first of the attributes, as an object: contents of runs are objects.
fn content(given: &Attributes, key: &str, names: &[&str]) -> Option<Value> {
    let value = names.iter().find_map(|name| given.get(*name)).map(parsed)?;
    Some(if value.is_object() {
        value
    } else {
        json!({key: value})
    })
}

/// JSON that was sent as a text.
fn parsed(value: &Value) -> Value {
    let text = value
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok());
    text.unwrap_or_else(|| value.clone())
}

fn error_of(span: &Span) -> Option<String> {
    let Status { message, code } = span.status.as_ref()?;
    if *code != ERROR {
        return None;
    }
    let exception = span
        .events
        .iter()
        .rfind(|event| event.name == "exception")
        .map(|event| attributes(&event.attributes));
    let part = |name: &str| word(exception.as_ref()?.get(name)?);
    let told = [
        part("exception.type"),
        part("exception.message"),
        part("exception.stacktrace"),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    let message = Some(message.clone()).filter(|message| !message.is_empty());
    // A span that failed has failed even if nobody said how.
    Some(message.unwrap_or_else(|| {
        if told.is_empty() {
            "failed, as its status says".to_owned()
        } else {
            told.join("\n")
        }
    }))
}

fn events(span: &Span) -> Vec<Value> {
    let events = span.events.iter().map(|event| {
        json!({"name": event.name, "time": format_us(micros(event.time_unix_nano)), "kwargs": attributes(&event.attributes)})
    });
    events.collect()
}

/// A text that says something.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn wrong(span: &Span, field: &str, expected: &str) -> Refusal {
    let name: String = span.name.chars().take(80).collect();
    Refusal::new(400, format!("span {name:?}: {field}: expected {expected}"))
}
