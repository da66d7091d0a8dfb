//! The same data for programs: JSON under `/api/v1/`, described by `/api/v1/openapi.json`.
//! Shapes are in `shapes`; nothing here judges.

pub mod shapes;
pub mod trace_shapes;
pub mod traces;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use shared_state::EventFilter;

use crate::app::App;
use crate::observer::now_ms;
use crate::pages::lists::LEVELS;
use crate::pages::log::{Log, shown};
use crate::problem::Problem;
use crate::query::{Params, Span};
use crate::questions;
use crate::router::Id;
use shapes::{AgentJson, AlertJson, ChartJson, EventJson, InvocationJson, MarkJson, SeriesJson};

/// The description of all this; a test compares it with the routes.
pub const OPENAPI: &str = include_str!("../../assets/openapi.json");

/// Rows of one answer.
const LIMIT: (i64, i64) = (1, 1_000);

/// Lines of one answer.
const LINES: (i64, i64) = (1, 500);

/// Columns of one chart.
const BUCKETS: (i64, i64) = (1, 2_000);

/// All routes of the API.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/agents", get(agents))
        .route("/api/v1/agents/{id}", get(agent))
        .route("/api/v1/agents/{id}/invocations", get(invocations))
        .route("/api/v1/agents/{id}/events", get(agent_events))
        .route("/api/v1/agents/{id}/series", get(series))
        .route("/api/v1/agents/{id}/charts", get(charts))
        .route("/api/v1/agents/{id}/log", get(log))
        .route("/api/v1/events", get(events))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/system", get(system))
        .merge(traces::routes())
}

async fn openapi() -> Response {
    let json = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )];
    (json, OPENAPI).into_response()
}

async fn agents(State(app): State<App>) -> Result<Response, Problem> {
    let view = app.observer.view(None).await;
    let seen = view.seen.as_ref().map_err(unavailable)?;
    let now_ms = now_ms();
    let mut agents: Vec<AgentJson<'_>> = seen
        .fleet
        .iter()
        .map(|row| {
            AgentJson::new(
                row,
                seen.restarts_24h.get(&row.instance_id).copied(),
                now_ms,
            )
        })
        .collect();
    // The page has the worst first; programs want an order that stays.
    agents.sort_by_key(|agent| agent.instance_id);
    Ok(Json(agents).into_response())
}

async fn agent(State(app): State<App>, Id(id): Id) -> Result<Response, Problem> {
    let (row, agent) = questions::instance(&app, id).await?;
    let view = app.observer.view(None).await;
    let restarts = view
        .seen
        .as_ref()
        .ok()
        .and_then(|seen| seen.restarts_24h.get(&id).copied());
    let agent = agent.map(|agent| (agent.command, agent.config));
    let (command, config) = agent.unzip();
    let body = shapes::AgentDetailJson {
        agent: AgentJson::new(&row, restarts, now_ms()),
        command,
        config,
        log_path: row.log_path.as_deref(),
        removed: row.removed,
    };
    Ok(Json(body).into_response())
}

async fn invocations(
    State(app): State<App>,
    Id(id): Id,
    params: Params,
) -> Result<Response, Problem> {
    let limit = number(&params, "limit", LIMIT, 100)?;
    let rows = questions::invocations(&app, id, limit).await?;
    let rows: Vec<InvocationJson<'_>> = rows.iter().map(InvocationJson::from).collect();
    Ok(Json(rows).into_response())
}

async fn agent_events(
    State(app): State<App>,
    Id(id): Id,
    params: Params,
) -> Result<Response, Problem> {
    list_events(&app, Some(id), &params).await
}

async fn events(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    list_events(&app, None, &params).await
}

async fn list_events(
    app: &App,
    instance_id: Option<i64>,
    params: &Params,
) -> Result<Response, Problem> {
    let before = params.number("before", (1, i64::MAX), 0)?;
    let filter = EventFilter {
        instance_id,
        before_id: (before > 0).then_some(before),
        min_level: params.choice("level", &LEVELS)?,
        limit: number(params, "limit", LIMIT, 100)?,
    };
    let rows = questions::events(app, filter).await?;
    let rows: Vec<EventJson<'_>> = rows.iter().map(EventJson::from).collect();
    Ok(Json(rows).into_response())
}

async fn alerts(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    let firing_only = params.choice("state", &[("all", false), ("firing", true)])?;
    let rows = questions::alerts(&app, firing_only, number(&params, "limit", LIMIT, 100)?).await?;
    let rows: Vec<AlertJson<'_>> = rows.iter().map(AlertJson::from).collect();
    Ok(Json(rows).into_response())
}

async fn series(State(app): State<App>, Id(id): Id) -> Result<Response, Problem> {
    let (instance, _) = questions::instance(&app, id).await?;
    let rows = app
        .store
        .read(move |snapshot| questions::series_of(snapshot, &instance))
        .await?;
    let rows: Vec<SeriesJson<'_>> = rows.iter().map(SeriesJson::from).collect();
    Ok(Json(rows).into_response())
}

async fn charts(State(app): State<App>, Id(id): Id, params: Params) -> Result<Response, Problem> {
    let buckets = number(&params, "buckets", BUCKETS, 300)?;
    let wanted = params.text("series").unwrap_or_default();
    let wanted = wanted
        .split(',')
        .filter(|id| !id.is_empty())
        .map(|id| id.parse::<i64>())
        .collect::<Result<Vec<i64>, _>>()
        .map_err(|_| Problem::bad_parameter("`series` must be ids with commas between them"))?;
    if wanted.len() > questions::CHARTS_MAX {
        let most = questions::CHARTS_MAX;
        return Err(Problem::bad_parameter(format!(
            "`series` names more than {most}"
        )));
    }
    let (from_ms, to_ms) = Span::read(&params)?.ends(now_ms());
    let charts = questions::charts(&app, id, wanted, (from_ms, to_ms), buckets).await?;
    let body = ChartJson {
        from_ms,
        to_ms,
        bucket_ms: shapes::bucket_ms(from_ms, to_ms, buckets),
        series: charts.series.iter().map(shapes::PointsJson::from).collect(),
        marks: charts
            .invocations
            .iter()
            .flat_map(MarkJson::of)
            .filter(|mark| (from_ms..=to_ms).contains(&mark.ts_ms))
            .collect(),
    };
    Ok(Json(body).into_response())
}

async fn log(State(app): State<App>, Id(id): Id, params: Params) -> Result<Response, Problem> {
    let limit = number(&params, "limit", LINES, 200)?;
    let part = match params.text("before") {
        None => questions::Part::Tail(limit),
        Some(place) => {
            let place = place.parse().map_err(|()| {
                Problem::bad_parameter("`before` must be the `older` of an answer before")
            })?;
            questions::Part::Older(place, limit)
        }
    };
    let (instance, _) = questions::instance(&app, id).await?;
    let log = questions::log(instance.log_path, part).await;
    if let Some(problem) = questions::log_problem(&log) {
        return Err(problem);
    }
    let Log::Read(piece) = log else {
        return Err(Problem::not_found("This agent has no log file."));
    };
    let body = shapes::LogJson {
        lines: piece.lines.iter().map(shown).collect(),
        older: piece.older.map(|at| at.to_string()),
    };
    Ok(Json(body).into_response())
}

async fn system(State(app): State<App>) -> Result<Response, Problem> {
    let view = app.observer.view(None).await;
    let seen = view.seen.as_ref().map_err(unavailable)?;
    let counters = questions::counters(&app).await?;
    Ok(Json(shapes::system(&app, seen, &counters)).into_response())
}

fn unavailable(waiting: &crate::problem::Waiting) -> Problem {
    Problem::unavailable(waiting.title, waiting.detail.clone())
}

fn number(params: &Params, name: &str, bounds: (i64, i64), default: i64) -> Result<usize, Problem> {
    let number = params.number(name, bounds, default)?;
    Ok(usize::try_from(number).unwrap_or(0))
}
