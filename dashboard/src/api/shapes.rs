//! What the API's answers look like: the rows with the names of docs/schema.md. Text is as the agent sent it: escaping
//! is for whoever shows it. It asks nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use shared_state::{
    AlertRecord, Bucket, CounterRow, EventRecord, InstanceRow, InvocationRecord, ReaderMode,
    SeriesRow, TimeMs,
};

use crate::app::{App, STREAMS_MAX};
use crate::pages::log::ShownLine;
use crate::verdict;
use crate::view::Seen;

/// One instance.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct AgentJson<'a> {
    pub name: &'a str,
    pub agent: &'a str,
    pub instance_id: i64,
    pub state: &'static str,
    pub reason: &'a str,
    pub goal: &'static str,
    pub pid: Option<i32>,
    pub restarts: u64,
    pub restarts_24h: u64,
    pub uptime_ms: Option<i64>,
    pub heartbeat_age_ms: Option<i64>,
    pub heartbeat_timeout_ms: Option<i64>,
    pub status: Option<&'static str>,
    pub message: Option<&'a str>,
    pub metrics: Option<&'a BTreeMap<String, f64>>,
    pub since_ms: TimeMs,
    pub last_exit: Option<&'a str>,
    pub next_attempt_ms: Option<TimeMs>,
    pub invocation_id: Option<i64>,
    pub protocol: &'a str,
}

impl<'a> AgentJson<'a> {
    /// As of now. What a dead process said is not its status any more.
    pub fn new(row: &'a InstanceRow, restarts_24h: Option<u64>, now_ms: TimeMs) -> Self {
        let heard = row.heartbeat.as_ref();
        let alive = heard.filter(|_| row.pid.is_some());
        let age = |ms: TimeMs| (now_ms - ms).max(0);
        Self {
            name: &row.name,
            agent: &row.agent,
            instance_id: row.instance_id,
            state: row.state.as_str(),
            reason: &row.reason,
            goal: if row.goal_up { "up" } else { "down" },
            pid: row.pid,
            restarts: row.restarts,
            restarts_24h: restarts_24h.unwrap_or(0),
            uptime_ms: row.started_ms.filter(|_| row.pid.is_some()).map(age),
            heartbeat_age_ms: heard.map(|beat| age(beat.ts_ms)),
            heartbeat_timeout_ms: row.heartbeat_timeout_ms,
            status: alive.map(|beat| verdict::status_word(beat.status)),
            message: alive.map(|beat| beat.message.as_str()),
            metrics: alive.map(|beat| &beat.metrics),
            since_ms: row.since_ms,
            last_exit: row.last_exit.as_deref(),
            next_attempt_ms: row.next_attempt_ms,
            invocation_id: row.invocation_id,
            protocol: &row.protocol,
        }
    }
}

/// One instance with its configuration.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct AgentDetailJson<'a> {
    #[serde(flatten)]
    pub agent: AgentJson<'a>,
    pub command: Option<Vec<String>>,
    pub config: Option<Value>,
    pub log_path: Option<&'a str>,
    pub removed: bool,
}

/// One process.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct InvocationJson<'a> {
    pub invocation_id: i64,
    pub attempt: u32,
    pub pid: Option<i32>,
    pub started_ms: TimeMs,
    pub ready_ms: Option<TimeMs>,
    pub ended_ms: Option<TimeMs>,
    pub outcome: Option<&'a str>,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub end: String,
    pub heartbeats: u64,
    pub log_lines: u64,
    pub truncated_lines: u64,
    pub dropped_rows: u64,
}

impl<'a> From<&'a InvocationRecord> for InvocationJson<'a> {
    fn from(row: &'a InvocationRecord) -> Self {
        Self {
            invocation_id: row.invocation_id,
            attempt: row.attempt,
            pid: row.pid,
            started_ms: row.started_ms,
            ready_ms: row.ready_ms,
            ended_ms: row.ended_ms,
            outcome: row.outcome.as_deref(),
            exit_code: row.exit_code,
            signal: row.signal,
            end: verdict::outcome(row),
            heartbeats: row.heartbeats,
            log_lines: row.log_lines,
            truncated_lines: row.truncated_lines,
            dropped_rows: row.dropped_rows,
        }
    }
}

/// One event.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct EventJson<'a> {
    pub event_id: i64,
    pub ts_ms: TimeMs,
    pub instance_id: Option<i64>,
    pub instance: Option<&'a str>,
    pub invocation_id: Option<i64>,
    pub level: &'static str,
    pub kind: &'a str,
    pub message: &'a str,
    pub data: Option<&'a Value>,
}

impl<'a> From<&'a EventRecord> for EventJson<'a> {
    fn from(row: &'a EventRecord) -> Self {
        Self {
            event_id: row.event_id,
            ts_ms: row.ts_ms,
            instance_id: row.instance_id,
            instance: row.instance.as_deref(),
            invocation_id: row.invocation_id,
            level: verdict::level(row.level).0,
            kind: &row.kind,
            message: &row.message,
            data: row.data.as_ref(),
        }
    }
}

/// One alert.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct AlertJson<'a> {
    pub alert_id: i64,
    pub instance_id: i64,
    pub instance: &'a str,
    pub key: &'a str,
    pub severity: &'static str,
    pub state: &'static str,
    pub message: &'a str,
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    pub evidence: Option<&'a Value>,
    pub recommendation: Option<&'a str>,
    pub since_ms: TimeMs,
    pub updated_ms: TimeMs,
    pub resolved_ms: Option<TimeMs>,
}

impl<'a> From<&'a AlertRecord> for AlertJson<'a> {
    fn from(row: &'a AlertRecord) -> Self {
        Self {
            alert_id: row.alert_id,
            instance_id: row.instance_id,
            instance: &row.instance,
            key: &row.key,
            severity: if row.critical { "critical" } else { "warning" },
            state: if row.firing { "firing" } else { "resolved" },
            message: &row.message,
            value: row.value,
            threshold: row.threshold,
            evidence: row.evidence.as_ref(),
            recommendation: row.recommendation.as_deref(),
            since_ms: row.since_ms,
            updated_ms: row.updated_ms,
            resolved_ms: row.resolved_ms,
        }
    }
}

/// One series.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct SeriesJson<'a> {
    pub series_id: i64,
    pub instance_id: i64,
    pub subject: &'a str,
    pub name: &'a str,
    pub last_ms: TimeMs,
}

impl<'a> From<&'a SeriesRow> for SeriesJson<'a> {
    fn from(row: &'a SeriesRow) -> Self {
        Self {
            series_id: row.series_id,
            instance_id: row.instance_id,
            subject: &row.subject,
            name: &row.name,
            last_ms: row.last_ms,
        }
    }
}

/// Charts over one range.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct ChartJson<'a> {
    pub from_ms: TimeMs,
    pub to_ms: TimeMs,
    pub bucket_ms: i64,
    pub series: Vec<PointsJson<'a>>,
    pub marks: Vec<MarkJson>,
}

/// A series with its buckets: `[start, min, max, first, last, points]`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct PointsJson<'a> {
    #[serde(flatten)]
    pub series: SeriesJson<'a>,
    pub buckets: Vec<(TimeMs, f64, f64, f64, f64, u64)>,
}

impl<'a> From<&'a (SeriesRow, Vec<Bucket>)> for PointsJson<'a> {
    fn from((series, buckets): &'a (SeriesRow, Vec<Bucket>)) -> Self {
        let tuple = |bucket: &Bucket| {
            let Bucket {
                ts_ms,
                min,
                max,
                first,
                last,
                points,
            } = *bucket;
            (ts_ms, min, max, first, last, points)
        };
        Self {
            series: series.into(),
            buckets: buckets.iter().map(tuple).collect(),
        }
    }
}

/// A start or an end of a process, to be marked in charts.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct MarkJson {
    pub ts_ms: TimeMs,
    pub kind: &'static str,
    pub text: String,
}

impl MarkJson {
    /// Start and end, the end only where there was one.
    pub fn of(row: &InvocationRecord) -> impl Iterator<Item = Self> {
        let started = Self {
            ts_ms: row.started_ms,
            kind: "started",
            text: "started".into(),
        };
        let ended = row.ended_ms.map(|ts_ms| Self {
            ts_ms,
            kind: "ended",
            text: crate::text::clean(&verdict::outcome(row)).into_owned(),
        });
        [Some(started), ended].into_iter().flatten()
    }
}

/// The width of a column, as the database folds them.
pub fn bucket_ms(from_ms: TimeMs, to_ms: TimeMs, buckets: usize) -> i64 {
    let columns = i64::try_from(buckets.max(1)).unwrap_or(1);
    (to_ms - from_ms + columns - 1) / columns
}

/// Lines of a log.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "assets/openapi.json describes each field")]
pub struct LogJson {
    pub lines: Vec<ShownLine>,
    pub older: Option<String>,
}

/// The system itself.
pub fn system(app: &App, seen: &Seen, counters: &[CounterRow]) -> Value {
    let coordinator = seen.incarnation.as_ref().map(|found| {
        json!({
            "host": found.host, "pid": found.pid, "version": found.version, "started_ms": found.started_ms,
            "seen_ms": found.seen_ms, "ended_ms": found.ended_ms, "exit_reason": found.exit_reason,
        })
    });
    let counters: Vec<Value> = counters
        .iter()
        .map(|row| json!({"instance_id": row.instance_id, "name": row.name, "value": row.value, "updated_ms": row.updated_ms}))
        .collect();
    json!({
        "coordinator_up": seen.down.is_none(),
        "coordinator": coordinator,
        "database": {
            "live": seen.mode == ReaderMode::Live,
            "bytes": seen.file.database_bytes,
            "wal_bytes": seen.file.wal_bytes,
            "free_bytes": seen.file.free_bytes,
            "schema_version": seen.file.schema_version,
            "sqlite_version": seen.file.sqlite_version,
        },
        "counters": counters,
        "alerts_firing": seen.firing,
        "dashboard": {
            "version": env!("CARGO_PKG_VERSION"),
            "streams": STREAMS_MAX - app.streams.available_permits(),
            "streams_max": STREAMS_MAX,
        },
    })
}
