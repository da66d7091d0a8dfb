//! Prints LangSmith runs per second: a plain rusqlite loop into the same table with its indexes, and the writer, with the same
//! rows. It measures nothing but storing: no pipe, no parsing of lines, no HTTP.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

#[path = "fill_traces/generate.rs"]
mod generate;

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use generate::RUNS_PER_TRACE;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};
use serde_json::Value;
use shared_state::{
    AgentRegistration, Fact, Identity, Opened, Reader, RecordsBatch, WriterOptions, open_writer,
};

/// Rows in a message; messages under way at a time.
const ROWS_PER_MESSAGE: usize = 500;
const MESSAGES_MAX: usize = 8;
/// Rows in one transaction of the plain loop: those that the writer has in one.
const ROWS_PER_TRANSACTION: usize = 2_048;
/// 2026-11-23.
const START_MS: i64 = 1_795_392_000_000;
const DAY_MS: i64 = 86_400_000;
const PROJECT: &str = "11111111-1111-4111-8111-111111111111";

/// Measures how fast LangSmith runs are stored.
#[derive(Parser)]
struct Arguments {
    /// Runs.
    #[arg(long, default_value_t = 200_000)]
    runs: u64,
    /// Hours over which they are spread.
    #[arg(long, default_value_t = 24)]
    hours: i64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let messages = messages(&arguments);
    let plain = plain_loop(&folder.path().join("plain.db"), &messages)?;
    let (stored, bytes) = through_writer(&folder.path().join("writer.db"), messages)?;
    if arguments.json {
        println!("{{\"plain\":{plain:.0},\"writer\":{stored:.0}}}");
        return Ok(());
    }
    println!("plain rusqlite loop: {plain:.0} runs/s");
    println!(
        "writer:              {stored:.0} runs/s, {:.0} % of the loop",
        100.0 * stored / plain
    );
    println!("on disk:             {bytes:.0} bytes per run, roll-ups and indexes included");
    Ok(())
}

/// Newest first, as a backfill reads them.
fn messages(arguments: &Arguments) -> Vec<Vec<Value>> {
    let traces = arguments.runs.div_ceil(RUNS_PER_TRACE).max(1);
    let span_us = arguments.hours.max(1) * DAY_MS / 24 * 1_000;
    let mut rows = (0..traces).flat_map(|trace| {
        let age_us = i128::from(span_us) * i128::from(trace) / i128::from(traces);
        let start_us = START_MS * 1_000 - i64::try_from(age_us).unwrap_or(0);
        generate::trace(PROJECT, trace, start_us, generate::Variety::default())
    });
    std::iter::from_fn(|| {
        let message: Vec<Value> = rows.by_ref().take(ROWS_PER_MESSAGE).collect();
        (!message.is_empty()).then_some(message)
    })
    .collect()
}

fn open(path: &Path) -> Result<(Opened, i64), Box<dyn Error>> {
    let identity = Identity {
        host: "rate".into(),
        pid: 1,
        pid_start_ticks: 1,
        version: "0".into(),
        now_ms: START_MS,
    };
    let options = WriterOptions {
        clock: || START_MS,
        ..WriterOptions::default()
    };
    let opened = open_writer(path, identity, options)?;
    let agent = AgentRegistration {
        name: "bridge".into(),
        protocol: "json".into(),
        command: vec!["bridge".into()],
        config: Value::Null,
        instances: 1,
        has_plain_first: true,
        heartbeat_timeout_ms: None,
        log_paths: Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let registered = runtime.block_on(opened.writer.register_agents(vec![agent], START_MS))?;
    Ok((opened, registered[0].instance_id))
}

/// The fields of a row that are columns of the same name.
const COLUMNS: [&str; 26] = [
    "run_id",
    "trace_id",
    "parent_run_id",
    "parent_run_ids",
    "dotted_order",
    "name",
    "run_type",
    "status",
    "is_root",
    "start_us",
    "end_us",
    "first_token_us",
    "latency_us",
    "error",
    "model",
    "provider",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_cost",
    "completion_cost",
    "total_cost",
    "prompt_token_details",
    "tags",
    "metadata",
    "feedback",
];
const INSERT: &str = "
    INSERT INTO trace_runs (run_id, trace_id, parent_run_id, parent_run_ids, dotted_order, name, run_type, status, is_root,
        start_us, end_us, first_token_us, latency_us, error, model, provider, prompt_tokens, completion_tokens,
        total_tokens, prompt_cost, completion_cost, total_cost, prompt_token_details, tags, metadata, feedback,
        thread_id, series_no, error_group_no, project_no, writer_id, received_ms, updated_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
        ?25, ?26, ?2, ?27, ?28, 1, 1, 1, 1)";

/// A field as the column holds it.
struct Field<'a>(Option<&'a Value>);

impl ToSql for Field<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            None | Some(Value::Null) => ToSqlOutput::Borrowed(ValueRef::Null),
            Some(Value::Bool(flag)) => ToSqlOutput::from(*flag),
            Some(Value::Number(number)) => ToSqlOutput::from(number.as_i64().unwrap_or(0)),
            Some(Value::String(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Some(json) => ToSqlOutput::from(json.to_string()),
        })
    }
}

/// The rows of `trace_runs` and nothing else, with the writer's pragmas.
fn plain_loop(path: &Path, messages: &[Vec<Value>]) -> Result<f64, Box<dyn Error>> {
    open(path)?.0.thread.join(Duration::from_secs(10))?;
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -4096;
        INSERT INTO trace_projects (project_no, project_id, writer_id, updated_ms) VALUES (1, 'p', 1, 0)",
    )?;
    let mut insert = connection.prepare(INSERT)?;
    let numbers = numbers(messages);
    let started = Instant::now();
    let (mut waiting, mut stored) = (0_usize, 0_usize);
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for (row, numbers) in messages.iter().flatten().zip(&numbers) {
        let fields = COLUMNS.iter().map(|name| Field(row.get(name)));
        insert.execute(params_from_iter(
            fields.chain(numbers.iter().map(|number| Field(Some(number)))),
        ))?;
        (waiting, stored) = (waiting + 1, stored + 1);
        if waiting >= ROWS_PER_TRANSACTION {
            connection.execute_batch("COMMIT; BEGIN IMMEDIATE")?;
            waiting = 0;
        }
    }
    connection.execute_batch("COMMIT")?;
    Ok(stored as f64 / started.elapsed().as_secs_f64())
}

/// What the writer finds for each row, given to the plain loop: the numbers of its series and of its errors, which are in indexes.
fn numbers(messages: &[Vec<Value>]) -> Vec<[Value; 2]> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut number = |key: String| {
        let next = known.len() + 1;
        Value::from(*known.entry(key).or_insert(next))
    };
    let rows = messages.iter().flatten();
    rows.map(|row| {
        let series = ["run_type", "name", "model", "is_root"].map(|name| &row[name]);
        let error = Some(&row["error"]).filter(|_| row["status"] == "error");
        let group = error.map_or(Value::Null, |error| number(format!("error {error}")));
        [number(format!("{series:?}")), group]
    })
    .collect()
}

fn through_writer(path: &Path, messages: Vec<Vec<Value>>) -> Result<(f64, f64), Box<dyn Error>> {
    let rows = messages.iter().map(Vec::len).sum::<usize>() as f64;
    // As they come out of an agent's line.
    let messages: Vec<_> = messages.into_iter().map(RecordsBatch::written).collect();
    let (Opened { writer, thread, .. }, instance_id) = open(path)?;
    let before = used_bytes(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let started = Instant::now();
    runtime.block_on(async {
        let mut under_way = tokio::task::JoinSet::new();
        for rows in messages {
            if under_way.len() >= MESSAGES_MAX
                && let Some(done) = under_way.join_next().await
            {
                done??;
            }
            let fact = Fact::Records(RecordsBatch {
                instance_id,
                kind: "langsmith_run".into(),
                rows,
                cursor: None,
                ts_ms: START_MS,
            });
            let writer = writer.clone();
            under_way.spawn(async move { writer.commit(fact).await });
            tokio::task::yield_now().await;
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok::<_, Box<dyn Error>>(())
    })?;
    let elapsed = started.elapsed().as_secs_f64();
    thread.join(Duration::from_secs(60))?;
    Ok((rows / elapsed, (used_bytes(path)? - before) / rows))
}

fn used_bytes(path: &Path) -> Result<f64, Box<dyn Error>> {
    let stats =
        Reader::open(path)?.snapshot(Duration::from_secs(5), |snapshot| snapshot.file_stats())?;
    Ok((stats.database_bytes - stats.free_bytes) as f64)
}
