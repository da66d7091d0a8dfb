//! Traces for programs, under `/api/v1/traces/`: the same questions as the page's.
//! Shapes are in `trace_shapes`; nothing here judges.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{number, trace_shapes as shapes};
use crate::app::App;
use crate::observer::now_ms;
use crate::problem::Problem;
use crate::query::Params;
use crate::router::RunId;
use crate::traces::ask;
use crate::traces::facts::TraceGroup;
use crate::traces::query::TracesQuery;

/// Columns of one chart.
const BUCKETS: (i64, i64) = (1, 500);

/// Rows of one answer.
const LIMIT: (i64, i64) = (1, 200);

type Answer = Result<Response, Problem>;

/// All routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/traces/projects", get(projects))
        .route("/api/v1/traces/totals", get(totals))
        .route("/api/v1/traces/charts", get(charts))
        .route("/api/v1/traces/models", get(models))
        .route("/api/v1/traces/names", get(names))
        .route("/api/v1/traces/slowest", get(slowest))
        .route("/api/v1/traces/errors", get(errors))
        .route("/api/v1/traces/pending", get(pending))
        .route("/api/v1/traces/checks", get(checks))
        .route("/api/v1/traces/runs/{run_id}", get(run))
}

fn list<T>(rows: &[T], shape: impl Fn(&T) -> Value) -> Response {
    Json(rows.iter().map(shape).collect::<Vec<_>>()).into_response()
}

async fn projects(State(app): State<App>) -> Answer {
    let now_ms = now_ms();
    let rows = ask::projects(&app).await?;
    Ok(list(&rows, |row| shapes::project(row, now_ms)))
}

async fn totals(State(app): State<App>, params: Params) -> Answer {
    let shown = ask::totals(&app, TracesQuery::read(&params)?).await?;
    Ok(Json(shapes::both(&shown)).into_response())
}

async fn charts(State(app): State<App>, params: Params) -> Answer {
    let buckets = number(&params, "buckets", BUCKETS, 120)?;
    let charts = ask::charts(&app, TracesQuery::read(&params)?, buckets).await?;
    let rows = charts.rows.chart.iter();
    let body = json!({
        "project_id": charts.project_id, "from_ms": charts.window.0, "to_ms": charts.window.1,
        "bucket_ms": charts.column_ms, "buckets": rows.map(shapes::BucketJson::from).collect::<Vec<_>>(),
    });
    Ok(Json(body).into_response())
}

async fn models(State(app): State<App>, params: Params) -> Answer {
    groups(&app, &params, |window| window.by_model).await
}

async fn names(State(app): State<App>, params: Params) -> Answer {
    groups(&app, &params, |window| window.by_name).await
}

async fn groups(
    app: &App,
    params: &Params,
    which: fn(crate::traces::facts::TraceWindow) -> Vec<TraceGroup>,
) -> Answer {
    let limit = number(params, "limit", LIMIT, 50)?;
    let charts = ask::charts(app, TracesQuery::read(params)?, 1).await?;
    let mut rows = which(charts.rows);
    rows.truncate(limit);
    Ok(list(&rows, shapes::group))
}

async fn slowest(State(app): State<App>, params: Params) -> Answer {
    let limit = number(&params, "limit", LIMIT, 20)?;
    let rows = ask::slowest(&app, TracesQuery::read(&params)?, limit).await?;
    Ok(list(&rows, shapes::run))
}

async fn errors(State(app): State<App>, params: Params) -> Answer {
    let limit = number(&params, "limit", LIMIT, 20)?;
    let rows = ask::errors(&app, TracesQuery::read(&params)?, limit).await?;
    Ok(list(&rows, shapes::error))
}

async fn pending(State(app): State<App>, params: Params) -> Answer {
    let limit = number(&params, "limit", LIMIT, 20)?;
    let rows = ask::pending(&app, TracesQuery::read(&params)?, limit).await?;
    Ok(list(&rows, shapes::run))
}

async fn checks(State(app): State<App>, params: Params) -> Answer {
    let limit = number(&params, "limit", LIMIT, 30)?;
    let rows = ask::checks(&app, TracesQuery::read(&params)?, limit).await?;
    Ok(list(&rows, shapes::check))
}

async fn run(State(app): State<App>, RunId(run_id): RunId) -> Answer {
    Ok(Json(shapes::detail(&ask::run(&app, run_id).await?)).into_response())
}
