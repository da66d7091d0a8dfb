//! All of a window that comes from roll-ups: totals, by model, by name, over time. One pass over the fewest rows.

use std::collections::{BTreeMap, HashMap};

use bigdecimal::ToPrimitive;
use rusqlite::params;

use super::pieces::{DAY_MS, HOUR_MS, MINUTE_MS, Piece, ceil, cut, floor, round};
use super::sums::{Figures, Sums, figure_columns};
use super::{Result, Snapshot, unsigned};
use crate::trace_rollup::{Feedback, feedback_from_json, plain};
use crate::{
    TimeMs, TraceBucket, TraceFeedback, TraceFilter, TraceGroup, TraceTotals, TraceWindow,
};

/// Columns of a chart: more than a screen has.
const COLUMNS_MAX: i64 = 2_000;
/// Models and names of a window.
const GROUPS_MAX: usize = 200;

/// A series has at most about 11 000 of a project, see `apply`.
const SERIES: &str = "
    SELECT series_no, run_type, name, model, is_root FROM trace_series WHERE project_no = ?1
    ORDER BY run_type, name";

macro_rules! rows_of {
    ($table:literal) => {
        concat!(
            "SELECT series_no, period_ms, feedback, ",
            figure_columns!(),
            " FROM ",
            $table,
            " WHERE project_no = ?1 AND period_ms >= ?2 AND period_ms < ?3 ORDER BY period_ms"
        )
    };
}
const MINUTES: &str = rows_of!("trace_minutes");
const HOURS: &str = rows_of!("trace_hours");
const DAYS: &str = rows_of!("trace_days");
/// Where the figures begin in those.
const FIRST: usize = 3;

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("TRACE_SERIES", SERIES),
    ("TRACE_MINUTES", MINUTES),
    ("TRACE_HOURS", HOURS),
    ("TRACE_DAYS", DAYS),
];

/// Where a row of a series goes.
struct Series {
    name: usize,
    /// Of LLM runs only.
    model: Option<usize>,
    is_counted: bool,
}

/// Runs with one type and name, or with one model.
struct Group {
    run_type: String,
    name: String,
    sums: Sums,
}

#[derive(Default)]
struct Column {
    ts_ms: TimeMs,
    roots: Sums,
    llm: Sums,
}

/// What one pass gathers.
#[derive(Default)]
struct Pass {
    series: HashMap<i64, Series>,
    names: Vec<Group>,
    models: Vec<Group>,
    model_numbers: HashMap<String, usize>,
    with_groups: bool,
    /// In the order of time, as rows come.
    columns: Vec<Column>,
    /// Of all runs.
    runs: u64,
    feedback: BTreeMap<String, Feedback>,
    row: Figures,
}

impl Snapshot<'_> {
    /// Totals, models, names and a chart with columns of `column_ms`, which begin at whole multiples of it since 1970 UTC.
    /// The fewer and longer the columns the faster: whole days are read as days only where a column holds whole days.
    pub fn trace_window(
        &self,
        project_no: i64,
        from_ms: TimeMs,
        to_ms: TimeMs,
        column_ms: i64,
        filter: &TraceFilter,
    ) -> Result<TraceWindow> {
        let marks = self.trace_marks()?;
        let (from_ms, to_ms) = round(from_ms, to_ms, &marks);
        let least_ms = ((to_ms - from_ms) / COLUMNS_MAX).max(MINUTE_MS);
        let column_ms = ceil(
            column_ms.clamp(0, COLUMNS_MAX * DAY_MS).max(least_ms),
            MINUTE_MS,
        );
        let pieces = cut(from_ms, to_ms, column_ms, &marks);
        let pass = self.trace_pass(project_no, &pieces, Some(column_ms), filter)?;
        let count = |groups: &[Group]| groups.iter().filter(|group| group.sums.runs > 0).count();
        Ok(TraceWindow {
            totals: totals(&pass, from_ms, to_ms),
            models: count(&pass.models),
            names: count(&pass.names),
            by_model: largest(&pass.models),
            by_name: largest(&pass.names),
            chart: (pass.columns.iter())
                .filter(|column| column.roots.runs + column.llm.runs > 0)
                .map(|column| TraceBucket {
                    ts_ms: column.ts_ms,
                    roots: column.roots.figures(),
                    llm: column.llm.figures(),
                    usage: column.llm.usage(),
                })
                .collect(),
        })
    }

    /// The totals alone, for the window before.
    pub fn trace_totals(
        &self,
        project_no: i64,
        from_ms: TimeMs,
        to_ms: TimeMs,
        filter: &TraceFilter,
    ) -> Result<TraceTotals> {
        let marks = self.trace_marks()?;
        let (from_ms, to_ms) = round(from_ms, to_ms, &marks);
        let pieces = cut(from_ms, to_ms, DAY_MS, &marks);
        let pass = self.trace_pass(project_no, &pieces, None, filter)?;
        Ok(totals(&pass, from_ms, to_ms))
    }

    fn trace_series(&self, project_no: i64, filter: &TraceFilter) -> Result<Pass> {
        let mut pass = Pass::default();
        let mut statement = self.connection.prepare_cached(SERIES)?;
        let mut rows = statement.query([project_no])?;
        while let Some(row) = rows.next()? {
            pass.series(row, filter)?;
        }
        Ok(pass)
    }

    fn trace_pass(
        &self,
        project_no: i64,
        pieces: &[Piece],
        column_ms: Option<i64>,
        filter: &TraceFilter,
    ) -> Result<Pass> {
        let mut pass = self.trace_series(project_no, filter)?;
        pass.with_groups = column_ms.is_some();
        for piece in pieces {
            let sql = match piece.length_ms {
                DAY_MS => DAYS,
                HOUR_MS => HOURS,
                _ => MINUTES,
            };
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![project_no, piece.from_ms, piece.to_ms])?;
            while let Some(row) = rows.next()? {
                pass.add(row, column_ms)?;
            }
        }
        Ok(pass)
    }
}

impl Pass {
    /// The series that has this type, name and model; those of one type and name come one after the other.
    fn series(&mut self, row: &rusqlite::Row<'_>, filter: &TraceFilter) -> rusqlite::Result<()> {
        let (run_type, name) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
        let model = row.get_ref(3)?.as_str()?;
        if !filter.admits(run_type, name, model) {
            return Ok(());
        }
        let is_same = |group: &Group| group.run_type == run_type && group.name == name;
        if !self.names.last().is_some_and(is_same) {
            self.names.push(Group::new(run_type, name));
        }
        let model = (run_type == "llm").then(|| {
            if let Some(number) = self.model_numbers.get(model) {
                return *number;
            }
            let number = self.models.len();
            self.model_numbers.insert(model.to_owned(), number);
            self.models.push(Group::new(run_type, model));
            number
        });
        let series = Series {
            name: self.names.len() - 1,
            model,
            is_counted: filter.is_some() || row.get(4)?,
        };
        self.series.insert(row.get(0)?, series);
        Ok(())
    }

    fn add(&mut self, row: &rusqlite::Row<'_>, column_ms: Option<i64>) -> rusqlite::Result<()> {
        let Some(series) = self.series.get(&row.get(0)?) else {
            return Ok(());
        };
        self.row.read(row, FIRST, series.model.is_some())?;
        self.runs += self.row.runs();
        if self.with_groups {
            self.names[series.name].sums.add(&self.row);
            if let Some(model) = series.model {
                self.models[model].sums.add(&self.row);
            }
        }
        let ts_ms = match column_ms {
            Some(column_ms) => floor(row.get(1)?, column_ms),
            None => 0,
        };
        if self.columns.last().is_none_or(|last| last.ts_ms != ts_ms) {
            self.columns.push(Column {
                ts_ms,
                ..Column::default()
            });
        }
        if let Some(column) = self.columns.last_mut() {
            if series.is_counted {
                column.roots.add(&self.row);
            }
            if series.model.is_some() {
                column.llm.add(&self.row);
            }
        }
        if let Some(text) = row.get_ref(2)?.as_str_or_null()? {
            for (key, given) in feedback_from_json(text) {
                let sum = self.feedback.entry(key).or_default();
                sum.count += given.count;
                sum.scored += given.scored;
                sum.sum += given.sum;
            }
        }
        Ok(())
    }
}

fn totals(pass: &Pass, from_ms: TimeMs, to_ms: TimeMs) -> TraceTotals {
    let (mut roots, mut llm) = (Sums::default(), Sums::default());
    for column in &pass.columns {
        roots.merge(&column.roots);
        llm.merge(&column.llm);
    }
    TraceTotals {
        from_ms,
        to_ms,
        runs: pass.runs,
        roots: roots.figures(),
        llm: llm.figures(),
        usage: llm.usage(),
        feedback: pass
            .feedback
            .iter()
            .map(|(key, given)| TraceFeedback {
                key: key.clone(),
                count: unsigned(given.count),
                scored: unsigned(given.scored),
                sum: plain(&given.sum),
                mean: (given.scored > 0)
                    .then(|| (&given.sum / given.scored).to_f64())
                    .flatten(),
            })
            .collect(),
    }
}

impl Group {
    fn new(run_type: &str, name: &str) -> Self {
        Self {
            run_type: run_type.to_owned(),
            name: name.to_owned(),
            sums: Sums::default(),
        }
    }
}

/// Those with most runs.
fn largest(groups: &[Group]) -> Vec<TraceGroup> {
    let mut groups: Vec<&Group> = groups.iter().filter(|group| group.sums.runs > 0).collect();
    groups.sort_by(|a, b| {
        let names = || (&a.run_type, &a.name).cmp(&(&b.run_type, &b.name));
        b.sums.runs.cmp(&a.sums.runs).then_with(names)
    });
    let groups = groups.into_iter().take(GROUPS_MAX);
    let group = |group: &Group| TraceGroup {
        run_type: group.run_type.clone(),
        name: group.name.clone(),
        figures: group.sums.figures(),
        usage: group.sums.usage(),
    };
    groups.map(group).collect()
}
