//! Makes rows of kind `langsmith_run` in the shape of real ones: traces of eight runs, several models, errors, costs,
//! feedback. The same numbers always give the same rows. It stores nothing.

use serde_json::{Value, json};

/// Runs of one trace.
pub(crate) const RUNS_PER_TRACE: u64 = 8;

const MODELS: [(&str, &str, i64, u64); 4] = [
    ("gpt-5-mini", "openai", 2_000_000, 25),
    ("gpt-5", "openai", 6_000_000, 125),
    ("claude-sonnet-4-5", "anthropic", 5_000_000, 300),
    ("gemini-2.5-flash", "google_genai", 1_500_000, 30),
];
/// Name, type and parent of each run, the root first. LLM runs take the names of their clients.
const SHAPE: [(&str, &str, usize); RUNS_PER_TRACE as usize] = [
    ("LangGraph", "chain", 0),
    ("agent", "chain", 0),
    ("ChatModel", "llm", 1),
    ("tools", "chain", 0),
    ("search_orders", "tool", 3),
    ("retrieve", "retriever", 3),
    ("answer", "chain", 0),
    ("ChatModel", "llm", 6),
];
const ROOTS: [&str; 5] = [
    "support",
    "invoice_reader",
    "planner",
    "summary",
    "LangGraph",
];
const ERRORS: [&str; 4] = [
    "RateLimitError('Limit 30000, used 29840, requested 1200')",
    "TimeoutError('request timed out after 60.0 seconds')",
    "ValidationError: 3 validation errors for Order",
    "APIConnectionError: connection to 10.0.3.17:443 was reset",
];

/// Numbers that look random and are always the same.
fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn id(start_us: i64, trace: u64, run: u64) -> String {
    // The time in front, as in the ids of LangSmith's own clients.
    let (time, random) = (start_us / 1_000, mix(trace * RUNS_PER_TRACE + run));
    format!(
        "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
        time >> 16,
        time & 0xffff,
        random & 0xfff,
        random >> 12 & 0xfff,
        random >> 16
    )
}

/// How many names each kind of run has, and how many models there are besides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Variety {
    pub(crate) names: u64,
    pub(crate) models: u64,
}

/// A few are frequent and most are rare, as names are: number `n` about as often as one in `n`.
fn frequent_first(names: u64, dice: u64) -> u64 {
    let octave = 1 << (dice % u64::from(names.max(1).ilog2() + 1));
    (octave + mix(dice) % octave).min(names)
}

/// All runs of the trace number `trace`, whose root starts at `start_us`.
pub(crate) fn trace(project_id: &str, trace: u64, start_us: i64, variety: Variety) -> Vec<Value> {
    let dice = |run: u64, sides: u64| mix(trace ^ mix(run)) % sides;
    let (model, provider, typical_us, price) = MODELS[dice(90, 4) as usize];
    let model = match variety.models {
        0 => model.to_owned(),
        models => format!("{model}-{}", dice(97, models.div_ceil(4))),
    };
    let has_failed = dice(91, 40) == 0;
    let is_pending = dice(92, 5_000) == 0;
    let error = ERRORS[dice(93, 4) as usize];
    let root_name = ROOTS[dice(94, 5) as usize];
    let ids: Vec<String> = (0..RUNS_PER_TRACE)
        .map(|run| id(start_us, trace, run))
        .collect();
    let mut rows = Vec::with_capacity(SHAPE.len());
    for (run, (name, run_type, parent)) in SHAPE.into_iter().enumerate() {
        let number = run as u64;
        let is_root = run == 0;
        let start_us = start_us + i64::try_from(number).unwrap_or(0) * 150_000;
        // Long tails, as models have them.
        let spread = dice(number, 1_000).cast_signed()
            + dice(number + 20, 1_000).cast_signed() * dice(number + 40, 30).cast_signed();
        let latency_us = match (is_root, run_type) {
            (true, _) => 3 * typical_us + 400 * spread,
            (_, "llm") => typical_us / 2 + 100 * spread,
            _ => 20_000 + 30 * spread,
        };
        let status = match (
            has_failed && [0, 1, 2].contains(&run),
            is_pending && is_root,
        ) {
            (_, true) => "pending",
            (true, _) => "error",
            _ => "success",
        };
        let name = match (is_root, variety.names) {
            (true, _) => root_name.to_owned(),
            (_, 0..=1) => name.to_owned(),
            (_, names) => format!(
                "{name}_{}",
                frequent_first(names, dice(number + 100, 1 << 40))
            ),
        };
        let mut row = json!({
            "run_id": ids[run], "project_id": project_id, "project": "default", "trace_id": ids[0],
            "dotted_order": format!("20261124T000000000000Z{}", ids[run]), "thread_id": ids[0],
            "name": name, "run_type": run_type, "status": status, "is_root": is_root,
            "start_us": start_us, "tags": ["production", format!("seq:step:{run}")],
            "metadata": {"revision_id": "1f3c5a7", "langgraph_step": run, "ls_integration": "langgraph"},
        });
        let fields = row.as_object_mut().expect("made as an object above");
        if !is_root {
            fields.insert("parent_run_id".into(), ids[parent].as_str().into());
            fields.insert("parent_run_ids".into(), json!([ids[0], ids[parent]]));
        }
        if status != "pending" {
            fields.insert("end_us".into(), (start_us + latency_us).into());
            fields.insert("latency_us".into(), latency_us.into());
        }
        if status == "error" {
            fields.insert(
                "error".into(),
                format!("{error} (request {})", ids[run]).into(),
            );
        }
        if run_type == "llm" {
            let (prompt, completion) =
                (300 + dice(number + 60, 6_000), 20 + dice(number + 70, 900));
            let cost = |tokens: u64| format!("0.{:08}", tokens * price % 100_000_000);
            for (key, value) in [
                ("model", json!(model)),
                ("provider", json!(provider)),
                ("first_token_us", json!(start_us + latency_us / 5)),
                ("prompt_tokens", json!(prompt)),
                ("completion_tokens", json!(completion)),
                ("total_tokens", json!(prompt + completion)),
                ("prompt_cost", json!(cost(prompt))),
                ("completion_cost", json!(cost(completion * 8))),
                ("total_cost", json!(cost(prompt + completion * 8))),
                ("prompt_token_details", json!({"cache_read": prompt / 2})),
            ] {
                fields.insert(key.into(), value);
            }
        }
        if is_root && dice(95, 20) == 0 {
            let score = dice(96, 2);
            fields.insert(
                "feedback".into(),
                json!({"helpful": {"n": 1, "avg": score, "values": {}}}),
            );
        }
        rows.push(row);
    }
    rows
}
