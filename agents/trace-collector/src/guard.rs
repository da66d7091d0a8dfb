//! Responsible for who may ask at all: the host that was named, pages of other sites, the key. It knows no route.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::middleware::Next;
use axum::response::Response;

use crate::answer::refuse;
use crate::app::App;
use crate::refusal::Refusal;

/// Lets a request through or answers it.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    match admit(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            app.count(&refusal);
            refuse(&refusal)
        }
    }
}

fn admit(app: &App, request: &Request) -> Result<(), Refusal> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let named = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let host = named.or_else(|| header(HOST.as_str())).unwrap_or_default();
    if !is_known_host(&app.hosts, host) {
        let host: String = host.chars().take(80).collect();
        return Err(Refusal::new(
            421,
            format!(
                "the host {host:?} is not served here; use 127.0.0.1 or localhost, or set allow_host"
            ),
        ));
    }
    // A page of any site can send a form here; no LangSmith client sends these headers.
    let is_page = header(ORIGIN.as_str()).is_some()
        || header("sec-fetch-site").is_some_and(|site| site != "none");
    if is_page {
        return Err(Refusal::new(403, "web pages may not send traces here"));
    }
    // Anybody may ask what this is, as with LangSmith itself.
    let is_open = matches!(request.uri().path(), "/info" | "/api/v1/info");
    match &app.key {
        Some(key) if !is_open => {
            let bearer =
                header(AUTHORIZATION.as_str()).and_then(|text| text.strip_prefix("Bearer "));
            let offered = header("x-api-key").or(bearer).unwrap_or_default();
            let is_right = key.matches(offered.as_bytes());
            is_right.then_some(()).ok_or_else(|| {
                Refusal::new(
                    401,
                    "x-api-key: not the key of this collector; set LANGSMITH_API_KEY to it",
                )
            })
        }
        _ => Ok(()),
    }
}

/// A web page can point a name of its own at this address (DNS rebinding), but cannot change the name it asks for. An
/// address is no name.
fn is_known_host(hosts: &[String], host: &str) -> bool {
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = without_port.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<std::net::IpAddr>().is_ok()
        || without_port.eq_ignore_ascii_case("localhost")
        || hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(without_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_localhost_and_names_that_were_allowed_are_served() {
        let hosts = ["traces.example".to_owned()];
        for known in [
            "127.0.0.1:1984",
            "127.0.0.1",
            "[::1]:1984",
            "[::1]",
            "LOCALHOST:1",
            "traces.example:80",
            "192.168.0.7:1984",
        ] {
            assert!(is_known_host(&hosts, known), "{known}");
        }
        for unknown in [
            "",
            "evil.example",
            "127.0.0.1.evil.example:1984",
            "localhost.evil.example",
            ":",
        ] {
            assert!(!is_known_host(&hosts, unknown), "{unknown}");
        }
    }
}
