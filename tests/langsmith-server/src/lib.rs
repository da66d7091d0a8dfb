//! A LangSmith server for tests: real HTTP on a free port, the semantics of the documented API, faults on request.
//! It knows nothing of the bridge. Its README names the source of the contract.
//!
//! # Layout
//! * `contract`: checks requests against the OpenAPI document.
//! * `world`, `run_store`: the projects and runs that exist, and what a test can change of them. `pattern`: runs to fill it with.
//! * `question`, `filter`, `shown`: which runs answer a question, and what they look like by now.
//! * `runs_query`, `runs_query_v1`, `other_answers`: the answers, one function for each path.
//! * `writing`, `written_run`, `files`, `scores`: what clients write, and what it looks like to queries afterwards.
//! * `expected`: what a run has to be in the database.
//! * `faults`: answers that no working server gives.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod contract;
mod expected;
mod faults;
mod files;
mod filter;
mod other_answers;
mod pattern;
mod question;
mod run_store;
mod runs_query;
mod runs_query_v1;
mod scores;
mod shown;
mod world;
mod writing;
mod written_run;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::any;
use serde_json::{Value, json};

pub use expected::expected_row;
pub use faults::{Fault, SelectRefusal};
pub use pattern::run as pattern_run;
pub use run_store::{RunEdit, TrueRun};
pub use world::{KEY, OTHER_PROJECT, PROJECT, World, run_id, time, time_us};

/// A running server; it ends when this is dropped.
pub struct ContractServer {
    world: Arc<Mutex<World>>,
    url: String,
    task: tokio::task::JoinHandle<()>,
}

impl ContractServer {
    /// Starts on a free port of the loopback interface.
    pub async fn start(world: World) -> Self {
        Self::start_on(0, world).await.expect("a free port")
    }

    /// Starts on `port` of the loopback interface; 0 is a free one.
    pub async fn start_on(port: u16, world: World) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let world = Arc::new(Mutex::new(World {
            url: url.clone(),
            ..world
        }));
        let router = Router::new()
            .fallback(any(answer))
            .layer(DefaultBodyLimit::max(64 << 20))
            .with_state(Arc::clone(&world));
        let task = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("serving does not end")
        });
        Ok(Self { world, url, task })
    }

    /// The base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The projects, runs and recorded requests, to be looked at or changed.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world
            .lock()
            .expect("no test panics while it holds this")
    }

    /// Fails if any request broke the contract.
    pub fn assert_contract_was_kept(&self) {
        let world = self.world();
        assert!(
            world.violations.is_empty(),
            "contract broken: {:#?}",
            world.violations
        );
    }
}

impl Drop for ContractServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut world = world.lock().expect("no answer panics");
    if world.is_strict {
        world.note_request(uri.path(), &body);
        // The document has no such paths.
        let is_writing =
            writing::is_writing(&method, uri.path()) || uri.path().starts_with(files::PATH);
        let violations = contract::violations(&method, &uri, &headers, &body);
        for violation in violations.into_iter().filter(|_| !is_writing) {
            world
                .violations
                .push(format!("{method} {uri}: {violation}"));
        }
    }
    if let Some(fault) = world.next_fault(uri.path()) {
        return fault.answer();
    }
    let mut response = route(&mut world, &method, &uri, &headers, &body);
    for (name, value) in &world.headers {
        response
            .headers_mut()
            .insert(*name, value.parse().expect("a test's header"));
    }
    response
}

fn route(
    world: &mut World,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let path = uri.path();
    if (method, path.trim_start_matches("/api/v1")) == (&Method::GET, "/info") {
        return json_response(StatusCode::OK, &other_answers::info(world)); // needs no key
    }
    if let Some(file) = path.strip_prefix(files::PATH) {
        return world.written.files.answer(file); // who has the address needs no key
    }
    if let Some(refusal) = refuse(world, headers) {
        return refusal;
    }
    if world.only_v1 && path.starts_with("/api/v2/") {
        return problem(StatusCode::NOT_FOUND, "no such path");
    }
    if writing::is_writing(method, path) {
        return writing::answer(world, method, uri, headers, body);
    }
    let list = |world: &World| other_answers::sessions(world, uri.query());
    match (method, path) {
        (&Method::GET, "/api/v1/sessions" | "/sessions") if !world.only_v2_sessions => {
            json_response(StatusCode::OK, &Value::Array(list(world)))
        }
        (&Method::GET, "/api/v2/sessions") => json_response(
            StatusCode::OK,
            &json!({"items": list(world), "next_cursor": null}),
        ),
        (&Method::POST, "/api/v2/runs/query") => runs_query::answer(world, body),
        (&Method::POST, "/api/v2/traces/query") => other_answers::traces(world, body),
        (&Method::POST, "/api/v1/runs/query" | "/runs/query") if !world.only_v2 => {
            runs_query_v1::answer(world, body)
        }
        (&Method::POST, "/api/v1/runs/stats" | "/runs/stats") => other_answers::stats(world, body),
        (_, "/api/v2/runs/query" | "/api/v1/runs/query" | "/runs/query") => {
            problem(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        }
        _ => problem(StatusCode::NOT_FOUND, "no such path"),
    }
}

/// Authentication as documented: unknown keys 401, an organisation's key without a workspace 403.
fn refuse(world: &World, headers: &HeaderMap) -> Option<Response> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("x-api-key") != Some(KEY) {
        return Some(problem(StatusCode::UNAUTHORIZED, "Invalid token"));
    }
    match world.needed_workspace {
        Some(needed) if header("x-tenant-id") != Some(needed) => Some(json_response(
            StatusCode::FORBIDDEN,
            &json!({"error": "org_scoped_key_requires_workspace"}),
        )),
        _ => None,
    }
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    text_response(status, "application/json", body.to_string())
}

fn text_response(status: StatusCode, content_type: &str, body: String) -> Response {
    let response = Response::builder()
        .status(status)
        .header("content-type", content_type);
    response
        .body(Body::from(body))
        .expect("a well-formed response")
}

/// An RFC 7807 answer.
fn problem(status: StatusCode, detail: &str) -> Response {
    json_response(
        status,
        &json!({"title": status.canonical_reason(), "status": status.as_u16(), "detail": detail}),
    )
}
