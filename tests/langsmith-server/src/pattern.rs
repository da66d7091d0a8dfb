//! The runs of a test's world: traces of a chain with a tool and a model call, every documented field filled.
//! It keeps none of them.

use serde_json::{Value, json};

use crate::run_store::TrueRun;
use crate::world::{run_id, time_us};

/// What the three runs of a trace are called, and what they are.
const NAMES: [&str; 3] = ["agent", "search", "ChatModel"];
const RUN_TYPES: [&str; 3] = ["CHAIN", "TOOL", "LLM"];

/// The `n`-th run, begun at `start_ms` and some microseconds, that has ended after two seconds.
pub fn run(n: usize, start_ms: i64, project: &str) -> TrueRun {
    let (trace, place) = (n / 3 * 3, n % 3);
    let is_model = place == 2;
    let start_us = start_ms * 1_000 + i64::try_from(n % 1_000).expect("below a thousand");
    let cost = |units: usize| match n % 4 {
        0 => json!(format!("0.000{units:04}00000000000001")),
        1 => json!(units as f64 * 1e-7),
        2 => json!(format!("0.{units:03}0")),
        _ => Value::Null,
    };
    let only_model = |value: Value| if is_model { value } else { Value::Null };
    let dotted = |n: usize| format!("20260105T164601068924Z{}", run_id(n));
    let mut fields = json!({
        "id": run_id(n), "project_id": project, "trace_id": run_id(trace), "is_root": place == 0,
        "parent_run_ids": if place == 0 { json!([]) } else { json!([run_id(trace)]) },
        "dotted_order": if place == 0 { dotted(n) } else { format!("{}.{}", dotted(trace), dotted(n)) },
        "name": NAMES[place], "run_type": RUN_TYPES[place],
        "status": if n % 10 == 9 { "ERROR" } else { "SUCCESS" },
        "error": if n % 10 == 9 { json!(format!("failed: \"{n}\"\n  at ü")) } else { Value::Null },
        "start_time": time_us(start_us), "end_time": time_us(start_us + 2_000_000), "latency_seconds": 2.0,
        "first_token_time": only_model(json!(time_us(start_us + 300_000))),
        "prompt_tokens": n % 100, "completion_tokens": n % 7, "total_tokens": n % 100 + n % 7,
        "prompt_cost": cost(n), "completion_cost": cost(n + 1), "total_cost": cost(2 * n + 1),
        "prompt_token_details": only_model(json!({"raw": {"cache_read": n % 50}})),
        "completion_token_details": only_model(json!({"raw": {"reasoning": n % 5}})),
        "prompt_cost_details": only_model(json!({"raw": {"cache_read": format!("0.0{:02}", n % 50)}})),
        "completion_cost_details": only_model(json!({"raw": {"reasoning": 0.25}})),
        "price_model_id": only_model(json!("dddddddd-0000-4000-8000-000000000001")),
        "metadata": if is_model { json!({"ls_model_name": "model-a", "ls_provider": "maker", "n": n}) } else { json!({"n": n}) },
        "tags": ["production"], "thread_id": format!("thread {trace}"),
    });
    let more = json!({
        "feedback_stats": {}, "reference_example_id": null, "reference_dataset_id": null, "is_in_dataset": n.is_multiple_of(8),
        "app_path": format!("/o/c/projects/p/{project}/r/{}", run_id(n)), "last_queued_at": time_us(start_us + 5),
        "thread_evaluation_time": null, "ls_user_id": "eeeeeeee-0000-4000-8000-000000000001",
        "inputs": {"question": "private"}, "outputs": {"answer": "private"}, "share_url": "https://secret",
        "inputs_preview": "private", "outputs_preview": "private", "error_preview": null,
        "events": [{"name": "start", "time": "2026-01-05T16:46:01+00:00"}], "extra": {"runtime": {"sdk": "private"}},
        "manifest": {"lc": 1}, "attachments": {},
    });
    fields
        .as_object_mut()
        .expect("made as one")
        .extend(more.as_object().expect("made as one").clone());
    TrueRun {
        fields,
        ..TrueRun::default()
    }
}
