//! Responsible for the paths that LangSmith's clients use while they trace, with and without `/api/v1` before them.
//! It does not read bodies, runs or feedback itself.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use serde_json::{Value, json};

use crate::answer::{answer, refuse};
use crate::app::App;
use crate::body::read_body;
use crate::figures::Figures;
use crate::guard::guard;
use crate::info::info;
use crate::intake::Intake;
use crate::limits::COME_AGAIN;
use crate::multipart::boundary;
use crate::otlp::{OtlpForm, read_spans};
use crate::refusal::Refusal;
use crate::sessions;
use crate::submission::{Operation, Submission};

/// How a request is answered.
#[derive(Clone, Copy)]
struct Words {
    done: &'static str,
    /// The status where a run's project is not known. A client takes 404 for a batch to mean that there is no such path.
    unknown: u16,
}

const BATCH: Words = Words {
    done: "Runs batch ingested",
    unknown: 422,
};

/// All routes behind the guard.
pub(crate) fn router(app: App) -> Router {
    let paths = Router::new()
        .route("/info", get(async || answer(StatusCode::OK, info())))
        .route("/runs", post(create_run))
        .route("/runs/{id}", patch(update_run))
        .route("/runs/batch", post(batch))
        .route("/runs/multipart", post(multipart))
        .route("/feedback", post(feedback))
        .route("/otel/v1/traces", post(otlp_traces))
        .route("/sessions", get(list_sessions).post(create_session))
        .route("/sessions/{id}", get(read_session));
    let api = Router::new().nest("/api/v1", paths.clone());
    api.merge(paths)
        .fallback(async || refuse(&Refusal::new(404, "no such path; this is a trace-collector, it takes runs and does not answer queries")))
        .method_not_allowed_fallback(async || refuse(&Refusal::new(405, "no such method for this path")))
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn batch(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let read = |bytes: &[u8], app: &App| {
        take(
            app,
            Submission::of_batch(bytes, app.limits.runs_per_request_max)?,
        )
    };
    ingest(&app, &headers, body, read, BATCH).await
}

async fn multipart(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let boundary = match boundary(content_type) {
        Ok(boundary) => boundary,
        Err(refusal) => return refused(&app, &refusal),
    };
    let read = move |bytes: &[u8], app: &App| {
        let submission =
            Submission::of_multipart(bytes, &boundary, app.limits.runs_per_request_max)?;
        take(app, submission)
    };
    ingest(&app, &headers, body, read, BATCH).await
}

async fn create_run(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let read =
        |bytes: &[u8], app: &App| take(app, Submission::of_run(bytes, Operation::Create, None)?);
    ingest(
        &app,
        &headers,
        body,
        read,
        Words {
            done: "Run created",
            unknown: 404,
        },
    )
    .await
}

async fn update_run(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let read = move |bytes: &[u8], app: &App| {
        take(
            app,
            Submission::of_run(bytes, Operation::Update, Some(&id))?,
        )
    };
    ingest(
        &app,
        &headers,
        body,
        read,
        Words {
            done: "Run updated",
            unknown: 404,
        },
    )
    .await
}

async fn feedback(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let read = |bytes: &[u8], app: &App| {
        let fields = serde_json::from_slice(bytes).map_err(|error| {
            Refusal::unprocessable(format!("the body: {error}; expected feedback"))
        })?;
        let submission = Submission {
            feedback: vec![fields],
            ..Submission::default()
        };
        take(app, submission)
    };
    ingest(
        &app,
        &headers,
        body,
        read,
        Words {
            done: "Feedback created",
            unknown: 404,
        },
    )
    .await
}

/// Exporters of OpenTelemetry try again by themselves after 429 and 503 with `Retry-After`, as the protocol says.
async fn otlp_traces(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let form = match OtlpForm::of_header(text(CONTENT_TYPE.as_str())) {
        Ok(form) => form,
        Err(refusal) => return refused(&app, &refusal),
    };
    let project = text("langsmith-project").map(str::to_owned);
    let read = move |bytes: &[u8], app: &App| {
        let runs = read_spans(bytes, form, project.as_deref())?;
        take(
            app,
            Submission::of_whole_runs(&runs, app.limits.runs_per_request_max)?,
        )
    };
    match store(&app, &headers, body, read, BATCH.unknown).await {
        Ok(()) => ([(CONTENT_TYPE, form.content_type())], form.success()).into_response(),
        Err(refusal) => refused(&app, &refusal),
    }
}

async fn list_sessions(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    answer(
        StatusCode::OK,
        Value::Array(sessions::list(query.as_deref(), &app.figures.projects())),
    )
}

async fn read_session(State(app): State<App>, Path(id): Path<String>) -> Response {
    match sessions::find(&id, &app.figures.projects()) {
        Some(session) => answer(StatusCode::OK, session),
        None => refuse(&Refusal::new(
            404,
            format!("project {id}: not seen since this collector started"),
        )),
    }
}

async fn create_session(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let created = async {
        let read = read_body(&app.limits, &headers, body).await?;
        sessions::create(&read.bytes)
    };
    match created.await {
        Ok(session) => answer(StatusCode::OK, session),
        Err(refusal) => refused(&app, &refusal),
    }
}

/// Only a run that is on disk is acknowledged.
async fn ingest(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    read: impl FnOnce(&[u8], &App) -> Result<Intake, Refusal> + Send + 'static,
    words: Words,
) -> Response {
    match store(app, headers, body, read, words.unknown).await {
        Ok(()) => answer(StatusCode::ACCEPTED, json!({"message": words.done})),
        Err(refusal) => refused(app, &refusal),
    }
}

async fn store(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    read: impl FnOnce(&[u8], &App) -> Result<Intake, Refusal> + Send + 'static,
    unknown: u16,
) -> Result<(), Refusal> {
    Figures::add(&app.figures.requests, 1);
    if app.is_ending() {
        return Err(Refusal::not_now("the collector is stopping", COME_AGAIN));
    }
    let _admitted = app.limits.admit()?;
    let body = read_body(&app.limits, headers, body).await?;
    Figures::add(&app.figures.body_bytes, body.bytes.len());
    let on_thread = app.clone();
    // Megabytes of JSON take long enough to make other requests wait.
    let reading = tokio::task::spawn_blocking(move || read(&body.bytes, &on_thread));
    let intake = reading
        .await
        .map_err(|_| Refusal::new(500, "reading the runs failed"))??;
    let full = || {
        Refusal::not_now(
            "as many requests as there is room for wait to be stored",
            COME_AGAIN,
        )
    };
    let (stored, refusals) = app.store.submit(intake, body.room).ok_or_else(full)?;
    match tokio::time::timeout(app.limits.store_within, stored).await {
        Ok(Ok(Err(refusal))) if refusal.status == 404 => {
            return Err(Refusal::new(unknown, refusal.detail));
        }
        Ok(Ok(result)) => result?,
        Ok(Err(_)) => return Err(Refusal::not_now("the collector is stopping", COME_AGAIN)),
        Err(_) => {
            return Err(Refusal::not_now(
                "the coordinator has not stored the runs in time",
                COME_AGAIN,
            ));
        }
    }
    match refusals.first() {
        None => Ok(()),
        Some(first) => {
            let status = if first.status == 404 {
                unknown
            } else {
                first.status
            };
            let others = refusals.len() - 1;
            Err(Refusal::new(
                status,
                format!("{first} (and {others} more); the rest of the request is stored"),
            ))
        }
    }
}

fn take(app: &App, submission: Submission<'_>) -> Result<Intake, Refusal> {
    let intake = Intake::read(&submission, &app.keep)?;
    Figures::add(
        &app.figures.attachments_seen,
        usize::try_from(intake.attachments).unwrap_or(usize::MAX),
    );
    Figures::add(
        &app.figures.values_oversized,
        usize::try_from(intake.oversized).unwrap_or(usize::MAX),
    );
    Ok(intake)
}

fn refused(app: &App, refusal: &Refusal) -> Response {
    app.count(refusal);
    tracing::debug!("{} {refusal}", refusal.status);
    refuse(refusal)
}
