//! What only one page or one program asks: bounded questions to the store and to log files, off the async threads.
//! It renders nothing.

use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use shared_state::{
    AgentRow, AlertRecord, Bucket, CounterRow, EventFilter, EventRecord, InstanceRow,
    InvocationRecord, ReaderError, SeriesOf, SeriesRow, Snapshot, TimeMs,
};

use crate::app::App;
use crate::log_tail::{self, LogError, Piece, Position};
use crate::pages::agent::AgentFacts;
use crate::pages::log::Log;
use crate::problem::Problem;

/// Invocations and events on the page of an agent.
const RECENT_MAX: usize = 50;

/// Charts on a page: more would be scrolled past, and each asks for up to two thousand buckets.
pub const CHARTS_MAX: usize = 24;

/// Marks of restarts in a chart.
const MARKS_MAX: usize = 500;

/// Names that people look for first.
const FIRST: [&str; 6] = [
    "cpu_percent",
    "memory_bytes",
    "rss_bytes",
    "pss_bytes",
    "memory_percent",
    "load_1m",
];

/// All that the page of an instance shows.
pub async fn agent(app: &App, instance_id: i64, restarts_24h: u64) -> Result<AgentFacts, Problem> {
    let facts = app
        .store
        .read(move |snapshot| {
            let Some(instance) = snapshot.instance(instance_id)? else {
                return Ok(None);
            };
            let mut series = series_of(snapshot, &instance)?;
            let series_more = series.len().saturating_sub(CHARTS_MAX);
            series.truncate(CHARTS_MAX);
            let filter = EventFilter {
                instance_id: Some(instance_id),
                limit: RECENT_MAX,
                ..EventFilter::default()
            };
            Ok(Some(AgentFacts {
                agent: snapshot.agent_config(instance.agent_id)?,
                invocations: snapshot.invocations(instance_id, RECENT_MAX)?,
                events: snapshot.events(&filter)?,
                instance,
                series,
                series_more,
                restarts_24h,
            }))
        })
        .await?;
    facts.ok_or_else(|| unknown(instance_id))
}

fn unknown(instance_id: i64) -> Problem {
    Problem::not_found(format!("There is no agent with the id {instance_id}."))
}

/// One instance and its configuration.
pub async fn instance(
    app: &App,
    instance_id: i64,
) -> Result<(InstanceRow, Option<AgentRow>), Problem> {
    let found = app
        .store
        .read(move |snapshot| {
            let Some(instance) = snapshot.instance(instance_id)? else {
                return Ok(None);
            };
            let agent = snapshot.agent_config(instance.agent_id)?;
            Ok(Some((instance, agent)))
        })
        .await?;
    found.ok_or_else(|| unknown(instance_id))
}

/// What an instance says of itself, what others say of it, and what it says of the machine; the most telling first.
pub fn series_of(
    snapshot: &Snapshot<'_>,
    instance: &InstanceRow,
) -> Result<Vec<SeriesRow>, ReaderError> {
    let mut series = snapshot.series(SeriesOf::Itself(instance.instance_id))?;
    series.extend(snapshot.series(SeriesOf::Subject(&format!("agent:{}", instance.name)))?);
    let of_host = snapshot.series(SeriesOf::Subject("host"))?;
    series.extend(
        of_host
            .into_iter()
            .filter(|row| row.instance_id == instance.instance_id),
    );
    let place = |row: &SeriesRow| {
        FIRST
            .iter()
            .position(|name| *name == row.name)
            .unwrap_or(FIRST.len())
    };
    series.sort_by(|a, b| (place(a), &a.subject, &a.name).cmp(&(place(b), &b.subject, &b.name)));
    Ok(series)
}

/// The newest invocations.
pub async fn invocations(
    app: &App,
    instance_id: i64,
    limit: usize,
) -> Result<Vec<InvocationRecord>, Problem> {
    known(app, instance_id).await?;
    app.store
        .read(move |snapshot| snapshot.invocations(instance_id, limit))
        .await
}

/// Events, newest first.
pub async fn events(app: &App, filter: EventFilter) -> Result<Vec<EventRecord>, Problem> {
    if let Some(instance_id) = filter.instance_id {
        known(app, instance_id).await?;
    }
    app.store
        .read(move |snapshot| snapshot.events(&filter))
        .await
}

/// Alerts, firing first.
pub async fn alerts(
    app: &App,
    firing_only: bool,
    limit: usize,
) -> Result<Vec<AlertRecord>, Problem> {
    app.store
        .read(move |snapshot| snapshot.alerts(firing_only, limit))
        .await
}

/// All counters.
pub async fn counters(app: &App) -> Result<Vec<CounterRow>, Problem> {
    app.store.read(|snapshot| snapshot.counters()).await
}

async fn known(app: &App, instance_id: i64) -> Result<(), Problem> {
    let found = app
        .store
        .read(move |snapshot| snapshot.instance(instance_id))
        .await?;
    found.map(|_| ()).ok_or_else(|| unknown(instance_id))
}

/// Figures over time with the invocations in that time.
#[derive(Debug)]
pub struct Charts {
    /// Each series with its buckets.
    pub series: Vec<(SeriesRow, Vec<Bucket>)>,
    /// Those that began or ended in the range.
    pub invocations: Vec<InvocationRecord>,
}

/// Charts of an instance: all of its page, or the series named.
pub async fn charts(
    app: &App,
    instance_id: i64,
    wanted: Vec<i64>,
    (from_ms, to_ms): (TimeMs, TimeMs),
    buckets: usize,
) -> Result<Charts, Problem> {
    let charts = app
        .store
        .read(move |snapshot| {
            let Some(instance) = snapshot.instance(instance_id)? else {
                return Ok(None);
            };
            let mut series = series_of(snapshot, &instance)?;
            if !wanted.is_empty() {
                series.retain(|row| wanted.contains(&row.series_id));
            }
            series.truncate(CHARTS_MAX);
            let series = series
                .into_iter()
                .map(|row| {
                    let points = snapshot.chart(row.series_id, from_ms, to_ms, buckets)?;
                    Ok((row, points))
                })
                .collect::<Result<Vec<_>, ReaderError>>()?;
            let mut invocations = snapshot.invocations(instance_id, MARKS_MAX)?;
            invocations.retain(|row| {
                row.started_ms < to_ms && row.ended_ms.is_none_or(|ended_ms| ended_ms >= from_ms)
            });
            Ok(Some(Charts {
                series,
                invocations,
            }))
        })
        .await?;
    charts.ok_or_else(|| unknown(instance_id))
}

/// What is wanted of a log file.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// The last lines.
    Tail(usize),
    /// Lines before a place.
    Older(Position, usize),
}

/// Lines of a log file.
pub async fn log(path: Option<String>, part: Part) -> Log {
    let Some(path) = path.map(PathBuf::from) else {
        return Log::None;
    };
    let read = move || match part {
        Part::Tail(lines) => log_tail::tail(&path, lines),
        Part::Older(at, lines) => log_tail::older(&path, at, lines),
    };
    match blocking(read).await {
        Ok(piece) => Log::Read(piece),
        Err(error) => Log::Failed(error),
    }
}

/// What came since; `None`: read the tail anew.
pub async fn log_since(path: &Path, at: Position) -> Result<Option<Piece>, LogError> {
    let path = path.to_owned();
    blocking(move || log_tail::newer(&path, at)).await
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    let done = tokio::task::spawn_blocking(read).await;
    done.unwrap_or_else(|error| {
        Err(LogError::Unreadable {
            path: PathBuf::new(),
            source: std::io::Error::other(error),
        })
    })
}

/// The answer for programs where a log cannot be read.
pub fn log_problem(log: &Log) -> Option<Problem> {
    match log {
        Log::Read(_) => None,
        Log::None => Some(Problem::not_found("This agent has no log file.")),
        Log::Failed(LogError::Unreadable { .. }) => Some(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "log not readable",
            crate::pages::log::excuse(log).unwrap_or_default(),
        )),
        Log::Failed(error) => Some(Problem::not_found(format!("Could not {error}."))),
    }
}
