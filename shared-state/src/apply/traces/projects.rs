//! Stores LangSmith projects and numbers them. It reads no run.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;

use super::Sent;
use super::cell::Cell;
use super::read_row::{PROJECT, Row, with};
use crate::apply::ApplyError;

/// Projects remembered; a bridge pulls a handful.
const REMEMBERED_MAX: usize = 4_096;

const NUMBER: &str = "SELECT project_no, name FROM trace_projects WHERE project_id = ?1";
const ADD: &str = "
    INSERT INTO trace_projects (project_id, name, writer_id, updated_ms) VALUES (?1, ?2, ?3, ?4)";
const RENAME: &str = "UPDATE trace_projects SET name = ?2, updated_ms = ?3 WHERE project_no = ?1";
const FIND: &str = "
    SELECT name, source, web_url, api, last_pull_ms, watermark_ms, covered_from_ms, backfill_ms, pending_runs,
        settling_runs, abandoned_runs, gaps, http_status, requests_per_10s, requests_remaining, error
    FROM trace_projects WHERE project_no = ?1";
const UPDATE: &str = "
    UPDATE trace_projects SET name = ?1, source = ?2, web_url = ?3, api = ?4, last_pull_ms = ?5, watermark_ms = ?6,
        covered_from_ms = ?7, backfill_ms = ?8, pending_runs = ?9, settling_runs = ?10, abandoned_runs = ?11, gaps = ?12,
        http_status = ?13, requests_per_10s = ?14, requests_remaining = ?15, error = ?16, writer_id = ?18,
        updated_ms = ?19
    WHERE project_no = ?17";

/// The numbers of projects, so that not each run asks for its own.
#[derive(Debug, Default)]
pub(super) struct Projects(HashMap<String, Remembered>);

#[derive(Clone, Debug)]
struct Remembered {
    project_no: i64,
    name: Option<String>,
}

impl Projects {
    /// The number of a project, which is added where it is not there. A name that a run tells is newer than what is known.
    pub(super) fn number(
        &mut self,
        connection: &Connection,
        sent: Sent,
        project_id: &str,
        name: Option<&str>,
    ) -> Result<i64, ApplyError> {
        if !self.0.contains_key(project_id) {
            if self.0.len() >= REMEMBERED_MAX {
                self.0.clear();
            }
            let found = find_or_add(connection, sent, project_id, name)?;
            self.0.insert(project_id.to_owned(), found);
        }
        let Some(project) = self.0.get_mut(project_id) else {
            return Err(ApplyError::Refused("a project was lost".into()));
        };
        if name.is_some() && name != project.name.as_deref() {
            connection.prepare_cached(RENAME)?.execute(params![
                project.project_no,
                name,
                sent.ts_ms
            ])?;
            project.name = name.map(str::to_owned);
        }
        Ok(project.project_no)
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

fn find_or_add(
    connection: &Connection,
    sent: Sent,
    project_id: &str,
    name: Option<&str>,
) -> rusqlite::Result<Remembered> {
    let known = connection
        .prepare_cached(NUMBER)?
        .query_row([project_id], |row| {
            Ok(Remembered {
                project_no: row.get(0)?,
                name: row.get(1)?,
            })
        })
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    connection.prepare_cached(ADD)?.execute(params![
        project_id,
        name,
        sent.instance_id,
        sent.ts_ms
    ])?;
    Ok(Remembered {
        project_no: connection.last_insert_rowid(),
        name: name.map(str::to_owned),
    })
}

/// A project as it was sent. A field that is there replaces what is known, null clears it, an absent one changes nothing.
pub(super) struct SentProject<'a> {
    project_id: Cow<'a, str>,
    told: Vec<bool>,
    cells: Vec<Cell<'a>>,
}

pub(super) fn read<'a>(at: usize, row: &'a RawValue) -> Result<SentProject<'a>, ApplyError> {
    let row = Row::new(at, row)?;
    Ok(SentProject {
        project_id: row.id("project_id")?,
        told: PROJECT.iter().map(|(name, _)| row.tells(name)).collect(),
        cells: row.cells(&PROJECT)?,
    })
}

pub(super) fn store(
    connection: &Connection,
    projects: &mut Projects,
    sent: Sent,
    project: &SentProject<'_>,
) -> Result<(), ApplyError> {
    let project_no = projects.number(connection, sent, &project.project_id, None)?;
    // Its name may change here.
    projects.0.remove(&*project.project_id);
    let known: Vec<Cell<'static>> =
        connection
            .prepare_cached(FIND)?
            .query_row([project_no], |row| {
                (0..PROJECT.len())
                    .map(|column| Ok(Cell::stored(row.get_ref(column)?)))
                    .collect()
            })?;
    let present: Vec<Cell<'_>> = known
        .into_iter()
        .zip(&project.cells)
        .zip(&project.told)
        .map(|((known, sent), is_told)| if *is_told { sent.clone() } else { known })
        .collect();
    let more = params![project_no, sent.instance_id, sent.ts_ms];
    connection
        .prepare_cached(UPDATE)?
        .execute(with(&present, more))?;
    Ok(())
}
