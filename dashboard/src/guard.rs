//! What every request must pass and every answer carries: host, method, origin, token, time limit, security headers.
//! It knows no page.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;
use crate::token::Token;

/// Streams answer their head within this time too; what follows is not limited.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Scripts and styles come from here alone, nothing is embedded, text never becomes script by accident.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types patch";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

const COOKIE: &str = "dashboard_token";

/// Checks a request, lets it through, and finishes its answer.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let is_head = request.method() == Method::HEAD;
    let mut response = match admit(&app, &request) {
        Err(refusal) => *refusal,
        Ok(()) => match tokio::time::timeout(ANSWER_LIMIT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::unavailable(
                "the answer took too long",
                "The machine is very busy. Try again in some seconds.",
            )
            .into_response(),
        },
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let kept = std::mem::take(response.headers_mut());
        response =
            match path.starts_with("/api/") || path.starts_with("/events/") || path == "/metrics" {
                true => problem.json(),
                false => problem.page(),
            };
        for (name, value) in &kept {
            if *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH {
                response.headers_mut().insert(name, value.clone());
            }
        }
    }
    if is_head {
        // The length of the body that is left out is not worth making it.
        *response.body_mut() = axum::body::Body::empty();
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

fn admit(app: &App, request: &Request) -> Result<(), Box<Response>> {
    let headers = request.headers();
    if !is_known_host(&app.settings.hosts, request) {
        return refuse(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "unknown host",
            "The dashboard does not serve this host name. Use 127.0.0.1 or localhost, or start it with --allow-host NAME.",
        ));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method not allowed",
            "The dashboard only reads: GET and HEAD are understood.",
        );
        let allowed = [(header::ALLOW, HeaderValue::from_static("GET, HEAD"))];
        return Err(Box::new((allowed, problem).into_response()));
    }
    let is_foreign = matches!(
        text(headers, "sec-fetch-site"),
        Some("cross-site" | "same-site")
    );
    if is_foreign && text(headers, "sec-fetch-mode") != Some("navigate") {
        return refuse(Problem::new(
            StatusCode::FORBIDDEN,
            "other site",
            "Pages of other sites may link here, but not load anything from here.",
        ));
    }
    match &app.settings.token {
        Some(token) => authorize(token, request),
        None => Ok(()),
    }
}

fn refuse(problem: Problem) -> Result<(), Box<Response>> {
    Err(Box::new(problem.into_response()))
}

/// A web page can point a name of its own at this address (DNS rebinding), but cannot change the name it asks for.
fn is_known_host(hosts: &[String], request: &Request) -> bool {
    let named = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let Some(host) = named.or_else(|| text(request.headers(), "host")) else {
        return false;
    };
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    hosts
        .iter()
        .any(|known| known.eq_ignore_ascii_case(without_port))
}

/// The token as cookie or bearer; once in the URL it becomes the cookie and leaves the address bar.
fn authorize(token: &Token, request: &Request) -> Result<(), Box<Response>> {
    let headers = request.headers();
    let bearer = text(headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    let cookie = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    if bearer.is_some_and(|offered| token.matches(offered))
        || cookie.is_some_and(|offered| token.matches(offered))
    {
        return Ok(());
    }
    let in_url = request.uri().query().and_then(|query| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix("token="))
    });
    if in_url.is_some_and(|offered| token.matches(offered)) {
        // Two slashes at the beginning would name another host.
        let path = format!("/{}", request.uri().path().trim_start_matches('/'));
        let cookie = format!(
            "{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000",
            token.secret()
        );
        let mut response = StatusCode::SEE_OTHER.into_response();
        for (name, value) in [(header::SET_COOKIE, cookie), (header::LOCATION, path)] {
            // A token and a path have no characters that a header cannot carry.
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        return Err(Box::new(response));
    }
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "token needed",
        "Open the address once with `?token=…` (the secret of the token file), or send it as `Authorization: Bearer …`.",
    );
    Err(Box::new((challenge, problem).into_response()))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
