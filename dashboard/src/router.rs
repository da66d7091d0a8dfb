//! All routes, and the guard around them.
//! It handles nothing itself.

use axum::Router;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::app::App;
use crate::problem::Problem;
use crate::{api, assets, guard, prometheus, screen, stream};

/// The id of an instance in a path.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| text.parse().ok());
        id.filter(|id| *id > 0)
            .map(Self)
            .ok_or_else(|| Problem::not_found("Agents have ids: whole numbers from 1 on."))
    }
}

/// Longer ids of runs are none: LangSmith's have 36 characters.
const RUN_ID_BYTES_MAX: usize = 128;

/// The id of a run in a path.
#[derive(Clone, Debug)]
pub struct RunId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for RunId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().map(|Path(text)| text);
        id.filter(|id| id.len() <= RUN_ID_BYTES_MAX && !id.chars().any(char::is_control))
            .map(Self)
            .ok_or_else(|| Problem::not_found("Runs have ids of at most 128 bytes, such as UUIDs."))
    }
}

/// Everything that is served.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .route("/", get(screen::show_fleet))
        .route("/agents/{id}", get(screen::show_agent))
        .route("/alerts", get(screen::show_alerts))
        .route("/events", get(screen::show_events))
        .route("/system", get(screen::show_system))
        .route("/traces", get(screen::show_traces))
        .route("/traces/runs/{run_id}", get(screen::show_trace_run))
        .route("/help", get(screen::show_help))
        .route("/events/fleet", get(stream::fleet))
        .route("/events/agents/{id}", get(stream::agent))
        .route("/events/alerts", get(stream::alerts))
        .route("/events/events", get(stream::events))
        .route("/events/system", get(stream::system))
        .route("/events/traces", get(stream::traces))
        .route("/events/traces/runs/{run_id}", get(stream::trace_run))
        .route("/assets/{hash}/{name}", get(assets::serve))
        .route("/metrics", get(prometheus::metrics))
        .merge(api::routes())
        .fallback(async || Problem::not_found("There is no such page."));
    routes
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
