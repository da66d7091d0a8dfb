//! What programs get: shapes, the description of them, and Prometheus' format.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use common::{Place, Server, now_ms};
use shared_state::*;

#[tokio::test(flavor = "multi_thread")]
async fn agents_have_the_promised_fields() {
    let place = Place::new();
    let ids = place.register(&["alpha", "beta"]).await;
    place.run(ids[0], 41, "fine").await;
    let server = Server::start(&place).await;
    let agents = server.get("/api/v1/agents").await.json();
    let [alpha, beta] = agents.as_array().unwrap().as_slice() else {
        panic!("{agents}");
    };
    assert_eq!(alpha["name"], "alpha");
    assert_eq!(
        (&alpha["state"], &alpha["pid"], &alpha["status"]),
        (&"RUNNING".into(), &41.into(), &"ok".into())
    );
    assert_eq!(
        (&alpha["message"], &alpha["metrics"]["queue_rows"]),
        (&"fine".into(), &3.0.into())
    );
    assert!(
        (5_000..60_000).contains(&alpha["uptime_ms"].as_i64().unwrap()),
        "{alpha}"
    );
    assert!(
        (0..60_000).contains(&alpha["heartbeat_age_ms"].as_i64().unwrap()),
        "{alpha}"
    );
    for key in [
        "agent",
        "instance_id",
        "reason",
        "goal",
        "last_exit",
        "next_attempt_ms",
        "protocol",
        "restarts",
    ] {
        assert!(alpha.get(key).is_some(), "no {key}: {alpha}");
    }
    for key in ["pid", "uptime_ms", "heartbeat_age_ms", "status", "message"] {
        assert!(beta[key].is_null(), "{key}: {beta}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_hold_buckets_and_marks_within_bounds() {
    let place = Place::new();
    let ids = place.register(&["alpha"]).await;
    place.run(ids[0], 41, "fine").await;
    let begin_ms = now_ms() - 600_000;
    for n in 0..100 {
        let metrics = vec![("cpu_percent".into(), n as f64)];
        let row = MetricsRow {
            instance_id: ids[0],
            subject: String::new(),
            ts_ms: begin_ms + n * 5_000,
            metrics,
        };
        place.commit(Fact::Metrics(row)).await;
    }
    let server = Server::start(&place).await;
    let charts = server
        .get("/api/v1/agents/1/charts?range=15m&buckets=10")
        .await
        .json();
    let cpu = charts["series"]
        .as_array()
        .unwrap()
        .iter()
        .find(|series| series["name"] == "cpu_percent")
        .unwrap();
    let buckets = cpu["buckets"].as_array().unwrap();
    assert!((5..=10).contains(&buckets.len()), "{charts}");
    let points: i64 = buckets
        .iter()
        .map(|bucket| bucket[5].as_i64().unwrap())
        .sum();
    assert_eq!(points, 100, "{charts}");
    assert_eq!(charts["marks"][0]["kind"], "started", "{charts}");
    let one = format!(
        "/api/v1/agents/1/charts?series={}&range=1h",
        cpu["series_id"]
    );
    assert_eq!(
        server.get(&one).await.json()["series"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn older_log_lines_follow_the_cursor_of_the_answer_before() {
    let place = Place::new();
    place.register(&["alpha"]).await;
    let lines: String = (0..30)
        .map(|n| format!("2026-11-24T21:08:01.123Z out {n}\n"))
        .collect();
    std::fs::write(place.log_path(0), lines).unwrap();
    let server = Server::start(&place).await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/agents/1/log?limit=12".to_owned();
    loop {
        let piece = server.get(&path).await.json();
        let texts = piece["lines"].as_array().unwrap().iter();
        let texts: Vec<String> = texts
            .map(|line| line["segments"][0]["text"].as_str().unwrap().to_owned())
            .collect();
        seen.splice(0..0, texts);
        match piece["older"].as_str() {
            Some(older) => path = format!("/api/v1/agents/1/log?limit=12&before={older}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..30).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_every_path_and_every_path_answers() {
    let place = Place::new();
    let ids = place.register(&["alpha"]).await;
    place.run(ids[0], 41, "fine").await;
    std::fs::write(place.log_path(0), "2026-11-24T21:08:01.123Z out x\n").unwrap();
    let run = serde_json::json!({"run_id": "r-1", "project_id": "p-1"});
    let batch = RecordsBatch {
        instance_id: ids[0],
        kind: "langsmith_run".into(),
        rows: RecordsBatch::written([run]),
        cursor: None,
        ts_ms: now_ms(),
    };
    place.commit(Fact::Records(batch)).await;
    let server = Server::start(&place).await;
    let openapi = server.get("/api/v1/openapi.json").await.json();
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = openapi["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 22);
    for (path, item) in paths {
        let answer = server
            .get(&path.replace("{id}", "1").replace("{run_id}", "r-1"))
            .await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(item["get"]["responses"]["200"].is_object(), "{path}");
    }
    let described = openapi["components"]["schemas"]["Agent"]["properties"]
        .as_object()
        .unwrap();
    let agent = server.get("/api/v1/agents").await.json()[0].clone();
    let sorted = |object: &serde_json::Map<String, serde_json::Value>| -> std::collections::BTreeSet<String> {
        object.keys().cloned().collect()
    };
    assert_eq!(
        sorted(described),
        sorted(agent.as_object().unwrap()),
        "the description of an agent is its shape"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_in_the_text_format_of_prometheus() {
    let place = Place::new();
    let ids = place.register(&["alpha", "we\"ird\\name"]).await;
    place.run(ids[0], 41, "fine").await;
    let server = Server::start(&place).await;
    let answer = server.get("/metrics").await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(answer.body.ends_with('\n'));
    let mut typed = std::collections::HashSet::new();
    for line in answer.body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            if let Some(rest) = rest.strip_prefix("TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(["gauge", "counter"].contains(&kind), "{line}");
                assert!(typed.insert(name.to_owned()), "{name} is described twice");
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
        let name = series.split('{').next().unwrap();
        assert!(typed.contains(name), "{name} has no type before it");
        assert!(series == name || series.ends_with("\"}"), "{line}");
    }
    assert!(
        answer
            .body
            .contains("agents_up{instance=\"alpha\",agent=\"alpha\"} 1"),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("instance=\"we\\\"ird\\\\name\""),
        "{}",
        answer.body
    );
}
