//! P8 to P10 and P15: how soon a commit is at the client, what clients cost, and how long pages take over a large database.
//! All over real HTTP on loopback; what a browser adds to draw it is not in these figures.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::dashboard::Dashboard;
use crate::process::{cpu_percent, rss_mb};
use crate::report::{Figure, percentile};
use crate::slots::monotonic_ns;
use crate::supervised::{Supervised, Work, binaries};

const CLIENTS: usize = 50;
const REQUESTS: usize = 200;
const LATENCY_SAMPLES: usize = 60;
const START_LIMIT: Duration = Duration::from_secs(60);

/// P8 and P10: a beat every 50 ms from one agent, fifty open streams.
pub(crate) fn live_updates() -> Result<Vec<Figure>> {
    let supervised = Supervised::start(1, Work::Beat { period_ms: 50 })?;
    supervised.wait_running(1, START_LIMIT)?;
    let dashboard = Dashboard::start(&supervised.database())?;
    let stream = format!("{}{STREAM}", dashboard.address);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (latency_ms, rss, percent) = runtime.block_on(async {
        let mut clients = JoinSet::new();
        for _ in 1..CLIENTS {
            let stream = stream.clone();
            clients.spawn(async move { drain(&stream).await });
        }
        let latency_ms = beats_seen(&stream).await?;
        let pid = dashboard.pid();
        let percent = tokio::task::spawn_blocking(move || cpu_percent(pid, 20));
        let percent = percent.await??;
        anyhow::Ok((latency_ms, rss_mb(pid)?, percent))
    })?;
    drop(dashboard);
    supervised.stop()?;
    let (p50, p95) = (percentile(&latency_ms, 0.5), percentile(&latency_ms, 0.95));
    Ok(vec![
        Figure {
            id: "P8",
            what: "heartbeat written by the agent → event at a client of the live stream, ms p50 / p95".into(),
            measured: format!("{p50:.0} / {p95:.0}"),
            yardstick: "the dashboard looks every 100 ms".into(),
            goal: "≤ 150 / 300",
            met: Some(p50 <= 150.0 && p95 <= 300.0),
        },
        Figure {
            id: "P10",
            what: format!("dashboard's RSS, MB, and CPU, % of a core, with {CLIENTS} clients at 20 commits/s"),
            measured: format!("{rss:.1} and {percent:.1}"),
            yardstick: String::new(),
            goal: "≤ 30 and ≤ 5",
            met: Some(rss <= 30.0 && percent <= 5.0),
        },
    ])
}

/// The fleet page's live stream.
const STREAM: &str = "/events/fleet";

async fn drain(stream: &str) -> Result<()> {
    let mut response = reqwest::get(stream).await?.error_for_status()?;
    while response.chunk().await?.is_some() {}
    Ok(())
}

/// Each event that shows a newer beat: the child writes its clock, of this machine's boot, as the message.
async fn beats_seen(stream: &str) -> Result<Vec<f64>> {
    let mut response = reqwest::get(stream).await?.error_for_status()?;
    let mut samples = Vec::new();
    let mut newest = 0;
    while samples.len() < LATENCY_SAMPLES {
        let chunk = tokio::time::timeout(START_LIMIT, response.chunk())
            .await
            .context("no event arrived")??;
        let chunk = chunk.context("the stream ended")?;
        let seen_ns = monotonic_ns();
        let text = String::from_utf8_lossy(&chunk);
        let beats = text
            .split(|letter: char| !letter.is_ascii_digit())
            .filter(|word| word.len() >= 12);
        let beat: u64 = beats
            .filter_map(|word| word.parse().ok())
            .filter(|beat| *beat < seen_ns)
            .max()
            .unwrap_or(0);
        if newest > 0 && beat > newest {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a latency is far below 2^53 nanoseconds"
            )]
            samples.push((seen_ns - beat) as f64 / 1e6);
        }
        newest = newest.max(beat);
    }
    samples.sort_by(f64::total_cmp);
    Ok(samples)
}

/// P9: the fleet page and an agent page over a database with many heartbeats.
pub(crate) fn pages_of_a_large_database(rows: u64, agents: usize) -> Result<Vec<Figure>> {
    let folder = TempDir::new()?;
    let database = folder.path().join("large.db");
    fill(&database, rows, agents)?;
    let dashboard = Dashboard::start(&database)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut figures = Vec::new();
    for (what, path) in [
        ("fleet page", "/"),
        ("agent page", "/agents/1"),
        ("fleet as JSON", "/api/v1/agents"),
    ] {
        let samples = runtime.block_on(time_requests(&format!("{}{path}", dashboard.address)))?;
        let (p50, p99) = (percentile(&samples, 0.5), percentile(&samples, 0.99));
        figures.push(Figure {
            id: "P9",
            what: format!(
                "{what} with {rows} heartbeats and {agents} agents, whole response, ms p50 / p99"
            ),
            measured: format!("{p50:.1} / {p99:.1}"),
            yardstick: String::new(),
            goal: "≤ 5 / 20",
            met: Some(p50 <= 5.0 && p99 <= 20.0),
        });
    }
    Ok(figures)
}

/// P15: the page of traces over years of them would be the same as over these 90 days: windows are read from roll-ups.
pub(crate) fn pages_of_many_traces(runs: u64) -> Result<Vec<Figure>> {
    let folder = TempDir::new()?;
    let database = folder.path().join("traces.db");
    let numbers = [runs.to_string(), TRACES_DAYS.to_string()];
    let [runs, days] = &numbers;
    fill_by("fill_traces", &database, &["--runs", runs, "--days", days])?;
    let dashboard = Dashboard::start(&database)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut figures = Vec::new();
    for (what, path) in [
        ("Traces page, 90 days", "/traces?range=90d"),
        ("Traces page, 24 hours", "/traces?range=24h"),
        (
            "its charts, 90 days in 75 columns",
            "/api/v1/traces/charts?range=90d&buckets=75",
        ),
    ] {
        let samples = runtime.block_on(time_requests(&format!("{}{path}", dashboard.address)))?;
        let (p50, p99) = (percentile(&samples, 0.5), percentile(&samples, 0.99));
        figures.push(Figure {
            id: "P15",
            what: format!("{what}, of {runs} runs, whole response, ms p50 / p99"),
            measured: format!("{p50:.1} / {p99:.1}"),
            yardstick: String::new(),
            goal: "≤ 50 at p50",
            met: Some(p50 <= 50.0),
        });
    }
    Ok(figures)
}

/// What the goal names.
const TRACES_DAYS: u64 = 90;

fn fill(database: &Path, rows: u64, agents: usize) -> Result<()> {
    let (rows, agents) = (rows.to_string(), agents.to_string());
    fill_by(
        "fill",
        database,
        &["--agents", &agents, "--heartbeats", &rows],
    )
}

/// Runs an example of shared-state that makes a large database.
fn fill_by(example: &str, database: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new(binaries()?.join("examples").join(example))
        .arg(database)
        .args(arguments)
        .status()
        .with_context(|| format!("failed to start shared-state's example `{example}`"))?;
    ensure!(status.success(), "filling the database ended with {status}");
    Ok(())
}

async fn time_requests(url: &str) -> Result<Vec<f64>> {
    let client = reqwest::Client::builder().build()?;
    let mut samples = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let begun = Instant::now();
        client
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        samples.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    samples.sort_by(f64::total_cmp);
    Ok(samples)
}
