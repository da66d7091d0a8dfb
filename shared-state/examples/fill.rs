//! Makes a large database for measurements: agents, heartbeats spread over days, metrics, events, invocations.
//! It writes with plain SQL because it must be fast; the rows are such as the writer makes.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use rusqlite::{Connection, params};
use shared_state::{AgentRegistration, Identity, WriterOptions, open_writer};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Makes a database with many rows.
#[derive(Parser)]
struct Arguments {
    /// The file; it must not exist.
    database: PathBuf,
    /// Agents, of one instance each.
    #[arg(long, default_value_t = 1_000)]
    agents: u32,
    /// Raw heartbeats of all agents together.
    #[arg(long, default_value_t = 1_000_000)]
    heartbeats: i64,
    /// Days over which the heartbeats are spread, up to now.
    #[arg(long, default_value_t = 1)]
    days: i64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if arguments.database.exists() {
        return Err(format!("{} exists; name another file", arguments.database.display()).into());
    }
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let instances = register(&arguments, now_ms)?;
    let mut connection = Connection::open(&arguments.database)?;
    // If this is interrupted the file is worthless anyway.
    connection.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 20000",
    )?;
    fill_heartbeats(&mut connection, &arguments, &instances, now_ms)?;
    fill_history(&mut connection, &instances, now_ms)?;
    fill_metrics(&mut connection, &instances, now_ms)?;
    // What a coordinator leaves: files beside the database that a reader can open.
    connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)")?;
    drop(connection);
    open(&arguments, now_ms)?
        .thread
        .join(Duration::from_secs(60))?;
    Ok(())
}

fn open(arguments: &Arguments, now_ms: i64) -> Result<shared_state::Opened, Box<dyn Error>> {
    let identity = Identity {
        host: "fill".into(),
        pid: 1,
        pid_start_ticks: 1,
        version: "0".into(),
        now_ms,
    };
    Ok(open_writer(
        &arguments.database,
        identity,
        WriterOptions::default(),
    )?)
}

fn register(arguments: &Arguments, now_ms: i64) -> Result<Vec<i64>, Box<dyn Error>> {
    let opened = open(arguments, now_ms)?;
    let agents = (0..arguments.agents)
        .map(|n| AgentRegistration {
            name: format!("agent-{n:04}"),
            protocol: "json".into(),
            command: vec!["/usr/bin/agent".into()],
            config: serde_json::json!({"restart": "always"}),
            instances: 1,
            has_plain_first: true,
            heartbeat_timeout_ms: Some(30_000),
            log_paths: Vec::new(),
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let registered = runtime.block_on(opened.writer.register_agents(agents, now_ms))?;
    opened.thread.join(Duration::from_secs(60))?;
    Ok(registered
        .into_iter()
        .map(|instance| instance.instance_id)
        .collect())
}

fn fill_heartbeats(
    connection: &mut Connection,
    arguments: &Arguments,
    instances: &[i64],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let span_ms = arguments.days.max(1) * 24 * HOUR_MS;
    let agents = i64::try_from(instances.len()).unwrap_or(1).max(1);
    let transaction = connection.transaction()?;
    {
        let mut insert =
            transaction.prepare("INSERT INTO heartbeats VALUES (?1, ?2, ?2, ?3, ?4, ?5)")?;
        let mut last_id = 0_i64;
        for n in 0..arguments.heartbeats {
            let ts_ms = now_ms - span_ms
                + (i128::from(span_ms) * i128::from(n) / i128::from(arguments.heartbeats)) as i64;
            last_id = (ts_ms << 20).max(last_id + 1);
            let (beat, agent) = (n / agents, n % agents);
            let status = i64::from(beat % 50 == 49) + i64::from(beat % 500 == 499);
            let message = (beat % 6 == 0).then(|| format!("cycle {beat} done"));
            let instance_id = instances[usize::try_from(agent).unwrap_or(0)];
            insert.execute(params![last_id, instance_id, beat, status, message])?;
        }
        transaction.execute(
            "INSERT OR REPLACE INTO meta VALUES ('heartbeats_rolled_to_id', ?1)",
            [last_id.to_string()],
        )?;
    }
    for (table, period_ms) in [
        ("heartbeat_minutes", MINUTE_MS),
        ("heartbeat_hours", HOUR_MS),
    ] {
        transaction.execute(
            &format!(
                "INSERT INTO {table} SELECT instance_id, (heartbeat_id >> 20) / ?1 * ?1, count(*), sum(status = 1),
                 sum(status = 2) FROM heartbeats GROUP BY 1, 2"
            ),
            [period_ms],
        )?;
    }
    transaction.commit()
}

fn fill_history(
    connection: &mut Connection,
    instances: &[i64],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut latest = transaction.prepare(
            "INSERT INTO latest_heartbeats VALUES (?1, ?1, ?2, 1000, 0, 'cycle 1000 done',
             '{\"cpu_percent\":1.5,\"items\":1200,\"memory_bytes\":52428800,\"queue\":3}', ?2)",
        )?;
        let mut running = transaction.prepare(
            "UPDATE instances SET state = 'RUNNING', reason = 'ready', pid = 1000 + instance_id, started_ms = ?2,
             invocation_id = instance_id, since_ms = ?2 WHERE instance_id = ?1",
        )?;
        let mut invocation = transaction.prepare(
            "INSERT INTO invocations (invocation_id, instance_id, incarnation_id, attempt, is_restart, pid, pid_start_ticks, started_ms,
             ready_ms, ended_ms, outcome, exit_code, reason) VALUES (?1, ?2, 1, 1, 1, 99, 1, ?3, ?3, ?4, 'exited', 1, 'exit code 1')",
        )?;
        let mut event = transaction.prepare(
            "INSERT INTO events (ts_ms, instance_id, level, kind, message) VALUES (?1, ?2, 1, 'restarted', 'restarted after exit code 1')",
        )?;
        let count = i64::try_from(instances.len()).unwrap_or(0);
        for (n, instance_id) in (0_i64..).zip(instances) {
            latest.execute(params![instance_id, now_ms - n % 10_000])?;
            running.execute(params![instance_id, now_ms - HOUR_MS])?;
        }
        for k in 0..20_i64 {
            for instance_id in instances {
                let started_ms = now_ms - (20 - k) * 3 * HOUR_MS;
                invocation.execute(params![
                    (k + 1) * 2 * count + instance_id,
                    instance_id,
                    started_ms,
                    started_ms + 2 * HOUR_MS
                ])?;
                event.execute(params![started_ms, instance_id])?;
            }
        }
    }
    transaction.commit()
}

/// Two figures of each agent: points of half an hour, minutes of six hours, hours of thirty days.
fn fill_metrics(
    connection: &mut Connection,
    instances: &[i64],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let minute = now_ms / MINUTE_MS * MINUTE_MS;
    let hour = now_ms / HOUR_MS * HOUR_MS;
    {
        let mut series = transaction.prepare(
            "INSERT INTO series (instance_id, subject, name, last_ms) VALUES (?1, '', ?2, ?3)",
        )?;
        let mut point = transaction.prepare("INSERT INTO metric_points VALUES (?1, ?2, ?3)")?;
        let mut minutes = transaction
            .prepare("INSERT INTO metric_minutes VALUES (?1, ?2, 12, 1, 9, 60, ?3, ?3)")?;
        let mut hours = transaction
            .prepare("INSERT INTO metric_hours VALUES (?1, ?2, 720, 1, 9, 3600, ?3, ?3)")?;
        for instance_id in instances {
            for name in ["cpu_percent", "memory_bytes"] {
                series.execute(params![instance_id, name, now_ms])?;
                let id = transaction.last_insert_rowid();
                let value =
                    |k: i64| f64::from(i32::try_from((k * 37 + id) % 1_000).unwrap_or(0)) / 10.0;
                for k in 0..360 {
                    point.execute(params![
                        id,
                        now_ms / 1_000 * 1_000 - (360 - k) * 5_000,
                        value(k)
                    ])?;
                    minutes.execute(params![id, minute - (360 - k) * MINUTE_MS, value(k)])?;
                }
                for k in 0..720 {
                    hours.execute(params![id, hour - (720 - k) * HOUR_MS, value(k)])?;
                }
            }
        }
    }
    for (key, value) in [
        ("metric_minutes_rolled_to_ms", minute),
        ("metric_hours_rolled_to_ms", hour),
    ] {
        transaction.execute(
            "INSERT OR REPLACE INTO meta VALUES (?1, ?2)",
            params![key, value.to_string()],
        )?;
    }
    transaction.commit()
}
