//! An answer that is not what was asked for: status, what happened, what to do. JSON for programs, a page for people.
//! It decides nothing about when.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared_state::ReaderError;

use crate::pages;

/// What went wrong; `detail` says what to do.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// A few words.
    pub title: &'static str,
    /// A sentence or two for people.
    pub detail: String,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// A problem without a time to try again.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// A parameter that cannot be used.
    pub fn bad_parameter(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "parameter not understood", detail)
    }

    /// Something that is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found", detail)
    }

    /// Something that can be had later.
    pub fn unavailable(title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            retry_after: Some(Duration::from_secs(2)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, title, detail)
        }
    }

    /// For programs.
    pub fn json(&self) -> Response {
        let body = serde_json::json!({"error": self.title, "detail": self.detail});
        self.finish(Json(body).into_response())
    }

    /// For people.
    pub fn page(&self) -> Response {
        self.finish(pages::problem(self).into_response())
    }

    fn finish(&self, mut response: Response) -> Response {
        *response.status_mut() = self.status;
        if let Some(after) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// The guard replaces this by the page or the JSON, depending on the path.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ReaderError> for Problem {
    fn from(error: ReaderError) -> Self {
        let waiting = Waiting::from(&error);
        Self::unavailable(waiting.title, waiting.detail)
    }
}

/// Why there is nothing to show yet, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// A few words.
    pub title: &'static str,
    /// What is the matter and what to do.
    pub detail: String,
}

impl From<&ReaderError> for Waiting {
    fn from(error: &ReaderError) -> Self {
        let (title, detail) = match error {
            ReaderError::Missing => (
                "waiting for the database",
                "There is no file yet. Start the coordinator: `coordinator --agents agents.toml`; it makes the file. If it runs, both must name the same file (SHARED_STATE_SQLITE or --database).".into(),
            ),
            ReaderError::NotReady(why) => (
                "waiting for the database",
                format!("The file is there but cannot be read yet: {why}. Start the coordinator; it prepares the file. If it runs, this program's user must be in the file's group and may read the folder."),
            ),
            ReaderError::Newer { found, known } => (
                "the database is newer than this dashboard",
                format!("The file has schema version {found}, this program knows {known}. Update the dashboard; the file is left as it is."),
            ),
            ReaderError::Corrupt(why) => (
                "the database cannot be read",
                format!("It is damaged or not a database of this system: {why}. It is left as it is; restore a backup, or move it away and restart the coordinator."),
            ),
            ReaderError::Busy => (
                "the database is locked",
                "Another program holds a lock on the file. It is tried again by itself.".into(),
            ),
            ReaderError::Deadline => (
                "the database did not answer in time",
                "The disk or the machine is very busy. It is tried again by itself.".into(),
            ),
            ReaderError::Sqlite(error) => (
                "the database cannot be read",
                format!("SQLite says: {error}. It is tried again by itself; check that this program's user may read the file and its folder."),
            ),
        };
        Self { title, detail }
    }
}
