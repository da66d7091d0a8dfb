//! Traces for people and programs: shapes, filters, what is absent, hostile text, and figures for Prometheus.
//! How it looks and moves is tested in a browser.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::collections::BTreeSet;

use common::{Answer, Place, Server, now_ms, part};
use serde_json::{Value, json};
use shared_state::*;

const HOSTILE: &str = "<script>alert(1)</script>\u{202e}";

/// Rows of one kind, as an agent sends them.
async fn send(place: &Place, instance_id: i64, kind: &str, rows: Value) {
    let Value::Array(rows) = rows else {
        panic!("{rows} are no rows");
    };
    let batch = RecordsBatch {
        instance_id,
        kind: kind.into(),
        rows: RecordsBatch::written(rows),
        cursor: None,
        ts_ms: now_ms(),
    };
    place.commit(Fact::Records(batch)).await;
}

/// A failed trace with one call of a model, one that is pending, a project, a day that was checked.
async fn filled() -> (Place, Server) {
    let place = Place::new();
    let ids = place.register(&["bridge"]).await;
    let (at_ms, day_ms) = (now_ms() - 120_000, (now_ms() / 86_400_000 - 1) * 86_400_000);
    let start_us = at_ms * 1_000;
    let project = json!([{"project_id": "p-1", "name": HOSTILE, "source": "langsmith", "api": "v2", "last_pull_ms": now_ms(),
        "watermark_ms": at_ms, "covered_from_ms": 0, "backfill_ms": 0, "pending_runs": 1, "settling_runs": 0,
        "abandoned_runs": 0, "gaps": [[1, 2]], "http_status": 200, "requests_per_10s": 10, "requests_remaining": 9.5,
        "error": "", "web_url": "https://smith.langchain.com/p/1"}]);
    let runs = json!([
        {"run_id": "r-1", "trace_id": "r-1", "project_id": "p-1", "name": HOSTILE, "run_type": "chain", "is_root": true,
            "status": "error", "error": "<img src=x> 12 of 13", "start_us": start_us, "end_us": start_us + 1_500_000,
            "latency_us": 1_500_000, "feedback": {"helpful": {"n": 2, "avg": 0.5}}, "tags": ["<u>"],
            "inputs": {"text": "<iframe src=x>"}},
        {"run_id": "r-2", "trace_id": "r-1", "parent_run_id": "r-1", "parent_run_ids": ["r-1"], "project_id": "p-1",
            "name": "ChatModel", "run_type": "llm", "is_root": false, "status": "success", "model": "gpt-x",
            "start_us": start_us + 1_000, "end_us": start_us + 1_000_000, "latency_us": 999_000,
            "first_token_us": start_us + 251_000, "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
            "prompt_cost": "0.01", "completion_cost": "0.0025", "total_cost": "0.0125"},
        {"run_id": "r-3", "trace_id": "r-3", "project_id": "p-1", "name": "waiting", "run_type": "chain", "is_root": true,
            "status": "pending", "start_us": start_us},
    ]);
    send(&place, ids[0], "langsmith_project", project).await;
    send(&place, ids[0], "langsmith_run", runs).await;
    let check = json!([{"project_id": "p-1", "day_ms": day_ms, "server_runs": 7, "read_runs": 7}]);
    send(&place, ids[0], "langsmith_day_check", check).await;
    let server = Server::start(&place).await;
    (place, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_exact_and_what_was_not_received_is_null() {
    let (_place, server) = filled().await;
    let totals = server.get("/api/v1/traces/totals?range=1h").await.json();
    let now = &totals["now"];
    assert_eq!(
        (&now["runs"], &now["traces"]["runs"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(
        (&now["traces"]["errors"], &now["traces"]["pending"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        now["usage"]["total_cost"],
        json!({"sum": "0.0125", "runs": 1})
    );
    assert_eq!(now["usage"]["total_tokens"], json!({"sum": 120, "runs": 1}));
    assert_eq!(totals["before"]["usage"]["total_tokens"], Value::Null);
    assert_eq!(totals["before"]["traces"]["latency_us"], Value::Null);
    let latency = now["traces"]["latency_us"]["p50"].as_i64().unwrap();
    assert!((1_485_000..=1_515_000).contains(&latency), "{totals}");
    let of_type = |query: &'static str| {
        let server = &server;
        async move {
            server
                .get(&format!("/api/v1/traces/totals?range=1h&{query}"))
                .await
                .json()["now"]["traces"]["runs"]
                .clone()
        }
    };
    assert_eq!(of_type("type=llm").await, 1);
    assert_eq!(of_type("type=tool").await, 0);
    assert_eq!(of_type("model=gpt-x").await, 1);
    assert_eq!(of_type("name=waiting").await, 1);
    let models = server.get("/api/v1/traces/models?range=1h").await.json();
    assert_eq!(
        (&models[0]["name"], models.as_array().unwrap().len()),
        (&json!("gpt-x"), 1)
    );
    let charts = server
        .get("/api/v1/traces/charts?range=1h&buckets=60")
        .await
        .json();
    assert_eq!(charts["bucket_ms"], 60_000);
    let runs: i64 = charts["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["runs"].as_i64().unwrap())
        .sum();
    assert_eq!(runs, 2, "{charts}");
    let run = server.get("/api/v1/traces/runs/r-2").await.json();
    assert_eq!(
        (&run["parents"][0]["run_id"], &run["fields"]["total_cost"]),
        (&json!("r-1"), &json!("0.0125"))
    );
    let run = server.get("/api/v1/traces/runs/r-1").await.json();
    assert_eq!(
        (
            &run["children"][0]["run_id"],
            &run["contents"]["inputs"]["text"]
        ),
        (&json!("r-2"), &json!("<iframe src=x>"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_has_the_shape_that_the_description_gives_it() {
    let (_place, server) = filled().await;
    let openapi = server.get("/api/v1/openapi.json").await.json();
    let keys = |object: &Value| -> BTreeSet<String> {
        object.as_object().unwrap().keys().cloned().collect()
    };
    let mut checked = BTreeSet::new();
    let mut check = |name: &str, value: &Value| {
        let described = keys(&openapi["components"]["schemas"][name]["properties"]);
        assert_eq!(described, keys(value), "{name}: {value}");
        checked.insert(name.to_owned());
    };
    let get = async |path: &str| server.get(&format!("/api/v1/traces/{path}")).await.json();
    let totals = get("totals?range=1h").await;
    check("TraceWindow", &totals);
    check("TraceTotals", &totals["now"]);
    check("TraceFigures", &totals["now"]["traces"]);
    check("TracePercentiles", &totals["now"]["traces"]["latency_us"]);
    check("TraceUsage", &totals["now"]["usage"]);
    check("TraceSum", &totals["now"]["usage"]["total_cost"]);
    check("TraceFeedback", &totals["now"]["feedback"][0]);
    let charts = get("charts?range=1h").await;
    check("TraceCharts", &charts);
    check("TraceBucket", &charts["buckets"][0]);
    check("TraceProject", &get("projects").await[0]);
    check("TraceGroup", &get("names?range=1h").await[0]);
    check("TraceRun", &get("slowest?range=1h").await[0]);
    check("TraceError", &get("errors?range=1h").await[0]);
    check("TraceRun", &get("pending").await[0]);
    check("TraceDayCheck", &get("checks").await[0]);
    check("TraceRunDetail", &get("runs/r-1").await);
    let described = openapi["components"]["schemas"].as_object().unwrap();
    let described = described.keys().filter(|name| name.starts_with("Trace"));
    assert_eq!(
        checked,
        described.cloned().collect(),
        "every shape was compared"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_errors_and_contents_stay_text_and_only_web_addresses_are_linked() {
    let (place, server) = filled().await;
    for path in ["/traces?range=1h", "/traces/runs/r-1", "/traces/runs/r-2"] {
        let page = server.get(path).await.body;
        for raw in ["<script>alert", "<img", "<iframe", "<u>", "\u{202e}"] {
            assert!(!page.contains(raw), "{path} has {raw}");
        }
        assert!(
            page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
            "{path}"
        );
        assert!(
            page.contains("href=\"https://smith.langchain.com/p/1"),
            "{path}"
        );
        assert!(page.contains("rel=\"noopener noreferrer\""), "{path}");
    }
    let hostile = json!([{"project_id": "p-1", "web_url": "javascript:alert(1)"}]);
    send(&place, 1, "langsmith_project", hostile).await;
    for path in ["/traces?range=1h", "/traces/runs/r-1"] {
        let page = server.get(path).await.body;
        assert!(
            !page.contains("javascript:") && !page.contains("smith.langchain.com"),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_out_of_bounds_is_said() {
    let (_place, server) = filled().await;
    let status = async |path: &str| server.get(path).await.status;
    assert_eq!(status("/api/v1/traces/totals?project=p-2").await, 404);
    assert_eq!(status("/api/v1/traces/runs/none").await, 404);
    assert_eq!(status("/traces/runs/none").await, 404);
    assert_eq!(status("/events/traces/runs/none").await, 404);
    for query in [
        "range=2h",
        "type=LLM",
        "from=5",
        "limit=0",
        "limit=201",
        "project=%00",
    ] {
        assert_eq!(
            status(&format!("/api/v1/traces/slowest?{query}")).await,
            400,
            "{query}"
        );
    }
    assert_eq!(status("/traces?type=%3Cb%3E").await, 400);
    let page: Answer = server.get("/traces?project=p-2").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("No such project") && page.body.contains("data-project=\"p-1\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_says_how_traces_come_and_the_stream_brings_the_first() {
    let place = Place::new();
    let ids = place.register(&["bridge"]).await;
    let server = Server::start(&place).await;
    let page = server.get("/traces").await.body;
    for words in [
        "No traces yet",
        "LANGSMITH_API_KEY",
        "agents.langsmith-bridge",
        "LANGSMITH_ENDPOINT=http://127.0.0.1:",
    ] {
        assert!(page.contains(words), "no {words}");
    }
    assert_eq!(
        server.get("/api/v1/traces/projects").await.json(),
        json!([])
    );
    let mut events = server.stream("/events/traces?range=1h").await.unwrap();
    let first = events.next("patch").await;
    assert!(
        part(&first, "trace-empty")
            .unwrap()
            .contains("No traces yet")
    );
    let run = json!([{"run_id": "r-1", "project_id": "p-1", "name": "first", "run_type": "chain", "is_root": true,
        "status": "success", "start_us": now_ms() * 1_000, "latency_us": 5}]);
    send(&place, ids[0], "langsmith_run", run).await;
    loop {
        let patch = events.next("patch").await;
        if part(&patch, "trace-tiles").is_some_and(|html| html.contains(">1</span>")) {
            let tiles = part(&patch, "trace-tiles").unwrap();
            let absent = tiles.matches("class=\"value none\"").count();
            assert_eq!(absent, 6, "first token, tokens and cost: {tiles}");
            assert!(
                !part(&patch, "trace-empty")
                    .unwrap()
                    .contains("No traces yet")
            );
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_is_told_of_each_project() {
    let (_place, server) = filled().await;
    let metrics = server.get("/metrics").await.body;
    let value = |name: &str| {
        let line = metrics
            .lines()
            .find(|line| line.starts_with(&format!("{name}{{project_id=\"p-1\"")));
        line.unwrap_or_else(|| panic!("no {name}: {metrics}"))
            .rsplit_once(' ')
            .unwrap()
            .1
            .parse::<f64>()
            .unwrap()
    };
    assert_eq!(value("agents_traces_last_hour_runs"), 3.0);
    assert_eq!(value("agents_traces_last_hour_traces"), 2.0);
    assert_eq!(value("agents_traces_last_hour_errors"), 1.0);
    assert_eq!(value("agents_traces_pending_runs"), 1.0);
    assert_eq!(value("agents_traces_failing"), 0.0);
    assert!((120.0..300.0).contains(&value("agents_traces_watermark_lag_seconds")));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_single_runs_keep_to_the_filters_of_the_page() {
    let (_place, server) = filled().await;
    let ids = async |question: &str| -> Vec<String> {
        let rows = server.get(&format!("/api/v1/traces/{question}")).await;
        let rows = rows.json();
        let id = |row: &Value| match &row["example"] {
            Value::Null => row["run_id"].as_str().unwrap().to_owned(),
            run => run["run_id"].as_str().unwrap().to_owned(),
        };
        rows.as_array().unwrap().iter().map(id).collect()
    };
    assert_eq!(ids("slowest?range=1h").await, ["r-1"], "traces only");
    assert_eq!(ids("slowest?range=1h&type=llm").await, ["r-2"]);
    assert_eq!(ids("slowest?range=1h&model=gpt-x").await, ["r-2"]);
    assert_eq!(ids("slowest?range=1h&name=waiting").await, [""; 0]);
    assert_eq!(ids("errors?range=1h").await, ["r-1"]);
    assert_eq!(ids("errors?range=1h&type=chain").await, ["r-1"]);
    assert_eq!(ids("errors?range=1h&type=llm").await, [""; 0]);
    assert_eq!(ids("pending").await, ["r-3"]);
    assert_eq!(ids("pending?name=waiting").await, ["r-3"]);
    assert_eq!(ids("pending?type=llm").await, [""; 0]);
    let page = server.get("/traces?range=1h&type=llm").await.body;
    assert!(page.contains("Slowest runs") && page.contains("data-run=\"r-2\""));
    assert!(!page.contains("data-run=\"r-1\"") && !page.contains("data-run=\"r-3\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_names_the_most_frequent_are_listed_and_the_others_are_counted() {
    let place = Place::new();
    let ids = place.register(&["bridge"]).await;
    let server = Server::start(&place).await;
    let start_us = (now_ms() - 60_000) * 1_000;
    let run = |n: usize, name: String, model: String| {
        json!({"run_id": format!("r{n}"), "project_id": "p-1",
        "run_type": "llm", "name": name, "model": model, "is_root": false, "status": "success", "start_us": start_us})
    };
    let often = (0..5).map(|n| run(n, "often".into(), "m".into()));
    let once = (5..35).map(|n| run(n, format!("n{n}"), format!("m{}", n % 3)));
    let runs: Vec<Value> = often.chain(once).collect();
    send(&place, ids[0], "langsmith_run", runs.into()).await;
    let page = server.get("/traces?range=1h").await.body;
    assert!(
        page.contains("the 20 most frequent of 31; all others together: 11 runs"),
        "{page}"
    );
    let first = page.find("data-name=\"often\"").unwrap();
    assert!(first < page.find("data-name=\"n10\"").unwrap());
    assert!(
        page.contains(">LLM runs</span>"),
        "all four models are listed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_programs_send_themselves_is_not_measured_by_pulls() {
    let place = Place::new();
    let ids = place.register(&["collector"]).await;
    let server = Server::start(&place).await;
    let project = json!([{"project_id": "l-1", "name": "bot", "source": "local", "last_pull_ms": now_ms(), "error": ""}]);
    send(&place, ids[0], "langsmith_project", project).await;
    let start_us = (now_ms() - 90_000_000) * 1_000;
    let open = |id: &str, is_abandoned: bool| {
        json!({"run_id": id, "project_id": "l-1", "run_type": "chain", "is_root": true,
        "status": "pending", "is_abandoned": is_abandoned, "start_us": start_us})
    };
    let runs = json!([open("a", false), open("b", true), open("c", true)]);
    send(&place, ids[0], "langsmith_run", runs).await;
    let page = server.get("/traces").await.body;
    assert!(page.contains("last received") && page.contains("data-source=\"local\""));
    for words in [
        "watermark",
        "HTTP status",
        "still to read",
        "class=\"outside\"",
        "Open in LangSmith",
    ] {
        assert!(!page.contains(words), "{words}");
    }
    assert!(
        page.contains("data-figure=\"pending\">1<")
            && page.contains("data-figure=\"abandoned\">2<")
    );
    assert!(page.contains("Choose a longer one above"));
    let project = json!([{"project_id": "b-1", "name": "a", "source": "langsmith", "error": "HTTP 429", "http_status": 429}]);
    send(&place, ids[0], "langsmith_project", project).await;
    let page = server.get("/traces?project=b-1").await.body;
    assert!(
        page.contains("its runs are still to be read") && page.contains("watermark"),
        "{page}"
    );
}
