//! Responsible for OTLP traces, in protobuf and JSON: spans in, runs as LangSmith's clients would send them out.
//! It stores nothing and judges no run; `otlp_span` knows what the attributes of a span mean.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use prost::Message as _;
use serde_json::{Map, Value, json};

use crate::otlp_span::as_run;
use crate::refusal::Refusal;

/// How a request is encoded, and so its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtlpForm {
    /// `application/x-protobuf`, what exporters send by default.
    Protobuf,
    /// `application/json`.
    Json,
}

impl OtlpForm {
    /// The form that a `Content-Type` header names.
    pub(crate) fn of_header(value: Option<&str>) -> Result<Self, Refusal> {
        let kind = value.map(|text| {
            text.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        });
        match kind.as_deref() {
            Some("application/x-protobuf" | "application/protobuf") => Ok(Self::Protobuf),
            Some("application/json") => Ok(Self::Json),
            other => Err(Refusal::new(
                415,
                format!(
                    "Content-Type: found {:?}, expected application/x-protobuf or application/json",
                    other.unwrap_or_default()
                ),
            )),
        }
    }

    /// What the answer is.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// An answer without anything to complain about: an empty message.
    pub(crate) fn success(self) -> &'static str {
        match self {
            Self::Protobuf => "",
            Self::Json => "{}",
        }
    }
}

/// The runs of a request, as a JSON list. `project` is what the `Langsmith-Project` header names.
pub(crate) fn read_spans(
    body: &[u8],
    form: OtlpForm,
    project: Option<&str>,
) -> Result<Vec<u8>, Refusal> {
    let request = match form {
        OtlpForm::Protobuf => {
            ExportTraceServiceRequest::decode(body).map_err(|error| wrong(&error))
        }
        // A list would be read as the fields of a message in their order.
        OtlpForm::Json if !body.trim_ascii_start().starts_with(b"{") => Err(wrong(&"no object")),
        OtlpForm::Json => serde_json::from_slice(body).map_err(|error| wrong(&error)),
    }?;
    let mut runs = Vec::new();
    for resource_spans in request.resource_spans {
        let resource = resource_spans
            .resource
            .map(|resource| attributes(&resource.attributes))
            .unwrap_or_default();
        for span in resource_spans
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            runs.push(as_run(&span, &resource, project)?);
        }
    }
    serde_json::to_vec(&runs).map_err(|error| wrong(&error))
}

fn wrong(error: &impl std::fmt::Display) -> Refusal {
    Refusal::new(
        400,
        format!("the body: {error}; expected an ExportTraceServiceRequest of OTLP"),
    )
}

/// Attributes as an object.
pub(crate) fn attributes(list: &[KeyValue]) -> Map<String, Value> {
    let pairs = list
        .iter()
        .filter_map(|pair| Some((pair.key.clone(), value_of(pair.value.as_ref()?, 0))));
    pairs.collect()
}

/// Deeper values are left out: they come from nobody's program, and each level costs stack.
const DEPTH_MAX: usize = 32;

fn value_of(value: &AnyValue, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    match &value.value {
        Some(any_value::Value::StringValue(text)) => text.as_str().into(),
        Some(any_value::Value::BoolValue(flag)) => (*flag).into(),
        Some(any_value::Value::IntValue(integer)) => (*integer).into(),
        Some(any_value::Value::DoubleValue(number)) => json!(number),
        Some(any_value::Value::ArrayValue(list)) => list
            .values
            .iter()
            .map(|value| value_of(value, depth + 1))
            .collect(),
        Some(any_value::Value::KvlistValue(list)) => {
            let pairs = list.values.iter().filter_map(|pair| {
                Some((pair.key.clone(), value_of(pair.value.as_ref()?, depth + 1)))
            });
            Value::Object(pairs.collect())
        }
        // Bytes say nothing to a person; and there may be kinds that are newer than this.
        _ => Value::Null,
    }
}

#[cfg(test)]
#[path = "otlp_tests.rs"]
mod tests;
