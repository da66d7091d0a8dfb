//! The shared key-value state, counters, the coordinator's own rows and the file itself.
//! It judges nothing: whether the coordinator is down is for the caller, who knows the time.

use rusqlite::params;

use super::{ROWS_MAX, Result, Snapshot, bounded, json, unsigned};
use crate::apply::meta;
use crate::reader::wal_bytes;
use crate::{CounterRow, FileStats, IncarnationRow, StateRow};

const STATE: &str = "
    SELECT s.key, s.value, s.version, i.name, s.updated_ms FROM state s JOIN instances i ON i.instance_id = s.writer_id
    WHERE s.key > ?1 AND s.key >= ?2 AND s.key < ?3 ORDER BY s.key LIMIT ?4";
const COUNTERS: &str =
    "SELECT instance_id, name, value, updated_ms FROM counters ORDER BY instance_id, name LIMIT ?1";
const INCARNATION: &str = "
    SELECT incarnation_id, host, pid, pid_start_ticks, version, started_ms, seen_ms, ended_ms, exit_reason
    FROM incarnations ORDER BY incarnation_id DESC LIMIT 1";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("STATE", STATE),
    ("COUNTERS", COUNTERS),
    ("INCARNATION", INCARNATION),
];

impl Snapshot<'_> {
    /// Entries of the shared state whose key begins with `prefix`, in order, after `after_key`.
    pub fn state(&self, prefix: &str, after_key: &str, limit: usize) -> Result<Vec<StateRow>> {
        // No key is longer than 512 bytes of characters below this one.
        let end = format!("{prefix}\u{10FFFF}");
        self.all(
            STATE,
            params![after_key, prefix, end, bounded(limit)],
            |row| {
                Ok(StateRow {
                    key: row.get(0)?,
                    value: json(row.get(1)?).unwrap_or_default(),
                    version: row.get(2)?,
                    writer: row.get(3)?,
                    updated_ms: row.get(4)?,
                })
            },
        )
    }

    /// All counters.
    pub fn counters(&self) -> Result<Vec<CounterRow>> {
        self.all(COUNTERS, [bounded(ROWS_MAX)], |row| {
            Ok(CounterRow {
                instance_id: row.get(0)?,
                name: row.get(1)?,
                value: unsigned(row.get(2)?),
                updated_ms: row.get(3)?,
            })
        })
    }

    /// The newest start of a coordinator on this file.
    pub fn incarnation(&self) -> Result<Option<IncarnationRow>> {
        self.one(INCARNATION, [], |row| {
            Ok(IncarnationRow {
                incarnation_id: row.get(0)?,
                host: row.get(1)?,
                pid: row.get(2)?,
                pid_start_ticks: row.get(3)?,
                version: row.get(4)?,
                started_ms: row.get(5)?,
                seen_ms: row.get(6)?,
                ended_ms: row.get(7)?,
                exit_reason: row.get(8)?,
            })
        })
    }

    /// Sizes of the database.
    pub fn file_stats(&self) -> Result<FileStats> {
        let pragma = |name| {
            self.connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        };
        let page_bytes = unsigned(pragma("page_size")?);
        Ok(FileStats {
            database_bytes: unsigned(pragma("page_count")?) * page_bytes,
            wal_bytes: wal_bytes(self.path),
            free_bytes: unsigned(pragma("freelist_count")?) * page_bytes,
            schema_version: crate::SCHEMA_VERSION,
            sqlite_version: rusqlite::version(),
        })
    }

    /// A number of the `meta` table, such as how far a roll-up has come.
    pub fn meta(&self, key: &str) -> Result<Option<i64>> {
        Ok(meta(self.connection, key)?)
    }
}
