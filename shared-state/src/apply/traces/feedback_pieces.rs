//! Stores pieces of feedback one by one, each under its id, and makes of all that a run has what LangSmith calls `feedback_stats`. So what
//! comes later adds to what is stored, whoever sends it and however often. How roll-ups count it is decided where runs are stored.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::cell::{Cell, string};
use super::read_row::{FEEDBACK, Row, with};
use super::{Sent, Traces, runs};
use crate::apply::ApplyError;

/// Pieces of one run; more come only from programs that loop.
const PIECES_MAX: i64 = 200;
/// Comments of one key that the figures repeat.
const COMMENTS_MAX: usize = 10;

const PROJECT: &str = "
    SELECT p.project_id FROM trace_runs r JOIN trace_projects p USING (project_no) WHERE r.run_id = ?1";
const NUMBER: &str = "SELECT run_no FROM trace_runs WHERE run_id = ?1";
/// How many a run has, and whether this is one of them.
const COUNT: &str = "
    SELECT count(*), coalesce(sum(feedback_id = ?2), 0) FROM trace_feedback JOIN trace_runs USING (run_no) WHERE run_id = ?1";
const PUT: &str = "
    INSERT INTO trace_feedback (key, score, value, comment, source, is_error, run_no, feedback_id, received_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, 0), ?7, ?8, ?9)
    ON CONFLICT (run_no, feedback_id) DO UPDATE SET key = excluded.key, score = excluded.score, value = excluded.value,
        comment = excluded.comment, source = excluded.source, is_error = excluded.is_error";
const ALL: &str = "
    SELECT key, score, value, comment, source, is_error FROM trace_feedback WHERE run_no = ?1 ORDER BY feedback_no";

/// A piece as it was sent.
pub(super) struct SentPiece<'a> {
    at: usize,
    feedback_id: Cow<'a, str>,
    run_id: Cow<'a, str>,
    project_id: Option<Cow<'a, str>>,
    project: Option<Cow<'a, str>>,
    cells: Vec<Cell<'a>>,
}

pub(super) fn read<'a>(at: usize, row: &'a RawValue) -> Result<SentPiece<'a>, ApplyError> {
    let read = Row::new(at, row)?;
    read.id("key")?;
    Ok(SentPiece {
        at,
        feedback_id: read.id("feedback_id")?,
        run_id: read.id("run_id")?,
        project_id: match read.get("project_id") {
            None | Some("null") => None,
            Some(_) => Some(read.id("project_id")?),
        },
        project: read.get("project").and_then(string),
        cells: read.cells(&FEEDBACK)?,
    })
}

/// All pieces, or the first reason against them before any is written.
pub(super) fn store_all(
    connection: &Connection,
    traces: &mut Traces,
    sent: Sent,
    pieces: &[SentPiece<'_>],
) -> Result<(), ApplyError> {
    let mut projects = Vec::with_capacity(pieces.len());
    let mut new_ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for piece in pieces {
        projects.push(project_of(connection, piece)?);
        let ids = new_ids.entry(&piece.run_id).or_default();
        let (known, is_known): (i64, bool) = connection
            .prepare_cached(COUNT)?
            .query_row([&piece.run_id, &piece.feedback_id], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        if !is_known {
            ids.insert(&piece.feedback_id);
        }
        let new = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        if known.saturating_add(new) > PIECES_MAX {
            return Err(ApplyError::Refused(format!(
                "row {}: run {} would have more than {PIECES_MAX} pieces of feedback",
                piece.at, piece.run_id
            )));
        }
    }
    for (piece, project_id) in pieces.iter().zip(projects) {
        store(connection, traces, sent, piece, &project_id)?;
    }
    Ok(())
}

/// A run stays in its project; the one that is named counts only for a run that nobody has seen.
fn project_of(connection: &Connection, piece: &SentPiece<'_>) -> Result<String, ApplyError> {
    let known: Option<String> = connection
        .prepare_cached(PROJECT)?
        .query_row([&piece.run_id], |row| row.get(0))
        .optional()?;
    let project_id = known.or_else(|| piece.project_id.as_deref().map(str::to_owned));
    project_id.ok_or_else(|| {
        ApplyError::Refused(format!(
            "row {}: run_id: run {} is not known; expected a known run, or its project_id beside it",
            piece.at, piece.run_id
        ))
    })
}

fn store(
    connection: &Connection,
    traces: &mut Traces,
    sent: Sent,
    piece: &SentPiece<'_>,
    project_id: &str,
) -> Result<(), ApplyError> {
    let mut tell = |feedback: Option<Value>| {
        let row = json!({"run_id": piece.run_id, "project_id": project_id, "project": piece.project, "feedback": feedback});
        let row = to_raw_value(&row).expect("plain data");
        let run = runs::read(piece.at, &row)?;
        runs::store_all(connection, traces, sent, vec![run])
    };
    let number = || {
        let mut statement = connection.prepare_cached(NUMBER)?;
        statement
            .query_row([&piece.run_id], |row| row.get::<_, i64>(0))
            .optional()
    };
    if number()?.is_none() {
        tell(None)?;
    }
    let Some(run_no) = number()? else {
        return Ok(()); // too old to be kept
    };
    let more = params![run_no, piece.feedback_id, sent.ts_ms];
    connection
        .prepare_cached(PUT)?
        .execute(with(&piece.cells, more))?;
    tell(Some(stats_of(connection, run_no)?))
}

/// What the pieces of one key come to.
#[derive(Default)]
struct Stats {
    pieces: u64,
    scores: Vec<f64>,
    values: BTreeMap<String, u64>,
    comments: Vec<String>,
    sources: BTreeSet<String>,
    errors: u64,
}

fn stats_of(connection: &Connection, run_no: i64) -> rusqlite::Result<Value> {
    let mut by_key: BTreeMap<String, Stats> = BTreeMap::new();
    let mut statement = connection.prepare_cached(ALL)?;
    let mut rows = statement.query([run_no])?;
    while let Some(row) = rows.next()? {
        by_key.entry(row.get(0)?).or_default().add(row)?;
    }
    let figures = by_key
        .into_iter()
        .map(|(key, stats)| (key, stats.figures()))
        .collect::<Map<_, _>>();
    Ok(Value::Object(figures))
}

impl Stats {
    fn add(&mut self, row: &SqlRow<'_>) -> rusqlite::Result<()> {
        self.pieces += 1;
        self.scores.extend(row.get::<_, Option<f64>>(1)?);
        if let Some(value) = row.get(2)? {
            *self.values.entry(value).or_default() += 1;
        }
        if self.comments.len() < COMMENTS_MAX {
            self.comments.extend(row.get::<_, Option<String>>(3)?);
        }
        self.sources.extend(row.get::<_, Option<String>>(4)?);
        self.errors += u64::from(row.get::<_, bool>(5)?);
        Ok(())
    }

    /// In the form of LangSmith's `feedback_stats`: of scores where there are any, else of values, else of pieces.
    fn figures(self) -> Value {
        let scores = &self.scores;
        #[expect(clippy::cast_precision_loss, reason = "at most PIECES_MAX")]
        let count = scores.len() as f64;
        let mean = (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / count);
        // That of a sample, as LangSmith gives it: one score alone has none.
        let spread = mean.filter(|_| scores.len() > 1).map(|mean| {
            let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
            (squares / (count - 1.0)).sqrt()
        });
        let n = match (scores.len() as u64, self.values.values().sum()) {
            (0, 0) => self.pieces,
            (0, values) => values,
            (scores, _) => scores,
        };
        json!({
            "n": n,
            "avg": mean,
            "min": scores.iter().copied().reduce(f64::min),
            "max": scores.iter().copied().reduce(f64::max),
            "stdev": spread,
            "values": self.values,
            "comments": self.comments,
            "sources": self.sources,
            "errors": self.errors,
            "contains_thread_feedback": false,
        })
    }
}
