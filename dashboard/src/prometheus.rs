//! `/metrics`: the fleet in Prometheus' text format 0.0.4. One series for each instance, none for each figure of an
//! agent: those have names that agents choose, and belong to `/api/v1/`. One series for each of a few projects of traces.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use shared_state::InstanceRow;

use crate::app::App;
use crate::observer::now_ms;
use crate::traces::ask::{self, LastHour};
use crate::verdict;
use crate::view::{Seen, View};

/// `GET /metrics`
pub async fn metrics(State(app): State<App>) -> Response {
    let view = app.observer.view(None).await;
    let format = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    )];
    let mut text = text(&view, now_ms());
    // A question that fails leaves the rest as it is: whoever watches the fleet needs it most when something is wrong.
    if view.seen.is_ok()
        && let Ok(hours) = ask::last_hours(&app, PROJECTS_MAX).await
    {
        write_traces(&mut text, &hours, now_ms());
    }
    (format, text).into_response()
}

/// Projects of traces that are told, the first by name: each is a few series.
const PROJECTS_MAX: usize = 50;

type Column = (
    &'static str,
    &'static str,
    &'static str,
    fn(&InstanceRow, i64) -> Option<f64>,
);

/// A figure for each instance.
const COLUMNS: [Column; 6] = [
    (
        "agents_up",
        "gauge",
        "1 while a process is ready and healthy",
        |row, _| {
            Some(f64::from(u8::from(
                row.state == shared_state::InstanceState::Running,
            )))
        },
    ),
    (
        "agents_unwell",
        "gauge",
        "1 while somebody should look at it",
        |row, _| Some(f64::from(u8::from(verdict::is_unwell(row)))),
    ),
    (
        "agents_restarts_total",
        "counter",
        "Restarts since registration",
        |row, _| Some(row.restarts as f64),
    ),
    (
        "agents_uptime_seconds",
        "gauge",
        "Age of the process",
        |row, now_ms| row.pid.and(row.started_ms).map(|ms| seconds(now_ms - ms)),
    ),
    (
        "agents_heartbeat_age_seconds",
        "gauge",
        "Age of the newest heartbeat",
        |row, now_ms| {
            row.heartbeat
                .as_ref()
                .map(|beat| seconds(now_ms - beat.ts_ms))
        },
    ),
    (
        "agents_status",
        "gauge",
        "What it says of itself: 0 ok, 1 degraded, 2 error",
        |row, _| {
            row.pid
                .and(row.heartbeat.as_ref())
                .map(|beat| f64::from(beat.status))
        },
    ),
];

fn seconds(ms: i64) -> f64 {
    ms.max(0) as f64 / 1_000.0
}

fn text(view: &View, now_ms: i64) -> String {
    let mut out = String::new();
    let seen = view.seen.as_ref().ok();
    let value = |yes: bool| f64::from(u8::from(yes));
    single(
        &mut out,
        "agents_database_readable",
        "1 while the database can be read",
        value(seen.is_some()),
    );
    if let Some(seen) = seen {
        write_seen(&mut out, seen, now_ms);
    }
    out
}

fn write_seen(out: &mut String, seen: &Seen, now_ms: i64) {
    let up = f64::from(u8::from(seen.down.is_none()));
    single(
        out,
        "agents_coordinator_up",
        "1 while the coordinator gives signs of life",
        up,
    );
    single(
        out,
        "agents_alerts_firing",
        "Alerts that are firing",
        seen.firing as f64,
    );
    single(
        out,
        "agents_database_bytes",
        "Size of the database",
        seen.file.database_bytes as f64,
    );
    single(
        out,
        "agents_database_wal_bytes",
        "Size of the write-ahead log",
        seen.file.wal_bytes as f64,
    );
    head(out, "agents_instances", "gauge", "Instances in each state");
    for (state, count) in verdict::STATES.into_iter().zip(seen.counts()) {
        let _ = writeln!(
            out,
            "agents_instances{{state=\"{}\"}} {count}",
            state.as_str()
        );
    }
    for (name, kind, help, value) in COLUMNS {
        head(out, name, kind, help);
        for row in &seen.fleet {
            if let Some(value) = value(row, now_ms) {
                let (instance, agent) = (escaped(&row.name), escaped(&row.agent));
                let _ = writeln!(
                    out,
                    "{name}{{instance=\"{instance}\",agent=\"{agent}\"}} {value}"
                );
            }
        }
    }
}

type OfProject = (
    &'static str,
    &'static str,
    fn(&LastHour, i64) -> Option<f64>,
);

/// Gauges, also of what is counted. A counter only ever grows, and begins anew at zero: `rate()` reads every fall as a new
/// beginning and adds all that is left. What is stored falls each time old runs are removed; and it grows by what is read, so
/// that reading the past would look like traffic. What began in the last hour is neither.
const OF_PROJECTS: [OfProject; 8] = [
    (
        "agents_traces_watermark_lag_seconds",
        "Age of the time before which all runs have been read",
        |hour, now_ms| hour.project.watermark_ms.map(|ms| seconds(now_ms - ms)),
    ),
    (
        "agents_traces_pull_age_seconds",
        "Age of the last pull",
        |hour, now_ms| hour.project.last_pull_ms.map(|ms| seconds(now_ms - ms)),
    ),
    (
        "agents_traces_pending_runs",
        "Stored runs that may still end, at most 10000",
        |hour, _| Some(hour.project.stored_pending as f64),
    ),
    (
        "agents_traces_abandoned_runs",
        "Stored runs that did not end in time, at most 10000",
        |hour, _| Some(hour.project.stored_abandoned as f64),
    ),
    (
        "agents_traces_failing",
        "1 while something keeps the agent from pulling",
        |hour, _| {
            let error = hour.project.error.as_deref();
            error.map(|error| f64::from(u8::from(!error.is_empty())))
        },
    ),
    (
        "agents_traces_last_hour_runs",
        "Runs that began in the last 60 minutes; a gauge, because a counter of what is stored would fall with retention and jump with a backfill",
        |hour, _| Some(hour.totals.runs as f64),
    ),
    (
        "agents_traces_last_hour_traces",
        "Traces that began in the last 60 minutes; a gauge for the same reason",
        |hour, _| Some(hour.totals.roots.runs as f64),
    ),
    (
        "agents_traces_last_hour_errors",
        "Failed traces that began in the last 60 minutes; a gauge for the same reason",
        |hour, _| Some(hour.totals.roots.errors as f64),
    ),
];

fn write_traces(out: &mut String, hours: &[LastHour], now_ms: i64) {
    for (name, help, value) in OF_PROJECTS {
        head(out, name, "gauge", help);
        for hour in hours {
            if let Some(value) = value(hour, now_ms) {
                let id = escaped(&hour.project.project_id);
                let title = escaped(hour.project.name.as_deref().unwrap_or_default());
                let _ = writeln!(
                    out,
                    "{name}{{project_id=\"{id}\",project=\"{title}\"}} {value}"
                );
            }
        }
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn single(out: &mut String, name: &str, help: &str, value: f64) {
    head(out, name, "gauge", help);
    let _ = writeln!(out, "{name} {value}");
}

/// As the format asks for label values; other control characters would only confuse whoever reads it.
fn escaped(text: &str) -> String {
    crate::text::clean(text)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
}
