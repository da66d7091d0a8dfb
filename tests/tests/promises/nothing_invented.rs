//! A figure that was not received is NULL in the database and in every sum, never 0; a 0 that was received is 0. Through the real bridge in
//! both versions of the API, whether a server says null or nothing at all, and through the real collector.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};

use end_to_end::{AgentsFile, Database, Scene, now_ms, wait_for_condition};
use langsmith_test_server::{ContractServer, KEY, PROJECT, TrueRun, World, run_id, time};
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

use crate::rows::{StoredRun, stored_runs};

/// Each column that is a number, and what 0 is there. A cost keeps the text it came with.
const FIGURES: [(&str, &str); 8] = [
    ("prompt_tokens", "0"),
    ("completion_tokens", "0"),
    ("total_tokens", "0"),
    ("prompt_cost", "\"0\""),
    ("completion_cost", "\"0\""),
    ("total_cost", "\"0\""),
    ("latency_us", "0"),
    ("first_token_us", ""), // a time: its own test below
];

const SUMS: [&str; 6] = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_cost",
    "completion_cost",
    "total_cost",
];

/// Not received from anybody: whether the bridge still asks for the run.
const BRIDGES_OWN: &str = "is_abandoned";

#[test]
fn what_a_server_of_version_2_does_not_send_is_null_and_what_it_sends_as_0_is_0() {
    for leaves_out_nulls in [false, true] {
        let (runs, scene) = read_by_bridge("v2", leaves_out_nulls);
        nothing_is_known_but(&runs["bare"], &[BRIDGES_OWN, "end_us"]);
        nothing_is_known_but(&runs["open"], &[BRIDGES_OWN]);
        everything_is_0(&runs["zero"]);
        sums_tell_what_was_told(&scene.database());
    }
}

#[test]
fn what_a_server_of_version_1_does_not_send_is_null_and_what_it_sends_as_0_is_0() {
    for leaves_out_nulls in [false, true] {
        let (runs, scene) = read_by_bridge("v1", leaves_out_nulls);
        // Version 1 has no field for the latency: it is the time between both ends, as LangSmith's own client says.
        nothing_is_known_but(&runs["bare"], &[BRIDGES_OWN, "end_us", "latency_us"]);
        nothing_is_known_but(&runs["open"], &[BRIDGES_OWN]);
        everything_is_0(&runs["zero"]);
        sums_tell_what_was_told(&scene.database());
    }
}

#[test]
fn what_a_client_does_not_send_to_the_collector_is_null_and_what_it_sends_as_0_is_0() {
    let mut scene = Scene::started(&AgentsFile::new().program(
        "trace-collector",
        "",
        &["trace-collector", "--listen", "127.0.0.1:0"],
    ));
    scene.wait_for_state("trace-collector", "RUNNING");
    let database = scene.database();
    let address: String = wait_for_condition("the collector's address", || {
        let sql = "SELECT value ->> '$' FROM state WHERE key = 'trace-collector/address'";
        let rows = database.try_rows(sql, [], |row| row.get(0));
        rows.unwrap_or_default().pop().ok_or("none yet")
    });
    let run = |n: usize, name: &str, more: Value| {
        let id = run_id(n);
        let mut run = json!({"id": id, "trace_id": id, "dotted_order": format!("20260105T164601000000Z{id}"), "name": name,
            "run_type": "llm", "session_id": PROJECT, "session_name": "default"});
        let fields = run.as_object_mut().expect("made as one");
        fields.extend(more.as_object().expect("made as one").clone());
        run
    };
    let zeros = json!({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "input_cost": 0, "output_cost": 0, "total_cost": 0});
    let start = "2026-01-05T16:46:01Z";
    let body = json!({"post": [
        run(0, "bare", json!({"end_time": "2026-01-05T16:46:03Z", "outputs": {"usage_metadata": {}}, "events": []})),
        run(1, "open", json!({"end_time": null, "extra": {"metadata": {"usage_metadata": null}}})),
        run(2, "zero", json!({"end_time": start, "events": [{"name": "new_token", "time": start}], "outputs": {"usage_metadata": zeros}})),
    ]});
    assert_eq!(
        post(&address, &body),
        "HTTP/1.1 202 Accepted",
        "it is stored"
    );
    let runs = by_name(&database);
    // Both ends were sent: what lies between them is no guess.
    let place = ["dotted_order", "parent_run_ids"];
    nothing_is_known_but(
        &runs["bare"],
        &[&place[..], &["end_us", "latency_us"]].concat(),
    );
    nothing_is_known_but(&runs["open"], &[&place[..], &["metadata"]].concat());
    everything_is_0(&runs["zero"]);
    sums_tell_what_was_told(&database);
}

/// Sends a batch; the first line of the answer.
fn post(address: &str, body: &Value) -> String {
    let host = address.trim_start_matches("http://");
    let body = body.to_string();
    let length = body.len();
    let mut stream = std::net::TcpStream::connect(host).expect("it listens");
    write!(stream, "POST /runs/batch HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .expect("it reads");
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .expect("it answers");
    line.trim_end().to_owned()
}

/// The rows of three runs that the bridge has read, by name.
fn read_by_bridge(api: &str, leaves_out_nulls: bool) -> (BTreeMap<String, StoredRun>, Scene) {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let mut world = World::new();
    world.leaves_out_nulls = leaves_out_nulls;
    world.only_v1 = api == "v1";
    for run in [
        three_runs(0, "bare"),
        three_runs(1, "open"),
        three_runs(2, "zero"),
    ] {
        world.put_run(run);
    }
    let server = runtime.block_on(ContractServer::start(world));
    let lines = format!(
        "env = {{ LANGSMITH_ENDPOINT = \"{}\", LANGSMITH_API_KEY = \"{KEY}\" }}\n\
         config = {{ poll_interval = \"100ms\", safety_lag = \"0s\" }}",
        server.url()
    );
    let scene = Scene::started(&AgentsFile::new().program(
        "langsmith-bridge",
        &lines,
        &["langsmith-bridge"],
    ));
    let database = scene.database();
    let runs = wait_for_condition("three runs", || {
        let runs = by_name(&database);
        if runs.len() == 3 {
            Ok(runs)
        } else {
            Err(runs.len())
        }
    });
    let used: String = wait_for_condition("the version that was used", || {
        let sql = "SELECT api FROM trace_projects WHERE api IS NOT NULL";
        let rows = database.try_rows(sql, [], |row| row.get(0));
        rows.unwrap_or_default().pop().ok_or("not told yet")
    });
    assert_eq!(used, api);
    (runs, scene)
}

fn three_runs(n: usize, name: &str) -> TrueRun {
    let (start, end) = (time(now_ms() - 60_000), time(now_ms() - 58_000));
    let mut fields = json!({"id": run_id(n), "project_id": PROJECT, "trace_id": run_id(n), "is_root": true, "name": name, "run_type": "LLM",
        "status": "SUCCESS", "start_time": start, "end_time": end});
    if name == "open" {
        fields["end_time"] = Value::Null;
    }
    if name == "zero" {
        fields["end_time"] = fields["start_time"].clone();
        fields["first_token_time"] = fields["start_time"].clone();
        fields["latency_seconds"] = json!(0);
        for (name, _) in &FIGURES[..6] {
            fields[*name] = json!(0);
        }
    }
    TrueRun {
        fields,
        has_own_costs: true,
        ..TrueRun::default()
    }
}

fn by_name(database: &Database) -> BTreeMap<String, StoredRun> {
    let runs = stored_runs(database).into_values();
    runs.map(|run| (run["name"].as_str().unwrap_or_default().to_owned(), run))
        .collect()
}

/// Every other column is NULL: not 0, not an empty text.
fn nothing_is_known_but(run: &StoredRun, told: &[&str]) {
    let always = [
        "run_id",
        "project_id",
        "project",
        "trace_id",
        "is_root",
        "name",
        "run_type",
        "status",
        "start_us",
    ];
    let known: BTreeSet<&str> = run.keys().map(String::as_str).collect();
    let expected: BTreeSet<&str> = always.iter().chain(told).copied().collect();
    assert_eq!(known, expected, "{run:#?}");
}

fn everything_is_0(run: &StoredRun) {
    for (name, zero) in &FIGURES[..7] {
        assert_eq!(run[*name].to_string(), *zero, "{name}");
    }
    assert_eq!(run["first_token_us"], run["start_us"]);
}

/// A sum that nobody told anything to is NULL, of no run; one of zeros is 0, of one.
fn sums_tell_what_was_told(database: &Database) {
    for table in ["trace_minutes", "trace_hours", "trace_days"] {
        for sum in SUMS {
            let sql = format!(
                "SELECT s.name, t.{sum}, t.{sum}_runs, t.latencies IS NULL, t.first_tokens IS NULL FROM {table} t JOIN trace_series s USING (series_no)"
            );
            let rows = database
                .try_rows(&sql, [], |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        (row.get::<_, Sql>(1)?, row.get::<_, i64>(2)?),
                        (row.get::<_, bool>(3)?, row.get::<_, bool>(4)?),
                    ))
                })
                .expect("the roll-ups can be read");
            assert_eq!(rows.len(), 3, "{table}");
            for (name, told, (no_latency, no_first_token)) in rows {
                let zero = match sum.ends_with("cost") {
                    true => Sql::Text("0".into()),
                    false => Sql::Integer(0),
                };
                let expected = match name.as_str() {
                    "zero" => (zero, 1),
                    _ => (Sql::Null, 0),
                };
                assert_eq!(told, expected, "{table} {name} {sum}");
                assert_eq!(no_first_token, name != "zero", "{table} {name}");
                assert_eq!(no_latency, name == "open", "{table} {name}");
            }
        }
    }
}
