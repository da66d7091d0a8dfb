//! Numbers of series and of error groups, bounded for each project. It counts nothing.

use std::collections::HashMap;
use std::fmt::Write;

use rusqlite::{Connection, OptionalExtension, params};

use super::normalise::normalise;

/// Series of a project with a name of their own; a program that puts an id into each name must not make a row of each run.
const SERIES_MAX: i64 = 10_000;
/// Beyond, names are left out and models still told apart, up to this.
const SERIES_WITHOUT_NAME_MAX: i64 = 11_000;
/// Error groups of a project.
const GROUPS_MAX: i64 = 1_000;
/// The name of what is counted together.
pub(super) const OTHER: &str = "(other)";
/// The types that LangSmith knows; beyond all bounds others are counted together.
const RUN_TYPES: [&str; 7] = [
    "chain",
    "embedding",
    "llm",
    "parser",
    "prompt",
    "retriever",
    "tool",
];
/// Entries remembered; each is some hundred bytes.
const REMEMBERED_MAX: usize = 20_000;
/// A longer name is cut: a series is known by what people read.
const NAME_CHARS_MAX: usize = 200;

const DAY_MS: i64 = 86_400_000;

const FIND_SERIES: &str = "
    SELECT series_no, last_ms FROM trace_series
    WHERE project_no = ?1 AND run_type = ?2 AND name = ?3 AND model = ?4 AND is_root = ?5";
const ADD_SERIES: &str = "
    INSERT INTO trace_series (project_no, run_type, name, model, is_root, last_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const COUNT_SERIES: &str = "SELECT count(*) FROM trace_series WHERE project_no = ?1";
const MOVE_SERIES: &str = "UPDATE trace_series SET last_ms = max(last_ms, ?2) WHERE series_no = ?1";
const FIND_GROUP: &str =
    "SELECT group_no, last_ms FROM trace_error_groups WHERE project_no = ?1 AND message = ?2";
const ADD_GROUP: &str =
    "INSERT INTO trace_error_groups (project_no, message, last_ms) VALUES (?1, ?2, ?3)";
const COUNT_GROUPS: &str = "SELECT count(*) FROM trace_error_groups WHERE project_no = ?1";
const MOVE_GROUP: &str =
    "UPDATE trace_error_groups SET last_ms = max(last_ms, ?2) WHERE group_no = ?1";

#[derive(Clone, Copy, Debug)]
struct Entry {
    number: i64,
    last_ms: i64,
}

/// What is remembered of the numbers.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    series: HashMap<String, Entry>,
    groups: HashMap<String, Entry>,
    /// How many a project has.
    series_counts: HashMap<i64, i64>,
    group_counts: HashMap<i64, i64>,
    key: String,
}

/// What tells series apart.
#[derive(Clone, Copy)]
pub(super) struct SeriesKey<'a> {
    pub(super) project_no: i64,
    pub(super) run_type: &'a str,
    pub(super) name: &'a str,
    pub(super) model: &'a str,
    pub(super) is_root: bool,
}

impl Dictionary {
    /// The series of a run that started at `start_ms`.
    pub(super) fn series(
        &mut self,
        connection: &Connection,
        key: SeriesKey<'_>,
        start_ms: i64,
    ) -> rusqlite::Result<i64> {
        let key = SeriesKey {
            run_type: cut(key.run_type),
            name: cut(key.name),
            model: cut(key.model),
            ..key
        };
        let day_ms = start_ms.div_euclid(DAY_MS) * DAY_MS;
        self.key.clear();
        // A text that holds the separator could only meet another series of the same project.
        let SeriesKey {
            project_no,
            run_type,
            name,
            model,
            is_root,
        } = key;
        let _ = write!(
            self.key,
            "{project_no}\0{}\0{run_type}\0{name}\0{model}",
            i32::from(is_root)
        );
        if let Some(entry) = self.series.get_mut(&self.key) {
            return move_on(connection, MOVE_SERIES, entry, day_ms);
        }
        let mut entry = self.find_or_add_series(connection, key, day_ms)?;
        let number = move_on(connection, MOVE_SERIES, &mut entry, day_ms)?;
        if self.series.len() >= REMEMBERED_MAX {
            self.series.clear();
        }
        self.series.insert(self.key.clone(), entry);
        Ok(number)
    }

    fn find_or_add_series(
        &mut self,
        connection: &Connection,
        key: SeriesKey<'_>,
        day_ms: i64,
    ) -> rusqlite::Result<Entry> {
        if let Some(entry) = find_series(connection, key)? {
            return Ok(entry);
        }
        let count = count_of(
            connection,
            &mut self.series_counts,
            COUNT_SERIES,
            key.project_no,
        )?;
        let key = if *count < SERIES_MAX {
            key
        } else if *count < SERIES_WITHOUT_NAME_MAX {
            SeriesKey { name: OTHER, ..key }
        } else {
            let is_known = RUN_TYPES.contains(&key.run_type);
            SeriesKey {
                run_type: if is_known { key.run_type } else { OTHER },
                name: OTHER,
                model: OTHER,
                ..key
            }
        };
        if let Some(entry) = find_series(connection, key)? {
            return Ok(entry);
        }
        *count += 1;
        connection.prepare_cached(ADD_SERIES)?.execute(params![
            key.project_no,
            key.run_type,
            key.name,
            key.model,
            key.is_root,
            day_ms
        ])?;
        Ok(Entry {
            number: connection.last_insert_rowid(),
            last_ms: day_ms,
        })
    }

    /// The group of an error of a run that started at `start_ms`.
    pub(super) fn error_group(
        &mut self,
        connection: &Connection,
        project_no: i64,
        error: &str,
        start_ms: i64,
    ) -> rusqlite::Result<i64> {
        let day_ms = start_ms.div_euclid(DAY_MS) * DAY_MS;
        let message = normalise(error);
        let key = format!("{project_no}\0{message}");
        if let Some(entry) = self.groups.get_mut(&key) {
            return move_on(connection, MOVE_GROUP, entry, day_ms);
        }
        let mut entry = match find_group(connection, project_no, &message)? {
            Some(entry) => entry,
            None => {
                let count = count_of(connection, &mut self.group_counts, COUNT_GROUPS, project_no)?;
                let message = if *count < GROUPS_MAX { &message } else { OTHER };
                match find_group(connection, project_no, message)? {
                    Some(entry) => entry,
                    None => {
                        *count += 1;
                        connection
                            .prepare_cached(ADD_GROUP)?
                            .execute(params![project_no, message, day_ms])?;
                        Entry {
                            number: connection.last_insert_rowid(),
                            last_ms: day_ms,
                        }
                    }
                }
            }
        };
        let number = move_on(connection, MOVE_GROUP, &mut entry, day_ms)?;
        if self.groups.len() >= REMEMBERED_MAX {
            self.groups.clear();
        }
        self.groups.insert(key, entry);
        Ok(number)
    }

    pub(super) fn forget(&mut self) {
        self.series.clear();
        self.groups.clear();
        self.series_counts.clear();
        self.group_counts.clear();
    }
}

/// Notes the newest day, once a day.
fn move_on(
    connection: &Connection,
    sql: &str,
    entry: &mut Entry,
    day_ms: i64,
) -> rusqlite::Result<i64> {
    if day_ms > entry.last_ms {
        connection
            .prepare_cached(sql)?
            .execute([entry.number, day_ms])?;
        entry.last_ms = day_ms;
    }
    Ok(entry.number)
}

fn find_series(connection: &Connection, key: SeriesKey<'_>) -> rusqlite::Result<Option<Entry>> {
    connection
        .prepare_cached(FIND_SERIES)?
        .query_row(
            params![
                key.project_no,
                key.run_type,
                key.name,
                key.model,
                key.is_root
            ],
            entry,
        )
        .optional()
}

fn find_group(
    connection: &Connection,
    project_no: i64,
    message: &str,
) -> rusqlite::Result<Option<Entry>> {
    connection
        .prepare_cached(FIND_GROUP)?
        .query_row(params![project_no, message], entry)
        .optional()
}

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        number: row.get(0)?,
        last_ms: row.get(1)?,
    })
}

fn count_of<'a>(
    connection: &Connection,
    counts: &'a mut HashMap<i64, i64>,
    sql: &str,
    project_no: i64,
) -> rusqlite::Result<&'a mut i64> {
    Ok(match counts.entry(project_no) {
        std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
        std::collections::hash_map::Entry::Vacant(vacant) => {
            let count = connection
                .prepare_cached(sql)?
                .query_row([project_no], |row| row.get(0))?;
            vacant.insert(count)
        }
    })
}

fn cut(name: &str) -> &str {
    match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => &name[..end],
        None => name,
    }
}
