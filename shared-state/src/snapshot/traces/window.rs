//! All of a window that comes from roll-ups: totals, by model, by name, over time. One pass over the fewest rows.

use std::collections::{BTreeMap, HashMap};

use bigdecimal::ToPrimitive;
use rusqlite::params;

use super::pieces::{DAY_MS, HOUR_MS, MINUTE_MS, Piece, ceil, cut, floor, round};
use super::sums::{Sums, figure_columns};
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
    SELECT series_no, run_type, name, model, is_root FROM trace_series WHERE project_no = ?1";

macro_rules! rows_of {
    ($table:literal) => {
        concat!(
            "SELECT series_no, period_ms, feedback, ",
            figure_columns!(),
            " FROM ",
            $table,
            " WHERE project_no = ?1 AND period_ms >= ?2 AND period_ms < ?3"
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

struct Series {
    run_type: String,
    name: String,
    model: String,
    is_counted: bool,
    is_llm: bool,
    sums: Sums,
}

#[derive(Default)]
struct Column {
    roots: Sums,
    llm: Sums,
}

/// What one pass gathers.
#[derive(Default)]
struct Pass {
    series: HashMap<i64, Series>,
    columns: BTreeMap<TimeMs, Column>,
    feedback: BTreeMap<String, Feedback>,
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
        Ok(TraceWindow {
            totals: totals(&pass, from_ms, to_ms),
            by_model: groups(&pass, |series| {
                series.is_llm.then_some((&series.run_type, &series.model))
            }),
            by_name: groups(&pass, |series| Some((&series.run_type, &series.name))),
            chart: pass
                .columns
                .iter()
                .map(|(ts_ms, column)| TraceBucket {
                    ts_ms: *ts_ms,
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

    fn trace_pass(
        &self,
        project_no: i64,
        pieces: &[Piece],
        column_ms: Option<i64>,
        filter: &TraceFilter,
    ) -> Result<Pass> {
        let series = self.all(SERIES, [project_no], |row| {
            let run_type: String = row.get(1)?;
            let series = Series {
                is_llm: run_type == "llm",
                run_type,
                name: row.get(2)?,
                model: row.get(3)?,
                is_counted: filter.is_some() || row.get(4)?,
                sums: Sums::default(),
            };
            Ok((row.get(0)?, series))
        })?;
        let fits = |series: &Series| filter.admits(&series.run_type, &series.name, &series.model);
        let mut pass = Pass {
            series: series
                .into_iter()
                .filter(|(_, series)| fits(series))
                .collect(),
            ..Pass::default()
        };
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
    fn add(&mut self, row: &rusqlite::Row<'_>, column_ms: Option<i64>) -> rusqlite::Result<()> {
        let Some(series) = self.series.get_mut(&row.get(0)?) else {
            return Ok(());
        };
        series.sums.add_row(row, FIRST, series.is_llm)?;
        if let Some(text) = row.get_ref(2)?.as_str_or_null()? {
            for (key, given) in feedback_from_json(text) {
                let sum = self.feedback.entry(key).or_default();
                sum.count += given.count;
                sum.scored += given.scored;
                sum.sum += given.sum;
            }
        }
        let Some(column_ms) = column_ms.filter(|_| series.is_counted || series.is_llm) else {
            return Ok(());
        };
        let ts_ms = floor(row.get(1)?, column_ms);
        let column = self.columns.entry(ts_ms).or_default();
        if series.is_counted {
            column.roots.add_row(row, FIRST, false)?;
        }
        if series.is_llm {
            column.llm.add_row(row, FIRST, true)?;
        }
        Ok(())
    }
}

fn totals(pass: &Pass, from_ms: TimeMs, to_ms: TimeMs) -> TraceTotals {
    let (mut roots, mut llm, mut runs) = (Sums::default(), Sums::default(), 0);
    for series in pass.series.values().filter(|series| series.sums.runs > 0) {
        runs += series.sums.runs;
        if series.is_counted {
            roots.add(&series.sums);
        }
        if series.is_llm {
            llm.add(&series.sums);
        }
    }
    TraceTotals {
        from_ms,
        to_ms,
        runs,
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

fn groups<'a>(
    pass: &'a Pass,
    key: impl Fn(&'a Series) -> Option<(&'a String, &'a String)>,
) -> Vec<TraceGroup> {
    let mut sums: HashMap<(&str, &str), Sums> = HashMap::new();
    for series in pass.series.values().filter(|series| series.sums.runs > 0) {
        if let Some((run_type, name)) = key(series) {
            sums.entry((run_type, name)).or_default().add(&series.sums);
        }
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by(|(a, sums_of_a), (b, sums_of_b)| {
        sums_of_b.runs.cmp(&sums_of_a.runs).then_with(|| a.cmp(b))
    });
    sums.truncate(GROUPS_MAX);
    sums.into_iter()
        .map(|((run_type, name), sums)| TraceGroup {
            run_type: run_type.to_owned(),
            name: name.to_owned(),
            figures: sums.figures(),
            usage: sums.usage(),
        })
        .collect()
}
