//! A LangSmith server for tests: real HTTP on a free port, the semantics of the documented API, faults on request.
//! It knows nothing of the bridge. Its README names the source of the contract.
//!
//! # Layout
//! * `contract`: checks requests against the OpenAPI document.
//! * `world`: the projects and runs that exist, and what a test can change of them.
//! * `runs_query`: the answer to `POST /api/v2/runs/query`.
//! * `expected`: what a run has to be in the database.
//! * `faults`: answers that no working server gives.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod contract;
mod expected;
mod faults;
mod runs_query;
mod world;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::any;
use serde_json::{Value, json};

pub use expected::expected_row;
pub use faults::Fault;
pub use world::{KEY, OTHER_PROJECT, PROJECT, World, run_id, time};

/// A running server; it ends when this is dropped.
pub struct ContractServer {
    world: Arc<Mutex<World>>,
    url: String,
    task: tokio::task::JoinHandle<()>,
}

impl ContractServer {
    /// Starts on a free port of the loopback interface.
    pub async fn start(world: World) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let world = Arc::new(Mutex::new(world));
        let router = Router::new()
            .fallback(any(answer))
            .with_state(Arc::clone(&world));
        let task = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("serving does not end")
        });
        Self { world, url, task }
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
    let path = uri.path().to_owned();
    world.note_request(&path, &body);
    for violation in contract::violations(&method, &uri, &headers, &body) {
        world
            .violations
            .push(format!("{method} {uri}: {violation}"));
    }
    if let Some(fault) = world.next_fault(&path) {
        return fault.answer();
    }
    if let Some(refusal) = refuse(&world, &headers) {
        return refusal;
    }
    let mut response = match (&method, path.as_str()) {
        (&Method::GET, "/api/v1/sessions") if !world.only_v2_sessions => {
            json_response(StatusCode::OK, &Value::Array(world.sessions(uri.query())))
        }
        (&Method::GET, "/api/v2/sessions") => {
            let items = world.sessions(uri.query());
            json_response(
                StatusCode::OK,
                &json!({"items": items, "next_cursor": null}),
            )
        }
        (&Method::POST, "/api/v2/runs/query") => runs_query::answer(&mut world, &body),
        _ => problem(StatusCode::NOT_FOUND, "no such path"),
    };
    for (name, value) in &world.headers {
        response
            .headers_mut()
            .insert(*name, value.parse().expect("a test's header"));
    }
    response
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
