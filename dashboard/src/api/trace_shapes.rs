//! What the API's answers about traces look like. Nothing is rounded: costs are exact decimals in text, durations whole
//! microseconds; what was not received is null. It asks nothing.

use serde::Serialize;
use serde_json::{Map, Value, json};
use shared_state::TimeMs;

use crate::traces::facts::{
    RunFacts, Shown, TraceBucket, TraceDayCheck, TraceErrorGroup, TraceFeedback, TraceFigures,
    TraceGroup, TracePercentiles, TraceProjectRow, TraceRunRow, TraceSum, TraceTotals, TraceUsage,
};
use crate::traces::freshness::Freshness;

/// A project and how fresh it is.
pub fn project(row: &TraceProjectRow, now_ms: TimeMs) -> Value {
    json!({
        "project_id": row.project_id, "name": row.name, "source": row.source, "web_url": row.web_url, "api": row.api,
        "freshness": Freshness::judge(row, now_ms).word(), "last_pull_ms": row.last_pull_ms,
        "watermark_ms": row.watermark_ms, "lag_ms": row.watermark_ms.map(|ms| (now_ms - ms).max(0)),
        "covered_from_ms": row.covered_from_ms, "backfill_ms": row.backfill_ms, "pending_runs": row.pending_runs,
        "settling_runs": row.settling_runs, "abandoned_runs": row.abandoned_runs, "stored_pending": row.stored_pending,
        "stored_abandoned": row.stored_abandoned, "gaps": row.gaps,
        "http_status": row.http_status, "requests_per_10s": row.requests_per_10s,
        "requests_remaining": row.requests_remaining, "error": row.error, "writer": row.writer,
        "updated_ms": row.updated_ms, "oldest_start_us": row.oldest_start_us, "newest_start_us": row.newest_start_us,
    })
}

/// Percentiles in microseconds, and of how many runs.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct PercentilesJson {
    pub runs: u64,
    pub p50: i64,
    pub p95: i64,
    pub p99: i64,
}

impl From<TracePercentiles> for PercentilesJson {
    fn from(row: TracePercentiles) -> Self {
        Self {
            runs: row.runs,
            p50: row.p50_us,
            p95: row.p95_us,
            p99: row.p99_us,
        }
    }
}

/// Counts and durations.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct FiguresJson {
    pub runs: u64,
    pub errors: u64,
    pub pending: u64,
    pub latency_us: Option<PercentilesJson>,
    pub first_token_us: Option<PercentilesJson>,
}

impl From<&TraceFigures> for FiguresJson {
    fn from(row: &TraceFigures) -> Self {
        Self {
            runs: row.runs,
            errors: row.errors,
            pending: row.pending,
            latency_us: row.latency.map(Into::into),
            first_token_us: row.first_token.map(Into::into),
        }
    }
}

/// Each sum with the number of runs that told it.
pub fn usage(row: &TraceUsage) -> Value {
    fn sum<T: Serialize>(one: &Option<TraceSum<T>>) -> Value {
        one.as_ref()
            .map_or(Value::Null, |one| json!({"sum": one.sum, "runs": one.runs}))
    }
    json!({
        "prompt_tokens": sum(&row.prompt_tokens), "completion_tokens": sum(&row.completion_tokens),
        "total_tokens": sum(&row.total_tokens), "prompt_cost": sum(&row.prompt_cost),
        "completion_cost": sum(&row.completion_cost), "total_cost": sum(&row.total_cost),
    })
}

/// A window.
pub fn totals(row: &TraceTotals) -> Value {
    json!({
        "from_ms": row.from_ms, "to_ms": row.to_ms, "runs": row.runs, "traces": FiguresJson::from(&row.roots),
        "llm": FiguresJson::from(&row.llm), "usage": usage(&row.usage),
        "feedback": row.feedback.iter().map(feedback).collect::<Vec<_>>(),
    })
}

fn feedback(row: &TraceFeedback) -> Value {
    json!({"key": row.key, "count": row.count, "scored": row.scored, "sum": row.sum, "mean": row.mean})
}

/// The window and the one before.
pub fn both(shown: &Shown) -> Value {
    json!({"project_id": shown.project.project_id, "now": totals(&shown.now), "before": totals(&shown.before)})
}

/// Runs of one model, or of one type and name.
pub fn group(row: &TraceGroup) -> Value {
    json!({
        "run_type": row.run_type, "name": row.name, "figures": FiguresJson::from(&row.figures), "usage": usage(&row.usage),
    })
}

/// A run as in a list.
pub fn run(row: &TraceRunRow) -> Value {
    json!({
        "run_id": row.run_id, "trace_id": row.trace_id, "name": row.name, "run_type": row.run_type, "status": row.status,
        "is_root": row.is_root, "start_us": row.start_us, "end_us": row.end_us, "latency_us": row.latency_us,
        "model": row.model, "error": row.error, "is_abandoned": row.is_abandoned,
    })
}

/// Failed runs with one message.
pub fn error(row: &TraceErrorGroup) -> Value {
    json!({
        "message": row.message, "runs": row.runs, "traces": row.roots, "example": row.example.as_ref().map(run),
    })
}

/// A day that was checked.
pub fn check(row: &TraceDayCheck) -> Value {
    json!({
        "day_ms": row.day_ms, "server_runs": row.server_runs, "read_runs": row.read_runs,
        "stored_runs": row.stored_runs, "checked_ms": row.checked_ms,
    })
}

/// One run with all that is stored of it.
pub fn detail(facts: &RunFacts) -> Value {
    let object = |pairs: &[(String, Value)]| -> Map<String, Value> {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let detail = &facts.detail;
    json!({
        "run": run(&detail.run), "project_id": detail.project_id, "project": detail.project, "web_url": detail.web_url,
        "fields": object(&detail.fields), "contents": object(&detail.contents),
        "parents": facts.parents.iter().map(run).collect::<Vec<_>>(),
        "children": facts.children.iter().map(run).collect::<Vec<_>>(),
    })
}

/// One column of the charts.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct BucketJson<'a> {
    pub start_ms: TimeMs,
    #[serde(flatten)]
    pub figures: FiguresJson,
    pub prompt_tokens: Option<i64>,
    pub completion_tokens: Option<i64>,
    pub total_tokens: Option<i64>,
    pub total_cost: Option<&'a str>,
}

impl<'a> From<&'a TraceBucket> for BucketJson<'a> {
    fn from(row: &'a TraceBucket) -> Self {
        let tokens = |sum: &Option<TraceSum<i64>>| sum.as_ref().map(|one| one.sum);
        let mut figures = FiguresJson::from(&row.roots);
        figures.first_token_us = row.llm.first_token.map(Into::into);
        Self {
            start_ms: row.ts_ms,
            figures,
            prompt_tokens: tokens(&row.usage.prompt_tokens),
            completion_tokens: tokens(&row.usage.completion_tokens),
            total_tokens: tokens(&row.usage.total_tokens),
            total_cost: row.usage.total_cost.as_ref().map(|one| one.sum.as_str()),
        }
    }
}
