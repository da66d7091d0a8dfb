//! Makes a large database of LangSmith runs for measurements, newest first as a backfill reads them, through the writer.
//! It measures nothing but how long it takes.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

mod generate;

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use generate::{RUNS_PER_TRACE, Variety};
use serde_json::{Value, json};
use shared_state::{
    AgentRegistration, Fact, Identity, RecordsBatch, Retention, WriterOptions, open_writer,
};

/// Rows in a message, and messages under way at a time.
const ROWS_PER_MESSAGE: usize = 500;
const MESSAGES_MAX: usize = 8;
const DAY_MS: i64 = 86_400_000;

/// Makes a database with many LangSmith runs.
#[derive(Parser)]
struct Arguments {
    /// The file; it must not exist.
    database: PathBuf,
    /// Runs.
    #[arg(long, default_value_t = 5_000_000)]
    runs: u64,
    /// Days over which they are spread, up to now.
    #[arg(long, default_value_t = 90)]
    days: i64,
    /// Names of each kind of run below a trace; with 500 and 16 models there are 10 000 series.
    #[arg(long, default_value_t = 1)]
    names: u64,
    /// Models, in whole fours; 0 for the four usual ones.
    #[arg(long, default_value_t = 0)]
    models: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if arguments.database.exists() {
        return Err(format!("{} exists; name another file", arguments.database.display()).into());
    }
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let identity = Identity {
        host: "fill".into(),
        pid: 1,
        pid_start_ticks: 1,
        version: "0".into(),
        now_ms,
    };
    let options = WriterOptions {
        retention: Retention::default(),
        ..WriterOptions::default()
    };
    let opened = open_writer(&arguments.database, identity, options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let begun = Instant::now();
    runtime.block_on(fill(&arguments, opened.writer.clone(), now_ms))?;
    opened.thread.join(Duration::from_secs(600))?;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} runs in {seconds:.0} s, {:.0} a second, made and stored",
        arguments.runs,
        arguments.runs as f64 / seconds
    );
    Ok(())
}

async fn fill(
    arguments: &Arguments,
    writer: shared_state::Writer,
    now_ms: i64,
) -> Result<(), Box<dyn Error>> {
    let agent = AgentRegistration {
        name: "langsmith-bridge".into(),
        protocol: "json".into(),
        command: vec!["langsmith-bridge".into()],
        config: Value::Null,
        instances: 1,
        has_plain_first: true,
        heartbeat_timeout_ms: None,
        log_paths: Vec::new(),
    };
    let instance_id = writer.register_agents(vec![agent], now_ms).await?[0].instance_id;
    let batch = |kind: &str, rows| {
        Fact::Records(RecordsBatch {
            instance_id,
            kind: kind.into(),
            rows: RecordsBatch::written(rows),
            cursor: None,
            ts_ms: now_ms,
        })
    };
    let traces = arguments.runs.div_ceil(RUNS_PER_TRACE).max(1);
    let span_us = arguments.days.max(1) * DAY_MS * 1_000;
    let mut under_way = tokio::task::JoinSet::new();
    let mut rows = Vec::with_capacity(ROWS_PER_MESSAGE + RUNS_PER_TRACE as usize);
    for trace in 0..traces {
        let age_us = i128::from(span_us) * i128::from(trace) / i128::from(traces);
        let start_us = now_ms * 1_000 - i64::try_from(age_us)?;
        rows.extend(generate::trace(
            "11111111-1111-4111-8111-111111111111",
            trace,
            start_us,
            Variety {
                names: arguments.names,
                models: arguments.models,
            },
        ));
        if rows.len() >= ROWS_PER_MESSAGE || trace + 1 == traces {
            if under_way.len() >= MESSAGES_MAX
                && let Some(done) = under_way.join_next().await
            {
                done??;
            }
            let fact = batch("langsmith_run", std::mem::take(&mut rows));
            let writer = writer.clone();
            under_way.spawn(async move { writer.commit(fact).await });
            // Lets the messages go on their way.
            tokio::task::yield_now().await;
        }
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    let project = json!({"project_id": "11111111-1111-4111-8111-111111111111", "source": "langsmith", "api": "v2",
        "web_url": "https://smith.langchain.com/o/1/projects/p/1", "last_pull_ms": now_ms, "watermark_ms": now_ms,
        "covered_from_ms": now_ms - arguments.days * DAY_MS, "backfill_ms": 0, "pending_runs": 0, "gaps": [], "http_status": 200,
        "requests_per_10s": 10, "requests_remaining": 9, "error": ""});
    writer
        .commit(batch("langsmith_project", vec![project]))
        .await?;
    let today_ms = now_ms / DAY_MS * DAY_MS;
    let checks = (1..arguments.days)
        .map(|day| {
            json!({"project_id": "11111111-1111-4111-8111-111111111111", "day_ms": today_ms - day * DAY_MS,
            "server_runs": 1, "read_runs": 1})
        })
        .collect();
    writer.commit(batch("langsmith_day_check", checks)).await?;
    Ok(())
}
