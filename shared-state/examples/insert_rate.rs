//! Prints heartbeats per second: a plain rusqlite loop into the same schema, and the writer, with the same rows.
//! It measures nothing but storing: no pipe, no parsing.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use rusqlite::{Connection, params};
use shared_state::{
    AgentRegistration, Fact, HeartbeatBatch, HeartbeatRow, Identity, Opened, Reader, WriterOptions,
    open_writer,
};

/// Rows that a reader of one pipe hands over at a time.
const ROWS_PER_BATCH: usize = 64;
/// Rows in one transaction of the plain loop; more is hardly faster.
const ROWS_PER_TRANSACTION: usize = 8_192;
/// 2026-11-23.
const START_MS: i64 = 1_795_392_000_000;

/// Measures how fast heartbeats are stored.
#[derive(Parser)]
struct Arguments {
    /// Heartbeats.
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    /// Agents that send them.
    #[arg(long, default_value_t = 100)]
    agents: u32,
    /// Each so many heartbeats the message changes.
    #[arg(long, default_value_t = 5)]
    message_every: usize,
    /// Metrics in each heartbeat.
    #[arg(long, default_value_t = 3)]
    metrics: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let batches = batches(&arguments);
    let plain = plain_loop(&folder.path().join("plain.db"), &arguments, &batches)?;
    let (stored, bytes) = through_writer(&folder.path().join("writer.db"), &arguments, batches)?;
    println!("plain rusqlite loop: {plain:.0} rows/s");
    println!(
        "writer:              {stored:.0} rows/s, {:.0} % of the loop",
        100.0 * stored / plain
    );
    println!("on disk:             {bytes:.1} bytes per heartbeat, metrics and indexes included");
    Ok(())
}

fn batches(arguments: &Arguments) -> Vec<HeartbeatBatch> {
    let agents = i64::from(arguments.agents.max(1));
    let mut seq = 0_usize;
    (0_i64..)
        .take(arguments.rows.div_ceil(ROWS_PER_BATCH))
        .map(|batch| HeartbeatBatch {
            instance_id: batch % agents + 1,
            invocation_id: batch % agents + 1,
            rows: (0..ROWS_PER_BATCH)
                .map(|_| {
                    seq += 1;
                    HeartbeatRow {
                        // 300 000 a second.
                        ts_ms: START_MS + i64::try_from(seq / 300).unwrap_or(0),
                        seq: seq as u64,
                        status: u8::from(seq.is_multiple_of(100)),
                        message: format!(
                            "processed {} items",
                            seq / arguments.message_every.max(1)
                        ),
                        metrics: (0..arguments.metrics)
                            .map(|m| (format!("figure_{m}"), seq as f64))
                            .collect(),
                        agent_ts_ms: None,
                    }
                })
                .collect(),
        })
        .collect()
}

fn open(path: &Path, agents: u32) -> Result<Opened, Box<dyn Error>> {
    let identity = Identity {
        host: "rate".into(),
        pid: 1,
        pid_start_ticks: 1,
        version: "0".into(),
        now_ms: START_MS,
    };
    let opened = open_writer(path, identity, WriterOptions::default())?;
    let agents = (0..agents)
        .map(|n| AgentRegistration {
            name: format!("agent-{n}"),
            protocol: "json".into(),
            command: vec!["/usr/bin/agent".into()],
            config: serde_json::Value::Null,
            instances: 1,
            has_plain_first: true,
            heartbeat_timeout_ms: None,
            log_paths: Vec::new(),
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(opened.writer.register_agents(agents, START_MS))?;
    Ok(opened)
}

/// The rows of the heartbeats table and nothing else, with the writer's pragmas.
fn plain_loop(
    path: &Path,
    arguments: &Arguments,
    batches: &[HeartbeatBatch],
) -> Result<f64, Box<dyn Error>> {
    open(path, arguments.agents)?
        .thread
        .join(Duration::from_secs(10))?;
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -4096",
    )?;
    let mut insert =
        connection.prepare("INSERT INTO heartbeats VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let started = Instant::now();
    let (mut id, mut waiting) = (0_i64, 0_usize);
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for batch in batches {
        let mut said = "";
        for row in &batch.rows {
            id = (row.ts_ms << 20).max(id + 1);
            let message = (said != row.message).then_some(row.message.as_str());
            said = &row.message;
            let seq = i64::try_from(row.seq)?;
            insert.execute(params![
                id,
                batch.instance_id,
                batch.invocation_id,
                seq,
                row.status,
                message
            ])?;
        }
        waiting += batch.rows.len();
        if waiting >= ROWS_PER_TRANSACTION {
            connection.execute_batch("COMMIT; BEGIN IMMEDIATE")?;
            waiting = 0;
        }
    }
    connection.execute_batch("COMMIT")?;
    Ok((batches.len() * ROWS_PER_BATCH) as f64 / started.elapsed().as_secs_f64())
}

fn through_writer(
    path: &Path,
    arguments: &Arguments,
    batches: Vec<HeartbeatBatch>,
) -> Result<(f64, f64), Box<dyn Error>> {
    let rows = (batches.len() * ROWS_PER_BATCH) as f64;
    let Opened { writer, thread, .. } = open(path, arguments.agents)?;
    let before = used_bytes(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let started = Instant::now();
    runtime.block_on(async {
        for batch in batches {
            writer.record_bulk(Fact::Heartbeats(batch)).await?;
        }
        Ok::<_, Box<dyn Error>>(())
    })?;
    // Ends when all of it is committed.
    thread.join(Duration::from_secs(60))?;
    let elapsed = started.elapsed().as_secs_f64();
    let health = writer.health();
    if health.dropped_rows > 0 {
        return Err(format!("{} rows were dropped", health.dropped_rows).into());
    }
    Ok((rows / elapsed, (used_bytes(path)? - before) / rows))
}

fn used_bytes(path: &Path) -> Result<f64, Box<dyn Error>> {
    let stats =
        Reader::open(path)?.snapshot(Duration::from_secs(5), |snapshot| snapshot.file_stats())?;
    Ok((stats.database_bytes - stats.free_bytes) as f64)
}
