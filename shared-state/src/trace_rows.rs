//! What a reader gets of LangSmith's runs. What was not received is `None`, never zero; costs are exact decimal text in US
//! dollars. It holds no query and no judgement.

use serde_json::Value;

use crate::TimeMs;

/// Runs without an end are counted up to this: counting more would take longer than anybody waits.
pub const TRACE_OPEN_MAX: u64 = 10_000;

/// A project, and how fresh what is known of it is.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `trace_projects`: docs/schema.md"
)]
pub struct TraceProjectRow {
    pub project_no: i64,
    pub project_id: String,
    pub name: Option<String>,
    /// `langsmith` or `local`.
    pub source: Option<String>,
    pub web_url: Option<String>,
    /// `v1` or `v2`.
    pub api: Option<String>,
    pub last_pull_ms: Option<TimeMs>,
    pub watermark_ms: Option<TimeMs>,
    pub covered_from_ms: Option<TimeMs>,
    pub backfill_ms: Option<i64>,
    pub pending_runs: Option<u64>,
    pub settling_runs: Option<u64>,
    pub abandoned_runs: Option<u64>,
    /// Stretches that could not be read.
    pub gaps: Vec<(TimeMs, TimeMs)>,
    pub http_status: Option<i64>,
    pub requests_per_10s: Option<f64>,
    pub requests_remaining: Option<f64>,
    /// Empty where nothing stops it, `None` where it never said.
    pub error: Option<String>,
    /// The instance that sent it last.
    pub writer: String,
    pub updated_ms: TimeMs,
    /// Stored runs that may still end, counted up to [`TRACE_OPEN_MAX`]. What agents tell is how many they ask about.
    pub stored_pending: u64,
    /// Stored runs that did not end in time, counted up to [`TRACE_OPEN_MAX`].
    pub stored_abandoned: u64,
    /// Start of the oldest run that is stored.
    pub oldest_start_us: Option<i64>,
    /// Start of the newest run that is stored.
    pub newest_start_us: Option<i64>,
}

/// Which runs are counted; all where nothing is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFilter {
    /// Of this type.
    pub run_type: Option<String>,
    /// Of this name.
    pub name: Option<String>,
    /// Of this model.
    pub model: Option<String>,
}

impl TraceFilter {
    /// Whether it leaves anything out.
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }

    pub(crate) fn admits(&self, run_type: &str, name: &str, model: &str) -> bool {
        [
            (&self.run_type, run_type),
            (&self.name, name),
            (&self.model, model),
        ]
        .into_iter()
        .all(|(wanted, found)| wanted.as_deref().is_none_or(|wanted| wanted == found))
    }
}

/// Percentiles by nearest rank, each within 0.8 % of the value that has that rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TracePercentiles {
    /// Of how many runs.
    pub runs: u64,
    pub p50_us: i64,
    pub p95_us: i64,
    pub p99_us: i64,
}

/// A sum, and of how many runs: those that told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSum<T> {
    /// The sum.
    pub sum: T,
    /// Runs that told it.
    pub runs: u64,
}

/// Counts and durations of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFigures {
    /// All.
    pub runs: u64,
    /// With status error.
    pub errors: u64,
    /// Not ended.
    pub pending: u64,
    /// Duration of those that have ended.
    pub latency: Option<TracePercentiles>,
    /// From the start to the first token.
    pub first_token: Option<TracePercentiles>,
}

/// Tokens and costs of LLM runs. Runs above them repeat those of their children and are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TraceUsage {
    pub prompt_tokens: Option<TraceSum<i64>>,
    pub completion_tokens: Option<TraceSum<i64>>,
    pub total_tokens: Option<TraceSum<i64>>,
    pub prompt_cost: Option<TraceSum<String>>,
    pub completion_cost: Option<TraceSum<String>>,
    pub total_cost: Option<TraceSum<String>>,
}

/// Feedback of one key, of all runs.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceFeedback {
    /// Its key; `(other)` for what was counted together.
    pub key: String,
    /// How often it was given.
    pub count: u64,
    /// How often with a score.
    pub scored: u64,
    /// Sum of the scores, an exact decimal.
    pub sum: String,
    /// The scores' mean.
    pub mean: Option<f64>,
}

/// A window's totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceTotals {
    /// What was counted from: the start asked for, rounded down to the finest period that is kept of that time.
    pub from_ms: TimeMs,
    /// What was counted up to: the end asked for, rounded up likewise.
    pub to_ms: TimeMs,
    /// Runs of all types, roots or not.
    pub runs: u64,
    /// Roots, one for each trace; with a filter all runs that it admits.
    pub roots: TraceFigures,
    /// LLM runs.
    pub llm: TraceFigures,
    /// Of LLM runs.
    pub usage: TraceUsage,
    /// By key.
    pub feedback: Vec<TraceFeedback>,
}

/// Runs that share a model, or a type and a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceGroup {
    /// Lower case; empty where not received.
    pub run_type: String,
    /// The model or the name; empty where not received, `(other)` for those counted together.
    pub name: String,
    /// Counts and durations.
    pub figures: TraceFigures,
    /// Of LLM runs; all `None` for other types.
    pub usage: TraceUsage,
}

/// One column of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceBucket {
    /// Its start.
    pub ts_ms: TimeMs,
    /// Roots; with a filter all runs that it admits.
    pub roots: TraceFigures,
    /// LLM runs.
    pub llm: TraceFigures,
    /// Of LLM runs.
    pub usage: TraceUsage,
}

/// All of a window that comes from roll-ups, read in one pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceWindow {
    /// Of the whole window.
    pub totals: TraceTotals,
    /// LLM runs by model, most runs first.
    pub by_model: Vec<TraceGroup>,
    /// All runs by type and name, most runs first.
    pub by_name: Vec<TraceGroup>,
    /// How many models there are, listed or not.
    pub models: usize,
    /// How many types and names there are, listed or not.
    pub names: usize,
    /// The columns that hold anything, in the order of time.
    pub chart: Vec<TraceBucket>,
}

/// A run as a table shows it.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of `trace_runs`: docs/schema.md"
)]
pub struct TraceRunRow {
    pub run_id: String,
    pub trace_id: Option<String>,
    pub name: Option<String>,
    pub run_type: Option<String>,
    pub status: Option<String>,
    pub is_root: Option<bool>,
    pub start_us: Option<i64>,
    pub end_us: Option<i64>,
    /// As received, or from start to end.
    pub latency_us: Option<i64>,
    pub model: Option<String>,
    pub error: Option<String>,
    pub is_abandoned: Option<bool>,
}

/// Errors that differ in ids, numbers and quoted texts only.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceErrorGroup {
    /// Its number.
    pub group_no: i64,
    /// The first line with placeholders; empty where no text was received, `(other)` for those counted together.
    pub message: String,
    /// Failed runs in the window.
    pub runs: u64,
    /// Of these, roots.
    pub roots: u64,
    /// The newest run of it in the window; absent where it is no longer stored.
    pub example: Option<TraceRunRow>,
}

/// Failed runs by their message, most runs first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceErrors {
    /// The groups.
    pub groups: Vec<TraceErrorGroup>,
    /// There are so many failed runs that the oldest were not looked at.
    pub is_partial: bool,
}

/// Whether all runs of a closed day have been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceDayCheck {
    /// The start of a UTC day.
    pub day_ms: TimeMs,
    /// Runs that the server counts.
    pub server_runs: Option<u64>,
    /// Distinct runs that the agent has read.
    pub read_runs: Option<u64>,
    /// Runs that are counted here.
    pub stored_runs: u64,
    /// When the check was stored last.
    pub checked_ms: TimeMs,
}

/// One run with all that is stored of it.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceRunDetail {
    /// What a table shows.
    pub run: TraceRunRow,
    /// Its project's id.
    pub project_id: String,
    /// Its project's name.
    pub project: Option<String>,
    /// Its project's page in LangSmith.
    pub web_url: Option<String>,
    /// All other columns that were received, by name: numbers, text, or JSON.
    pub fields: Vec<(String, Value)>,
    /// What went in and came out, by column.
    pub contents: Vec<(String, Value)>,
}
