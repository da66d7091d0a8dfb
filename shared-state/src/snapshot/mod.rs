//! The questions that can be asked, each bounded. One file for each topic holds the queries and the functions that
//! run them; no query reads the raw heartbeats except by a short range of ids.

mod bar;
mod chart;
mod fleet;
mod history;
#[cfg(test)]
mod plans;
mod system;
mod traces;

use std::path::Path;

use rusqlite::Connection;

use crate::ReaderError;

pub(crate) use bar::BarCache;
pub use chart::SeriesOf;
pub use history::EventFilter;

/// Rows that one question returns at most, whatever limit was asked for.
pub(crate) const ROWS_MAX: usize = 10_000;

type Result<T> = std::result::Result<T, ReaderError>;

/// One moment of the database; lives as long as the transaction of `Reader::snapshot`.
pub struct Snapshot<'a> {
    connection: &'a Connection,
    path: &'a Path,
    bars: &'a BarCache,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(connection: &'a Connection, path: &'a Path, bars: &'a BarCache) -> Self {
        Self {
            connection,
            path,
            bars,
        }
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement
            .query_map(params, row)?
            .collect::<rusqlite::Result<Vec<T>>>()?;
        Ok(rows)
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(sql, params, row)?.into_iter().next())
    }
}

/// A limit as SQLite takes it.
fn bounded(limit: usize) -> i64 {
    i64::try_from(limit.min(ROWS_MAX)).unwrap_or(i64::MAX)
}

/// Counts are never negative in the file.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// JSON that the writer wrote.
fn json(text: Option<String>) -> Option<serde_json::Value> {
    text.and_then(|text| serde_json::from_str(&text).ok())
}

/// Every query of the reader, for the test that none of them scans a large table.
#[cfg(test)]
pub(crate) fn queries() -> Vec<(&'static str, &'static str)> {
    [
        fleet::QUERIES,
        bar::QUERIES,
        history::QUERIES,
        chart::QUERIES,
        system::QUERIES,
        &traces::queries(),
    ]
    .concat()
}
