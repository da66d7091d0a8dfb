//! Turns facts into rows, inside the transaction of a batch. It opens and commits nothing.

mod heartbeats;
mod ids;
mod lifecycle;
mod metrics;
mod traces;

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{Fact, TimeMs};

pub(crate) use heartbeats::ROLLED_TO as HEARTBEATS_ROLLED_TO;
pub(crate) use ids::first_id;
pub(crate) use metrics::{HOURS_ROLLED_TO, MINUTES_ROLLED_TO, POINTS_PRUNED_TO};
pub(crate) use traces::Marks as TraceMarks;

/// Why a fact was not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// SQLite refused it, or the database is not available.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Its content cannot be stored.
    #[error("{0}")]
    Refused(String),
}

const COUNT: &str = "
    INSERT INTO counters (instance_id, name, value, updated_ms) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (instance_id, name) DO UPDATE SET value = value + excluded.value, updated_ms = excluded.updated_ms";
const META: &str = "SELECT value FROM meta WHERE key = ?1";
const SET_META: &str = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// A number of the `meta` table.
pub(crate) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<i64>> {
    let text: Option<String> = connection
        .prepare_cached(META)?
        .query_row([key], |row| row.get(0))
        .optional()?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// Sets a number of the `meta` table.
pub(crate) fn set_meta(connection: &Connection, key: &str, value: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(SET_META)?
        .execute(params![key, value.to_string()])?;
    Ok(())
}

/// What the writer remembers between batches so that it need not ask the file.
#[derive(Debug)]
pub(crate) struct Applier {
    incarnation_id: i64,
    pub(crate) heartbeats: heartbeats::Heartbeats,
    pub(crate) metrics: metrics::Metrics,
    pub(crate) traces: traces::Traces,
}

impl Applier {
    pub(crate) fn load(
        connection: &Connection,
        incarnation_id: i64,
        now_ms: TimeMs,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            incarnation_id,
            heartbeats: heartbeats::Heartbeats::load(connection)?,
            metrics: metrics::Metrics::load(connection, now_ms)?,
            traces: traces::Traces::load(connection)?,
        })
    }

    pub(crate) fn apply(&mut self, connection: &Connection, fact: &Fact) -> Result<(), ApplyError> {
        match fact {
            Fact::Heartbeats(batch) => {
                self.heartbeats.store(connection, batch)?;
                for row in &batch.rows {
                    self.metrics.store(
                        connection,
                        batch.instance_id,
                        "",
                        row.ts_ms,
                        &row.metrics,
                    )?;
                }
                Ok(())
            }
            Fact::Metrics(row) => self.metrics.store(
                connection,
                row.instance_id,
                &row.subject,
                row.ts_ms,
                &row.metrics,
            ),
            Fact::Records(batch) => self.traces.store(connection, batch),
            Fact::Counted {
                instance_id,
                name,
                by,
                ts_ms,
            } => Ok(count(connection, *instance_id, name, *by, *ts_ms)?),
            other => lifecycle::store(connection, self.incarnation_id, other),
        }
    }

    /// Writes what is stored once for a batch. May be called several times within one.
    pub(crate) fn finish_batch(&mut self, connection: &Connection) -> Result<(), ApplyError> {
        self.metrics.finish_batch(connection)?;
        self.traces.finish_batch(connection)?;
        self.heartbeats.store_latest(connection)
    }

    /// The transaction, or a part of it, is gone: what is remembered may be of it.
    pub(crate) fn forget_uncommitted(&mut self, connection: &Connection) {
        self.heartbeats.forget_uncommitted();
        self.metrics.forget_uncommitted(connection);
        self.traces.forget_uncommitted();
    }

    pub(crate) fn count_dropped(
        &self,
        connection: &Connection,
        dropped: &BTreeMap<i64, u64>,
        now_ms: TimeMs,
    ) -> rusqlite::Result<()> {
        dropped.iter().try_for_each(|(instance_id, rows)| {
            count(connection, *instance_id, "rows_dropped", *rows, now_ms)
        })
    }

    pub(crate) fn count_refused(
        &self,
        connection: &Connection,
        instance_id: i64,
        rows: usize,
        now_ms: TimeMs,
    ) -> rusqlite::Result<()> {
        count(connection, instance_id, "rows_refused", rows as u64, now_ms)
    }
}

pub(crate) fn count(
    connection: &Connection,
    instance_id: i64,
    name: &str,
    by: u64,
    now_ms: TimeMs,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(COUNT)?
        .execute(params![instance_id, name, signed(by), now_ms])?;
    Ok(())
}

/// SQLite's integers are signed; what is beyond stays at the largest.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
