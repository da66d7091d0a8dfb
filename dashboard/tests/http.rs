//! What the server lets in and what every answer carries.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use common::{Place, Server};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers() {
    let place = Place::new();
    place.register(&["alpha"]).await;
    let server = Server::start(&place).await;
    for path in [
        "/",
        "/agents/1",
        "/nothing",
        "/api/v1/agents",
        "/api/v1/agents/99",
        "/metrics",
        "/?state=none",
    ] {
        let answer = server.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{path}: {policy}"
        );
        assert!(
            policy.contains("require-trusted-types-for 'script'"),
            "{path}"
        );
        let expected = [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ];
        for (name, value) in expected {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_embed_no_script_and_no_style() {
    let place = Place::new();
    let ids = place.register(&["alpha"]).await;
    place.run(ids[0], 41, "fine").await;
    let server = Server::start(&place).await;
    for path in ["/", "/agents/1", "/alerts", "/events", "/system", "/help"] {
        let page = server.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(
            !page.body.contains("style=\"") && !page.body.contains("<style"),
            "{path}"
        );
        assert!(
            !page.body.contains(" onclick") && !page.body.contains("javascript:"),
            "{path}"
        );
        assert_eq!(
            page.body.matches("<script").count(),
            page.body.matches("<script src=\"/assets/").count() + 1,
            "{path}"
        );
        assert_eq!(page.body.matches("<h1").count(), 1, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_host_names_are_misdirected() {
    let place = Place::new();
    let server = Server::start_with(&place, &["--allow-host", "agents.example"]).await;
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "",
    ] {
        let answer = server.ask("GET", "/api/v1/agents", &[("Host", host)]).await;
        assert_eq!(answer.status, 421, "{host}");
    }
    for host in [
        "127.0.0.1",
        "LOCALHOST:1",
        "[::1]:8420",
        "agents.example:443",
    ] {
        let answer = server.ask("GET", "/api/v1/agents", &[("Host", host)]).await;
        assert_eq!(answer.status, 200, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_reading_is_allowed() {
    let place = Place::new();
    let server = Server::start(&place).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = server.ask(method, "/", &[("Content-Length", "0")]).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("GET, HEAD")),
            "{method}"
        );
    }
    let head = server.ask("HEAD", "/", &[]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_may_link_but_not_load() {
    let place = Place::new();
    let server = Server::start(&place).await;
    let load = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "no-cors"),
    ];
    assert_eq!(server.ask("GET", "/api/v1/agents", &load).await.status, 403);
    let link = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
    ];
    assert_eq!(server.ask("GET", "/", &link).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_out_of_bounds_are_refused_for_people_and_programs() {
    let place = Place::new();
    place.register(&["alpha"]).await;
    let server = Server::start(&place).await;
    let refused = [
        "/?state=GONE",
        "/?range=1y",
        "/?theme=pink",
        "/?q=1&q=2",
        "/agents/1?from=1",
        "/events?before=-1",
        "/events/fleet?range=2h",
        "/api/v1/events?limit=1001",
        "/api/v1/events?level=5",
        "/api/v1/agents/1/charts?buckets=2001",
        "/api/v1/agents/1/charts?series=1;2",
        "/api/v1/agents/1/log?limit=0",
        "/api/v1/agents/1/log?before=../../etc/passwd",
    ];
    for path in refused {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 400, "{path}");
        let is_json = path.starts_with("/api/") || path.starts_with("/events/");
        let kind = answer.header("content-type").unwrap();
        assert_eq!(
            kind.starts_with("application/json"),
            is_json,
            "{path}: {kind}"
        );
    }
    for path in [
        "/agents/0",
        "/agents/alpha",
        "/agents/99",
        "/api/v1/agents/99/log",
        "/events/agents/99",
        "/assets/x/y.js",
    ] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_and_leaves_the_address_bar() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let file = place.folder.path().join("token");
    std::fs::write(&file, "0123456789abcdef0123\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let server = Server::start_with(&place, &["--token-file", file.to_str().unwrap()]).await;
    assert_eq!(server.get("/").await.status, 401);
    assert_eq!(server.get("/?token=0123456789abcdef0124").await.status, 401);
    let entered = server.get("/?token=0123456789abcdef0123").await;
    assert_eq!(
        (entered.status, entered.header("location")),
        (303, Some("/"))
    );
    let cookie = entered.header("set-cookie").unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(
        server.ask("GET", "/", &[("Cookie", cookie)]).await.status,
        200
    );
    let bearer = [("Authorization", "Bearer 0123456789abcdef0123")];
    assert_eq!(server.ask("GET", "/metrics", &bearer).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_kept_by_their_hash_only() {
    let place = Place::new();
    let server = Server::start(&place).await;
    let page = server.get("/").await.body;
    let at = page.find("/assets/").unwrap();
    let url = page[at..].split('"').next().unwrap();
    let asset = server.get(url).await;
    assert!(
        asset.header("cache-control").unwrap().contains("immutable"),
        "{url}"
    );
    let old = server.get("/assets/0000/style.css").await;
    assert_eq!(
        (old.status, old.header("cache-control")),
        (200, Some("no-store"))
    );
}
