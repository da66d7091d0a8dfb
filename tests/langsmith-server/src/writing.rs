//! What clients write: runs in every way of the SDK, and feedback. Bodies are read by the library of `trace-collector`; what a run is after
//! its requests, in whatever order they came, is decided here.
//! It answers no queries.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use trace_collector::{
    Encoding, Feedback, Fields, Operation, Refusal, SentRun, Submission, boundary, decode,
};

use crate::contract::query_pairs;
use crate::files::Files;
use crate::json_response;
use crate::scores::Scores;
use crate::world::World;
use crate::written_run::as_run;

/// More than any client sends at once.
const BODY_BYTES_MAX: usize = 64 << 20;
const RUNS_MAX: usize = 10_000;

/// What was written, as it was sent.
#[derive(Default)]
pub(crate) struct Written {
    runs: HashMap<String, Sent>,
    scores: HashMap<String, Scores>,
    /// What came beside the runs.
    pub(crate) files: Files,
    /// Each piece of feedback as it was sent, in order.
    pub(crate) feedback: Vec<Value>,
}

type Owned = BTreeMap<String, Box<RawValue>>;

/// What creations and updates of one run have told.
#[derive(Default)]
struct Sent {
    created: Option<Owned>,
    updated: Option<Owned>,
}

/// Whether a request writes; the published cut of the document has no such paths.
pub(crate) fn is_writing(method: &Method, path: &str) -> bool {
    let path = path.trim_start_matches("/api/v1");
    match *method {
        Method::POST => matches!(
            path,
            "/runs" | "/runs/batch" | "/runs/multipart" | "/feedback" | "/sessions"
        ),
        Method::PATCH => path.starts_with("/runs/"),
        Method::GET => path == "/feedback",
        _ => false,
    }
}

/// The answer to a request that writes.
pub(crate) fn answer(
    world: &mut World,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let (path, query) = (uri.path(), uri.query());
    let path = path.trim_start_matches("/api/v1");
    if *method == Method::GET {
        return json_response(StatusCode::OK, &Value::Array(list_feedback(world, query)));
    }
    match write(world, method, path, headers, body) {
        Ok(answer) => json_response(StatusCode::ACCEPTED, &answer),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status).expect("a status");
            json_response(status, &json!({"detail": refusal.detail}))
        }
    }
}

fn write(
    world: &mut World,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, Refusal> {
    let header = |name| {
        headers
            .get(name)
            .and_then(|value: &axum::http::HeaderValue| value.to_str().ok())
    };
    let encoding = Encoding::of_header(header(CONTENT_ENCODING))?;
    let body = decode(body.to_vec(), encoding, BODY_BYTES_MAX)?;
    let submission = match (method, path) {
        (&Method::POST, "/runs") => Submission::of_run(&body, Operation::Create, None)?,
        (&Method::PATCH, _) => {
            Submission::of_run(&body, Operation::Update, path.strip_prefix("/runs/"))?
        }
        (_, "/runs/batch") => Submission::of_batch(&body, RUNS_MAX)?,
        (_, "/runs/multipart") => {
            Submission::of_multipart(&body, &boundary(header(CONTENT_TYPE))?, RUNS_MAX)?
        }
        (_, "/sessions") => return create_project(world, &body),
        _ => {
            let feedback = serde_json::from_slice(&body)
                .map_err(|error| Refusal::unprocessable(error.to_string()))?;
            Submission {
                feedback: vec![feedback],
                ..Submission::default()
            }
        }
    };
    world.writes.push(format!("{path} {encoding:?}"));
    for file in &submission.attachments {
        world.written.files.take(file);
    }
    for run in &submission.runs {
        take_run(world, run)?;
    }
    for fields in &submission.feedback {
        take_feedback(world, fields)?;
    }
    Ok(json!({"message": "Runs batch ingested"}))
}

/// A project springs into being with the first run that names it.
pub(crate) fn project_of(world: &mut World, name: &str) -> String {
    if let Some((_, id)) = world.projects.iter().find(|(known, _)| known == name) {
        return id.clone();
    }
    let id = trace_collector::project_id(name);
    world.projects.push((name.to_owned(), id.clone()));
    id
}

fn create_project(world: &mut World, body: &[u8]) -> Result<Value, Refusal> {
    let body: Value =
        serde_json::from_slice(body).map_err(|error| Refusal::unprocessable(error.to_string()))?;
    let name = body["name"]
        .as_str()
        .ok_or_else(|| Refusal::unprocessable("name"))?;
    let id = project_of(world, name);
    Ok(json!({"id": id, "tenant_id": world.tenant_id, "name": name, "reference_dataset_id": null}))
}

/// An update wins over a creation, also over one that comes after it.
fn take_run(world: &mut World, run: &SentRun<'_>) -> Result<(), Refusal> {
    let sent = world.written.runs.entry(run.id.clone()).or_default();
    let told = run
        .fields
        .iter()
        .map(|(name, raw)| (name.to_string(), (*raw).to_owned()));
    // One request that tells both is an update of its own creation: its fields are those of the update already.
    if run.is_created {
        sent.created.get_or_insert_default().extend(told.clone());
    }
    if run.is_updated {
        sent.updated.get_or_insert_default().extend(told);
    }
    publish(world, &run.id)
}

/// Puts the run into the world as queries see it.
fn publish(world: &mut World, id: &str) -> Result<(), Refusal> {
    let Some(sent) = world.written.runs.get(id) else {
        return Ok(());
    };
    let both = sent.created.iter().chain(&sent.updated).flatten();
    let fields: Fields<'_> = both
        .map(|(name, raw)| (Cow::Borrowed(name.as_str()), &**raw))
        .collect();
    let run = SentRun {
        id: id.to_owned(),
        is_created: true,
        is_updated: sent.updated.is_some(),
        fields,
    };
    let scores = world.written.scores.get(id).map(Scores::stats);
    let is_by_id = run.fields.contains_key("session_id");
    let files = world.written.files.of_run(id, &world.url);
    let (project, mut run) = as_run(&run, scores, files)?;
    if !is_by_id {
        run.fields["project_id"] = project_of(world, &project).into();
    }
    world.put_run(run);
    Ok(())
}

/// `GET /feedback`: that on the runs which are named, or all.
fn list_feedback(world: &World, query: Option<&str>) -> Vec<Value> {
    let pairs = query_pairs(query);
    let runs: Vec<&str> = pairs
        .iter()
        .filter(|(key, _)| key == "run")
        .map(|(_, value)| value.as_str())
        .collect();
    let number = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| key == name)?
            .1
            .parse::<usize>()
            .ok()
    };
    let all = world.written.feedback.iter();
    let named =
        all.filter(|piece| runs.is_empty() || runs.iter().any(|run| piece["run_id"] == *run));
    named
        .skip(number("offset").unwrap_or(0))
        .take(number("limit").unwrap_or(100))
        .cloned()
        .collect()
}

fn take_feedback(world: &mut World, fields: &Fields<'_>) -> Result<(), Refusal> {
    let number = world.written.feedback.len();
    let feedback = Feedback::read(fields)?;
    let piece = feedback.id.clone().unwrap_or_else(|| number.to_string());
    let as_sent = fields.iter().map(|(name, raw)| {
        (
            name.to_string(),
            serde_json::from_str(raw.get()).unwrap_or_default(),
        )
    });
    world
        .written
        .feedback
        .push(Value::Object(as_sent.collect()));
    let id = feedback.run_id.clone();
    world
        .written
        .scores
        .entry(id.clone())
        .or_default()
        .add(piece, feedback);
    publish(world, &id)
}
