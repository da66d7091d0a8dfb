//! Plays a day of traces, and one more every few seconds: chains with model calls, tools, retrieval, errors, feedback.
//! Names and messages are hostile here and there. It measures nothing.

use serde_json::{Value, json};
use shared_state::*;

const PROJECT: &str = "3f0c2a6e-51a8-4a0d-9b33-0c2f4c1c9a10";
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How many traces the past holds, and over which time.
const PAST: (usize, i64) = (1_500, 36 * HOUR_MS);

/// Model, dollars for a million prompt and completion tokens, how slow it is.
const MODELS: [(&str, f64, f64, f64); 3] = [
    ("gpt-4.1-mini", 0.4, 1.6, 1.0),
    ("claude-sonnet-4-5", 3.0, 15.0, 2.4),
    ("llama-3.3-70b", 0.59, 0.79, 0.7),
];

const ERRORS: [&str; 4] = [
    "RateLimitError: Error code: 429 - Rate limit reached for gpt-4.1-mini in organization org-8Qw7 on tokens per min: Limit 200000, Used 198431, Requested 4211. Please try again in 792ms.",
    "TimeoutError: the search index did not answer within 30 s",
    "ValidationError: 1 validation error for Answer\nsources\n  Field required [type=missing]",
    "<script>alert(1)</script> \u{202e}desrever",
];

/// The same figures at each start.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn throw(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mostly small, now and then large, as waiting times are.
    fn skewed(&mut self, middle: f64) -> f64 {
        let around = self.throw() + self.throw() + self.throw() - 1.5;
        middle * (around * 1.1).exp()
    }

    /// One of several, the first ones more often.
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let mut at = 0;
        while at + 1 < of.len() && self.throw() < 0.45 {
            at += 1;
        }
        of[at]
    }

    fn id(&mut self) -> String {
        let _ = self.throw();
        let (high, low) = (self.0 >> 32, self.0 & 0xffff_ffff);
        format!("{high:08x}-{:04x}-7000-8000-{low:012x}", low >> 16)
    }
}

/// The past, the project and the days that were checked.
pub(crate) async fn begin(
    writer: &Writer,
    instance_id: i64,
    now_ms: i64,
) -> Result<(), WriteError> {
    let mut dice = Dice::new(7);
    let mut rows = Vec::new();
    for _ in 0..PAST.0 {
        let ago = dice.throw();
        // More by day than by night.
        if dice.throw() < 0.45 + 0.4 * (ago * 9.0).sin() {
            rows.extend(trace(
                &mut dice,
                now_ms - (ago * PAST.1 as f64) as i64,
                now_ms,
            ));
        }
    }
    for rows in rows.chunks(500) {
        send(writer, instance_id, "langsmith_run", rows.to_vec(), now_ms).await?;
    }
    let day_of = |row: &Value| {
        row["start_us"]
            .as_i64()
            .map(|us| us.div_euclid(DAY_MS * 1_000))
    };
    let mut counted: Vec<(i64, i64)> = Vec::new();
    for day in rows.iter().filter_map(day_of) {
        match counted.iter_mut().find(|(known, _)| *known == day) {
            Some((_, runs)) => *runs += 1,
            None => counted.push((day, 1)),
        }
    }
    let today = now_ms.div_euclid(DAY_MS);
    // LangSmith has three more of one day: a day that is not complete.
    let days = counted.into_iter().filter(|(day, _)| *day < today).map(|(day, runs)| {
        let missing = if day == today - 1 { 0 } else { 3 };
        json!({"project_id": PROJECT, "day_ms": day * DAY_MS, "server_runs": runs + missing, "read_runs": runs})
    });
    send(
        writer,
        instance_id,
        "langsmith_day_check",
        days.collect(),
        now_ms,
    )
    .await?;
    freshness(writer, instance_id, now_ms, "").await
}

/// One more trace, and the project as it is now.
pub(crate) async fn go_on(
    writer: &Writer,
    instance_id: i64,
    now_ms: i64,
    beat: u64,
) -> Result<(), WriteError> {
    let rows = trace(&mut Dice::new(1_000 + beat), now_ms - 2_000, now_ms);
    send(writer, instance_id, "langsmith_run", rows, now_ms).await?;
    freshness(writer, instance_id, now_ms, "").await
}

/// A project that nobody has pulled for an hour, because something keeps the agent from it.
pub(crate) async fn fail(writer: &Writer, instance_id: i64, now_ms: i64) -> Result<(), WriteError> {
    let words = "LangSmith refuses the key (403): a key of another region; set LANGSMITH_ENDPOINT";
    freshness(writer, instance_id, now_ms - HOUR_MS, words).await
}

async fn freshness(
    writer: &Writer,
    instance_id: i64,
    now_ms: i64,
    error: &str,
) -> Result<(), WriteError> {
    let row = json!({
        "project_id": PROJECT, "name": "support-bot", "source": "langsmith", "api": "v2",
        "web_url": format!("https://smith.langchain.com/o/demo/projects/p/{PROJECT}"),
        "last_pull_ms": now_ms, "watermark_ms": now_ms - 45_000, "covered_from_ms": now_ms - 14 * DAY_MS, "backfill_ms": 0,
        "pending_runs": 3, "settling_runs": 12, "gaps": [],
        "http_status": if error.is_empty() { 200 } else { 403 }, "requests_per_10s": 10, "requests_remaining": 7, "error": error,
    });
    send(writer, instance_id, "langsmith_project", vec![row], now_ms).await
}

async fn send(
    writer: &Writer,
    instance_id: i64,
    kind: &str,
    rows: Vec<Value>,
    ts_ms: i64,
) -> Result<(), WriteError> {
    let batch = RecordsBatch {
        instance_id,
        kind: kind.into(),
        rows: RecordsBatch::written(rows),
        cursor: None,
        ts_ms,
    };
    writer.commit(Fact::Records(batch)).await
}

/// A root with what it called.
fn trace(dice: &mut Dice, start_ms: i64, now_ms: i64) -> Vec<Value> {
    let (root, start_us) = (dice.id(), start_ms * 1_000);
    let is_pending =
        dice.throw() < 0.003 || now_ms - start_ms > PAST.1 - HOUR_MS && dice.throw() < 0.02;
    let error = (dice.throw() < 0.04).then(|| dice.pick(&ERRORS));
    let name = dice.pick(&[
        "answer_question",
        "answer_question",
        "summarise_ticket",
        "<b>nightly</b> \u{202e}job",
    ]);
    let mut at_us = start_us + 2_000;
    let mut rows = Vec::new();
    let calls: &[(&str, &str)] = &[
        ("retriever", "VectorStoreRetriever"),
        ("llm", "ChatModel"),
        ("tool", "search_orders"),
        ("llm", "ChatModel"),
    ];
    for (n, (kind, name)) in calls.iter().enumerate() {
        if n >= 2 && dice.throw() < 0.5 {
            break;
        }
        let mut row = call(dice, kind, name, at_us);
        at_us += row["latency_us"].as_i64().unwrap_or(0) + 3_000;
        (row["project_id"], row["trace_id"], row["parent_run_id"]) =
            (PROJECT.into(), root.clone().into(), root.clone().into());
        row["parent_run_ids"] = json!([root]);
        row["is_root"] = false.into();
        rows.push(row);
    }
    if let (Some(error), Some(last)) = (error, rows.last_mut()) {
        (last["status"], last["error"]) = ("error".into(), error.into());
    }
    let mut row = json!({
        "run_id": root, "trace_id": root, "project_id": PROJECT, "project": "support-bot", "name": name, "run_type": "chain",
        "is_root": true, "start_us": start_us, "status": "pending", "tags": ["demo"], "metadata": {"revision": "2026-11-20", "user": "<u>"},
    });
    if is_pending {
        row["is_abandoned"] = (now_ms - start_ms > DAY_MS).into();
    } else {
        row["status"] = if error.is_some() { "error" } else { "success" }.into();
        (row["end_us"], row["latency_us"]) = (at_us.into(), (at_us - start_us).into());
        row["error"] = error.into();
        row["inputs"] = json!({"question": "Where is my order? <img src=x onerror=alert(2)>"});
        row["outputs"] = json!({"answer": "It left our warehouse this morning.", "sources": [{"id": 12, "score": 0.83}]});
        if dice.throw() < 0.2 {
            row["feedback"] =
                json!({"user_score": {"n": 1, "avg": f64::from(u8::from(dice.throw() < 0.85))}});
        }
    }
    rows.insert(0, row);
    rows
}

fn call(dice: &mut Dice, kind: &str, name: &str, start_us: i64) -> Value {
    let (model, prompt_price, completion_price, slow) = dice.pick(&MODELS);
    let middle = match kind {
        "llm" => 1_400_000.0 * slow,
        "tool" => 350_000.0,
        _ => 90_000.0,
    };
    let latency_us = dice.skewed(middle) as i64;
    let mut row = json!({
        "run_id": dice.id(), "name": name, "run_type": kind, "status": "success", "start_us": start_us,
        "end_us": start_us + latency_us, "latency_us": latency_us,
    });
    if kind == "llm" {
        let (prompt, completion) = (dice.skewed(2_200.0) as i64, dice.skewed(240.0) as i64);
        let cost = (
            prompt as f64 * prompt_price / 1e6,
            completion as f64 * completion_price / 1e6,
        );
        row["model"] = model.into();
        row["first_token_us"] = (start_us + latency_us / 3).into();
        (
            row["prompt_tokens"],
            row["completion_tokens"],
            row["total_tokens"],
        ) = (
            prompt.into(),
            completion.into(),
            (prompt + completion).into(),
        );
        row["prompt_cost"] = format!("{:.8}", cost.0).into();
        row["completion_cost"] = format!("{:.8}", cost.1).into();
        row["total_cost"] = format!("{:.8}", cost.0 + cost.1).into();
    }
    row
}
