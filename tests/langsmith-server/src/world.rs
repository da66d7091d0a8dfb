//! What exists on the server: projects, runs, what is odd about it, and the requests it has seen.
//! It parses no request bodies and builds no answers to queries.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract::query_pairs;
use super::faults::Fault;

/// The only key that the server knows.
pub const KEY: &str = "lsv2_pt_0123456789abcdef_contract";

/// The id of the project `default`.
pub const PROJECT: &str = "aaaaaaaa-0000-4000-8000-000000000001";

/// The id of the project `other`, which comes first in a list that is not filtered.
pub const OTHER_PROJECT: &str = "aaaaaaaa-0000-4000-8000-000000000002";

/// What the three runs of a trace are called, and what they are.
const NAMES: [&str; 3] = ["agent", "search", "ChatModel"];
const RUN_TYPES: [&str; 3] = ["CHAIN", "TOOL", "LLM"];

/// A run with its own figures, before the server adds those of its children.
#[derive(Clone, Debug)]
pub struct TrueRun {
    /// All fields as `selects` with everything would give them; times end in `Z`.
    pub fields: Value,
    /// Until so many run queries were answered, the run is still pending and has no end, tokens and costs.
    pub ends_after_queries: u64,
    /// Until so many run queries were answered, the run has not arrived.
    pub arrives_after_queries: u64,
}

/// The state of the server; tests read and change it.
#[derive(Default)]
pub struct World {
    /// Names and ids.
    pub projects: Vec<(String, String)>,
    /// In any order.
    pub runs: Vec<TrueRun>,
    /// Where the key belongs to an organisation: the workspace that has to be named.
    pub needed_workspace: Option<&'static str>,
    /// Times leave out their zone.
    pub naive_times: bool,
    /// Each page begins with the last row of the page before.
    pub repeats_rows: bool,
    /// A newer server without the older list of projects.
    pub only_v2_sessions: bool,
    /// Headers of every answer.
    pub headers: Vec<(&'static str, String)>,
    /// Every n-th run query fails with 503.
    pub fails_every: Option<u64>,
    /// Answers to the next requests whose path ends so.
    pub faults: Vec<(&'static str, Fault)>,
    /// What was asked: path and body.
    pub requests: Vec<(String, Value)>,
    /// What broke the contract.
    pub violations: Vec<String>,
    /// Run queries that were answered.
    pub queries: u64,
    /// Cursors that were given out: the body they belong to and the place of the next row.
    pub cursors: BTreeMap<String, (Value, (String, String))>,
}

impl World {
    /// The projects `default` and `other`, without runs.
    pub fn new() -> Self {
        let projects = vec![
            ("other".into(), OTHER_PROJECT.into()),
            ("default".into(), PROJECT.into()),
        ];
        Self {
            projects,
            ..Self::default()
        }
    }

    /// A world with `count` runs of the project `default`, evenly over the `span_ms` before `now_ms`: traces of a chain
    /// with a tool and a model call, with costs as number, text and null by turns.
    pub fn with_runs(count: usize, now_ms: i64, span_ms: i64) -> Self {
        let mut world = Self::new();
        for n in 0..count {
            let age_ms =
                span_ms * i64::try_from(count - n).unwrap() / i64::try_from(count).unwrap();
            world.add_run(n, now_ms - age_ms);
        }
        world
    }

    /// Adds the `n`-th run of the pattern, begun at `start_ms`, that has ended after two seconds.
    pub fn add_run(&mut self, n: usize, start_ms: i64) {
        let (trace, place) = (n / 3 * 3, n % 3);
        let cost = |units: usize| match n % 4 {
            0 => json!(format!("0.000{units:04}00000000000001")),
            1 => json!(units as f64 * 1e-7),
            2 => json!(format!("0.{units:03}0")),
            _ => Value::Null,
        };
        let fields = json!({
            "id": run_id(n), "project_id": PROJECT, "trace_id": run_id(trace), "is_root": place == 0,
            "parent_run_ids": if place == 0 { json!([]) } else { json!([run_id(trace)]) },
            "name": NAMES[place], "run_type": RUN_TYPES[place],
            "status": if n % 10 == 9 { "ERROR" } else { "SUCCESS" },
            "error": if n % 10 == 9 { json!(format!("failed: \"{n}\"\n  at ü")) } else { Value::Null },
            "start_time": time(start_ms), "end_time": time(start_ms + 2_000), "latency_seconds": 2.0,
            "first_token_time": if place == 2 { json!(time(start_ms + 300)) } else { Value::Null },
            "prompt_tokens": n % 100, "completion_tokens": n % 7, "total_tokens": n % 100 + n % 7,
            "prompt_cost": cost(n), "completion_cost": cost(n + 1), "total_cost": cost(2 * n + 1),
            "metadata": if place == 2 { json!({"ls_model_name": "model-a", "ls_provider": "maker", "n": n}) } else { json!({"n": n}) },
            "tags": ["production"], "thread_id": format!("thread {trace}"), "feedback_stats": {},
            "inputs": {"question": "private"}, "outputs": {"answer": "private"}, "share_url": "https://secret",
        });
        self.runs.push(TrueRun {
            fields,
            ends_after_queries: 0,
            arrives_after_queries: 0,
        });
    }

    /// The run with the pattern's number.
    pub fn run_mut(&mut self, n: usize) -> &mut TrueRun {
        self.runs
            .iter_mut()
            .find(|run| run.fields["id"] == run_id(n))
            .expect("the run exists")
    }

    /// The bodies of the run queries so far.
    pub fn run_queries(&self) -> Vec<&Value> {
        self.requests
            .iter()
            .filter(|(path, _)| path.ends_with("/runs/query"))
            .map(|(_, body)| body)
            .collect()
    }

    pub(super) fn note_request(&mut self, path: &str, body: &[u8]) {
        self.requests.push((
            path.to_owned(),
            serde_json::from_slice(body).unwrap_or_default(),
        ));
    }

    pub(super) fn next_fault(&mut self, path: &str) -> Option<Fault> {
        let place = self
            .faults
            .iter()
            .position(|(suffix, _)| path.ends_with(suffix))?;
        Some(self.faults.remove(place).1)
    }

    /// The projects that a query asks for, as the API lists them.
    pub(super) fn sessions(&self, query: Option<&str>) -> Vec<Value> {
        let pairs = query_pairs(query);
        let parameter = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let limit = parameter("limit")
            .or(parameter("page_size"))
            .map_or(100, |text| text.parse().unwrap());
        let named = self
            .projects
            .iter()
            .filter(|(name, _)| parameter("name").is_none_or(|wanted| wanted == name));
        named
            .take(limit)
            .map(|(name, id)| json!({"id": id, "tenant_id": id, "name": name, "run_count": null}))
            .collect()
    }
}

/// The id of the `n`-th run.
pub fn run_id(n: usize) -> String {
    format!("bbbbbbbb-0000-4000-8000-{n:012}")
}

/// RFC 3339 with microseconds.
pub fn time(ms: i64) -> String {
    format!("{:.6}", jiff::Timestamp::from_millisecond(ms).unwrap())
}
