//! Answers that no working server gives, or only a busy one.
//! It does not decide when: a test does.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use tokio_stream::StreamExt as _;

use crate::text_response;

/// One answer instead of the real one.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status with a JSON problem and one more header.
    Status(u16, Option<(&'static str, String)>),
    /// This status with an HTML page, as a proxy sends it.
    Html(u16),
    /// Success, and JSON that ends in the middle.
    TruncatedJson,
    /// Success, and a connection that breaks in the middle of the body.
    BrokenConnection,
    /// Success, and a body that never ends.
    SlowBody,
}

impl Fault {
    pub(crate) fn answer(self) -> Response {
        let begun = r#"{"items":[{"id":"bbbbbbbb-0000-4000-8000-0000000"#;
        match self {
            Self::Status(status, header) => {
                let status = StatusCode::from_u16(status).expect("a status");
                let mut response = crate::problem(status, "as the test wanted");
                if let Some((name, value)) = header {
                    response
                        .headers_mut()
                        .insert(name, value.parse().expect("a test's header"));
                }
                response
            }
            Self::Html(status) => {
                let status = StatusCode::from_u16(status).expect("a status");
                text_response(
                    status,
                    "text/html",
                    "<html><body>blocked</body></html>".into(),
                )
            }
            Self::TruncatedJson => text_response(StatusCode::OK, "application/json", begun.into()),
            Self::BrokenConnection => {
                let parts = [
                    Ok(Bytes::from_static(begun.as_bytes())),
                    Err(std::io::Error::other("broken on purpose")),
                ];
                streamed(Body::from_stream(tokio_stream::iter(parts)))
            }
            Self::SlowBody => {
                let parts = tokio_stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(
                    begun.as_bytes(),
                ))]);
                streamed(Body::from_stream(parts.chain(tokio_stream::pending())))
            }
        }
    }
}

fn streamed(body: Body) -> Response {
    Response::builder()
        .header("content-type", "application/json")
        .body(body)
        .expect("a well-formed response")
}
