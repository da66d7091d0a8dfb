//! P6, P7 and P11: how many heartbeats are stored a second, how soon, and in how many bytes.
//! The yardstick is a loop of plain inserts into the same tables by the same rusqlite.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags, params};
use tempfile::TempDir;

use crate::process::pss_mb;
use crate::report::{Figure, percentile};
use crate::slots::{monotonic_ns, pause};
use crate::supervised::{Supervised, Work};

const FLOODING_AGENTS: usize = 100;
const FLOOD: Duration = Duration::from_secs(15);
const LATENCY_SAMPLES: usize = 5_000;
const START_LIMIT: Duration = Duration::from_secs(120);

/// P6 and P11: a hundred agents write as fast as their pipes take it.
pub(crate) fn heartbeats_stored() -> Result<Vec<Figure>> {
    let plain = plain_rows_per_second()?;
    let supervised = Supervised::start(FLOODING_AGENTS, Work::Beat { period_ms: 0 })?;
    supervised.wait_running(FLOODING_AGENTS, START_LIMIT)?;
    let reader = open_read_only(&supervised.database())?;
    let (rows_before, begun) = (count_heartbeats(&reader)?, Instant::now());
    let mut pss_max_mb: f64 = 0.0;
    while begun.elapsed() < FLOOD {
        pause(Duration::from_millis(500));
        pss_max_mb = pss_max_mb.max(pss_mb(supervised.pid())?);
    }
    let (rows_after, seconds) = (count_heartbeats(&reader)?, begun.elapsed().as_secs_f64());
    let dropped: i64 = reader.query_row(
        "SELECT coalesce(sum(value), 0) FROM counters WHERE name LIKE '%dropped%'",
        [],
        |row| row.get(0),
    )?;
    let bytes: i64 = reader
        .query_row(
            "SELECT sum(pgsize) FROM dbstat WHERE name = 'heartbeats'",
            [],
            |row| row.get(0),
        )
        .unwrap_or(0);
    let rows = count_heartbeats(&reader)?;
    drop(reader);
    supervised.stop()?;
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
    let (stored, bytes_a_row) = (
        (rows_after - rows_before) as f64 / seconds,
        bytes as f64 / rows as f64,
    );
    Ok(vec![
        Figure {
            id: "P6",
            what: format!(
                "heartbeats stored per second, {FLOODING_AGENTS} agents flat out for {} s",
                FLOOD.as_secs()
            ),
            measured: format!(
                "{stored:.0} ({:.0} %), {dropped} dropped, PSS at most {pss_max_mb:.0} MB",
                stored / plain * 100.0
            ),
            yardstick: format!(
                "plain rusqlite loop, same schema, nothing else running: {plain:.0}"
            ),
            goal: "≥ 50 % of the plain loop and ≥ 200 000, none dropped",
            met: Some(stored >= plain * 0.5 && stored >= 200_000.0 && dropped == 0),
        },
        Figure {
            id: "P11",
            what: "bytes on disk per stored heartbeat".into(),
            measured: if bytes > 0 {
                format!("{bytes_a_row:.0}")
            } else {
                "not measured: this SQLite has no dbstat".into()
            },
            yardstick: String::new(),
            goal: "≤ 100",
            met: (bytes > 0).then_some(bytes_a_row <= 100.0),
        },
    ])
}

/// P7: from the agent's write to the row that another process can read, at about a thousand a second.
pub(crate) fn heartbeat_latency() -> Result<Vec<Figure>> {
    let supervised = Supervised::start(1, Work::Beat { period_ms: 1 })?;
    supervised.wait_running(1, START_LIMIT)?;
    let reader = open_read_only(&supervised.database())?;
    let mut newest: i64 = reader.query_row(
        "SELECT coalesce(max(heartbeat_id), 0) FROM heartbeats",
        [],
        |row| row.get(0),
    )?;
    let mut rows = reader.prepare("SELECT heartbeat_id, message FROM heartbeats WHERE heartbeat_id > ?1 ORDER BY heartbeat_id")?;
    let mut latency_ms = Vec::with_capacity(LATENCY_SAMPLES);
    while latency_ms.len() < LATENCY_SAMPLES {
        let mut found = rows.query([newest])?;
        let seen_ns = monotonic_ns();
        while let Some(row) = found.next()? {
            newest = row.get(0)?;
            let written_ns: u64 = row
                .get::<_, String>(1)?
                .parse()
                .context("the child writes its clock as the message")?;
            #[expect(
                clippy::cast_precision_loss,
                reason = "a latency is far below 2^53 nanoseconds"
            )]
            latency_ms.push(seen_ns.saturating_sub(written_ns) as f64 / 1e6);
        }
        pause(Duration::from_micros(500));
    }
    drop(rows);
    drop(reader);
    supervised.stop()?;
    latency_ms.sort_by(f64::total_cmp);
    let (p50, p99) = (percentile(&latency_ms, 0.5), percentile(&latency_ms, 0.99));
    Ok(vec![Figure {
        id: "P7",
        what: "heartbeat written by the agent → committed and seen by a reader, ms p50 / p99 at about 1 000/s".into(),
        measured: format!("{p50:.1} / {p99:.1}"),
        yardstick: "the reader looks every 0.5 ms".into(),
        goal: "≤ 10 / 25",
        met: Some(p50 <= 10.0 && p99 <= 25.0),
    }])
}

/// Plain inserts, a thousand a transaction, into the same tables in a file of their own.
fn plain_rows_per_second() -> Result<f64> {
    const ROWS: i64 = 2_000_000;
    let folder = TempDir::new()?;
    let path = folder.path().join("plain.db");
    super::make_database(&path)?;
    let mut connection = Connection::open(&path)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    let begun = Instant::now();
    for first in (0..ROWS).step_by(1_000) {
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO heartbeats (heartbeat_id, instance_id, invocation_id, seq, status, message) VALUES (?1, ?2, ?3, ?4, 0, NULL)")?;
            for row in first..first + 1_000 {
                insert.execute(params![
                    (1_700_000_000_000_i64 << 20) + row,
                    row % 100,
                    row % 100,
                    row
                ])?;
            }
        }
        transaction.commit()?;
    }
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
    Ok(ROWS as f64 / begun.elapsed().as_secs_f64())
}

fn open_read_only(path: &Path) -> Result<Connection> {
    Ok(Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY,
    )?)
}

fn count_heartbeats(reader: &Connection) -> Result<i64> {
    Ok(reader.query_row("SELECT count(*) FROM heartbeats", [], |row| row.get(0))?)
}
