//! Stores heartbeats: the raw rows, and the newest of each instance once for a batch.
//! It makes no roll-up, except of a row that arrives behind what is rolled up already.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use serde_json::{Map, Number, Value};

use super::ids::{COUNT_BITS, Ids};
use super::{ApplyError, meta, signed};
use crate::{HeartbeatBatch, HeartbeatRow};

/// The id up to which roll-ups have counted.
pub(crate) const ROLLED_TO: &str = "heartbeats_rolled_to_id";

const INSERT: &str = "
    INSERT INTO heartbeats (heartbeat_id, instance_id, invocation_id, seq, status, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
// A late row of an earlier invocation never replaces what is known of the living one.
const LATEST: &str = "
    INSERT INTO latest_heartbeats (instance_id, invocation_id, ts_ms, seq, status, message, metrics, agent_ts_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (instance_id) DO UPDATE SET invocation_id = excluded.invocation_id, ts_ms = excluded.ts_ms,
        seq = excluded.seq, status = excluded.status, message = excluded.message, metrics = excluded.metrics,
        agent_ts_ms = excluded.agent_ts_ms
    WHERE excluded.invocation_id >= latest_heartbeats.invocation_id";
const COUNT_MINUTE: &str = "
    INSERT INTO heartbeat_minutes (instance_id, period_ms, heartbeats, degraded, errors) VALUES (?1, ?2, 1, ?3, ?4)
    ON CONFLICT (instance_id, period_ms) DO UPDATE SET heartbeats = heartbeats + 1,
        degraded = degraded + excluded.degraded, errors = errors + excluded.errors";
const COUNT_HOUR: &str = "
    INSERT INTO heartbeat_hours (instance_id, period_ms, heartbeats, degraded, errors) VALUES (?1, ?2, 1, ?3, ?4)
    ON CONFLICT (instance_id, period_ms) DO UPDATE SET heartbeats = heartbeats + 1,
        degraded = degraded + excluded.degraded, errors = errors + excluded.errors";

/// The message that a NULL in the next row stands for.
#[derive(Debug)]
struct Said {
    invocation_id: i64,
    /// Said again in each new minute, so that no reader looks back further.
    minute: i64,
    message: String,
}

#[derive(Debug)]
struct Latest {
    invocation_id: i64,
    row: HeartbeatRow,
}

/// What is remembered of heartbeats between batches.
#[derive(Debug)]
pub(crate) struct Heartbeats {
    ids: Ids,
    /// Rows up to this id are counted in the roll-ups.
    pub(crate) rolled_to: i64,
    said: HashMap<i64, Said>,
    latest: HashMap<i64, Latest>,
}

impl Heartbeats {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            ids: Ids::load(connection)?,
            rolled_to: meta(connection, ROLLED_TO)?.unwrap_or(0),
            said: HashMap::new(),
            latest: HashMap::new(),
        })
    }

    pub(crate) fn store(
        &mut self,
        connection: &Connection,
        batch: &HeartbeatBatch,
    ) -> Result<(), ApplyError> {
        let said = self.said.entry(batch.instance_id).or_insert_with(|| Said {
            invocation_id: i64::MIN,
            minute: i64::MIN,
            message: String::new(),
        });
        let mut insert = connection.prepare_cached(INSERT)?;
        for row in &batch.rows {
            let id = self.ids.next(connection, row.ts_ms)?;
            let minute = (id >> COUNT_BITS) / 60_000;
            let known = said.invocation_id == batch.invocation_id
                && said.minute == minute
                && said.message == row.message;
            let message = (!known).then_some(row.message.as_str());
            insert.execute(params![
                id,
                batch.instance_id,
                batch.invocation_id,
                signed(row.seq),
                row.status,
                message
            ])?;
            if !known {
                (said.invocation_id, said.minute) = (batch.invocation_id, minute);
                said.message.clone_from(&row.message);
            }
            if id <= self.rolled_to {
                count_late(connection, batch.instance_id, id >> COUNT_BITS, row.status)?;
            }
        }
        let Some(newest) = batch.rows.last() else {
            return Ok(());
        };
        let stale = self
            .latest
            .get(&batch.instance_id)
            .is_some_and(|latest| latest.invocation_id > batch.invocation_id);
        if !stale {
            let latest = Latest {
                invocation_id: batch.invocation_id,
                row: newest.clone(),
            };
            self.latest.insert(batch.instance_id, latest);
        }
        Ok(())
    }

    /// Writes the newest of each instance of this batch.
    pub(crate) fn store_latest(&mut self, connection: &Connection) -> Result<(), ApplyError> {
        if self.latest.is_empty() {
            return Ok(());
        }
        let mut upsert = connection.prepare_cached(LATEST)?;
        for (instance_id, Latest { invocation_id, row }) in self.latest.drain() {
            let metrics: Map<String, Value> = row
                .metrics
                .into_iter()
                .filter_map(|(name, value)| Some((name, Value::Number(Number::from_f64(value)?))))
                .collect();
            let metrics = Value::Object(metrics).to_string();
            upsert.execute(params![
                instance_id,
                invocation_id,
                row.ts_ms,
                signed(row.seq),
                row.status,
                row.message,
                metrics,
                row.agent_ts_ms
            ])?;
        }
        Ok(())
    }

    pub(crate) fn forget_uncommitted(&mut self) {
        // The messages said may be gone: they are said again.
        self.said.clear();
        self.latest.clear();
    }
}

/// Counts a row that the roll-up has passed by: the clock was set back.
fn count_late(
    connection: &Connection,
    instance_id: i64,
    ts_ms: i64,
    status: u8,
) -> Result<(), ApplyError> {
    for (sql, period_ms) in [(COUNT_MINUTE, 60_000), (COUNT_HOUR, 3_600_000)] {
        let start = ts_ms / period_ms * period_ms;
        connection.prepare_cached(sql)?.execute(params![
            instance_id,
            start,
            status == 1,
            status == 2
        ])?;
    }
    Ok(())
}
