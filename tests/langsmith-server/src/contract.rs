//! Checks requests against the published OpenAPI document, allowing for its known faults.
//! It answers nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use axum::http::{HeaderMap, Method, Uri};
use jsonschema::Validator;
use serde_json::{Value, json};

/// Documented elsewhere and missing from the document.
const DOCUMENTED_ADDITIONS: [&str; 3] = [
    "include_subtree_usage",
    "min_feedback_modified_at",
    "max_feedback_modified_at",
];

/// Fields to select that the official SDK 0.15 knows and the document, which is older, does not.
const NEWER_SELECTS: [&str; 2] = ["LAST_QUEUED_AT", "LS_USER_ID"];

/// In the document and not in the official SDK: not to be relied upon.
const NOT_RELIABLE: [&str; 2] = ["sort_order", "ai_query"];

/// Everything in the request that the document does not allow.
pub(crate) fn violations(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Vec<String> {
    let mut found = Vec::new();
    let accepted = headers.get_all("accept").iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    let accepted_kinds = accepted.join(",");
    // The SDK's generated client accepts anything.
    if !["application/json", "*/*"]
        .iter()
        .any(|kind| accepted_kinds.contains(kind))
    {
        found.push(format!("accepts {accepted:?}, not application/json"));
    }
    let documented = uri.path().replace("/api/v2/", "/v2/"); // a known fault of the document
    let documented = match documented.starts_with("/api/") || documented.starts_with("/v2/") {
        true => documented,
        // What the SDK's older client leaves out; the live service answers both.
        false => format!("/api/v1{documented}"),
    };
    match (method, documented.as_str()) {
        (&Method::POST, "/v2/runs/query") => {
            json_body(headers, body, "query.QueryRunsRequestBody", &mut found);
        }
        (&Method::POST, "/api/v1/runs/query") => {
            json_body(headers, body, "BodyParamsForRunsQuerySchema", &mut found);
        }
        (&Method::POST, "/api/v1/runs/stats") => {
            json_body(headers, body, "RunStatsQueryParams", &mut found);
        }
        (&Method::GET, "/api/v1/info") => {}
        (&Method::GET, "/api/v1/sessions") => parameters(uri, &documented, &mut found),
        // Described in the documentation, not in the document.
        (&Method::GET, "/v2/sessions") | (&Method::POST, "/v2/traces/query") => {}
        _ => found.push("is not in the document".to_owned()),
    }
    found
}

/// A JSON body has to be what the document's `schema` says, without any field that it does not know.
fn json_body(headers: &HeaderMap, body: &[u8], schema: &'static str, found: &mut Vec<String>) {
    if headers
        .get("content-type")
        .is_none_or(|value| value != "application/json")
    {
        found.push("has a body of another type than application/json".to_owned());
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        found.push("has no JSON body".to_owned());
        return;
    };
    static VALIDATORS: Mutex<BTreeMap<&str, Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let validator = {
        let mut validators = VALIDATORS.lock().expect("building one does not panic");
        let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
        Arc::clone(
            validators
                .entry(schema)
                .or_insert_with(|| Arc::new(validator(&reference))),
        )
    };
    found.extend(
        validator
            .iter_errors(&body)
            .filter(|error| !is_newer_select(error.instance()))
            .map(|error| format!("{error} at {}", error.instance_path())),
    );
    let known = &document()["components"]["schemas"][schema]["properties"];
    for name in body.as_object().into_iter().flat_map(|body| body.keys()) {
        let is_known = known.get(name).is_some() || DOCUMENTED_ADDITIONS.contains(&name.as_str());
        if !is_known || NOT_RELIABLE.contains(&name.as_str()) {
            found.push(format!("has the field {name}"));
        }
    }
}

fn is_newer_select(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| NEWER_SELECTS.contains(&text))
}

fn parameters(uri: &Uri, documented: &str, found: &mut Vec<String>) {
    let known = document()["paths"][documented]["get"]["parameters"]
        .as_array()
        .expect("the document lists them");
    for (name, value) in query_pairs(uri.query()) {
        let Some(parameter) = known
            .iter()
            .find(|parameter| parameter["name"] == *name && parameter["in"] == "query")
        else {
            found.push(format!("has the parameter {name}"));
            continue;
        };
        // A query has only text; the schema may want a number or a boolean.
        let typed = match value.as_str() {
            "True" | "False" => json!(value == "True"), // as Python writes them
            text => serde_json::from_str(text).unwrap_or_else(|_| json!(value)),
        };
        let validator = validator(&parameter["schema"]);
        if !validator.is_valid(&typed) && !validator.is_valid(&json!(value)) {
            found.push(format!("has {name}={value}"));
        }
    }
}

/// The pairs of a query, decoded.
pub(crate) fn query_pairs(query: Option<&str>) -> Vec<(String, String)> {
    let url = url::Url::parse(&format!("http://host/?{}", query.unwrap_or("")))
        .expect("a query of a real request");
    url.query_pairs().into_owned().collect()
}

fn validator(schema: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"] = document()["components"].clone();
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("the document's schemas are valid")
}

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        serde_json::from_str(include_str!("../openapi_subset.json")).expect("the document is JSON")
    })
}
