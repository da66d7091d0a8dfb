//! Answers that no working server gives, or only a busy one.
//! It does not decide when: a test does.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

use crate::runs_query::texts;
use crate::world::World;
use crate::{json_response, problem, text_response};

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

/// How a server says that it does not know a field to select.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SelectRefusal {
    /// 400 with a problem whose text names it.
    #[default]
    Problem,
    /// 422 with its place in the list and all that is known instead.
    Validation,
}

/// The refusal of the first field in the list `name` of a body that the server does not know.
pub(crate) fn refuse_selects(world: &World, body: &Value, name: &str) -> Option<Response> {
    let (unknown, refusal) = &world.refused_selects;
    let selects = texts(body, name)?;
    let is_unknown = |select: &String| unknown.contains(&select.as_str());
    let at = selects.iter().position(is_unknown)?;
    let select = &selects[at];
    if *refusal == SelectRefusal::Problem {
        let detail = format!("{name}: unknown value {select}");
        return Some(problem(StatusCode::BAD_REQUEST, &detail));
    }
    let known: Vec<String> = (selects.iter())
        .filter(|select| !is_unknown(select))
        .map(|select| format!("'{select}'"))
        .collect();
    let message = format!("Input should be {}", known.join(", "));
    let detail =
        json!([{"type": "enum", "loc": ["body", name, at], "msg": message, "input": select}]);
    let body = json!({"detail": detail});
    Some(json_response(StatusCode::UNPROCESSABLE_ENTITY, &body))
}

impl Fault {
    pub(crate) fn answer(self) -> Response {
        let begun = r#"{"items":[{"id":"bbbbbbbb-0000-4000-8000-0000000"#;
        match self {
            Self::Status(status, header) => {
                let status = StatusCode::from_u16(status).expect("a status");
                let mut response = problem(status, "as the test wanted");
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
