//! Adds up rows of roll-ups and makes of them what a reader gets. It runs no query.

use bigdecimal::BigDecimal;
use rusqlite::Row;

use super::unsigned;
use crate::trace_rollup::{KINDS, Sum, Union, parse, plain};
use crate::{TraceFigures, TracePercentiles, TraceSum, TraceUsage};

/// The columns that [`Sums::add_row`] reads, from its `first` on.
macro_rules! figure_columns {
    () => {
        "runs, errors, pending, latencies, first_tokens, prompt_tokens, prompt_tokens_runs, completion_tokens,
         completion_tokens_runs, total_tokens, total_tokens_runs, prompt_cost, prompt_cost_runs, completion_cost,
         completion_cost_runs, total_cost, total_cost_runs"
    };
}
pub(super) use figure_columns;

/// Many rows added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) runs: u64,
    errors: u64,
    pending: u64,
    latencies: Union,
    first_tokens: Union,
    tokens: [Sum<i64>; KINDS],
    costs: [Sum<BigDecimal>; KINDS],
}

impl Sums {
    /// Adds a row; tokens and costs only where `with_usage` says so.
    pub(super) fn add_row(
        &mut self,
        row: &Row<'_>,
        first: usize,
        with_usage: bool,
    ) -> rusqlite::Result<()> {
        self.runs += unsigned(row.get(first)?);
        self.errors += unsigned(row.get(first + 1)?);
        self.pending += unsigned(row.get(first + 2)?);
        if let Some(blob) = row.get_ref(first + 3)?.as_blob_or_null()? {
            self.latencies.add_blob(blob);
        }
        if let Some(blob) = row.get_ref(first + 4)?.as_blob_or_null()? {
            self.first_tokens.add_blob(blob);
        }
        if !with_usage {
            return Ok(());
        }
        for (kind, sum) in self.tokens.iter_mut().enumerate() {
            let runs: i64 = row.get(first + 6 + 2 * kind)?;
            if runs > 0 {
                sum.runs += runs;
                sum.sum = sum.sum.saturating_add(row.get(first + 5 + 2 * kind)?);
            }
        }
        for (kind, sum) in self.costs.iter_mut().enumerate() {
            let runs: i64 = row.get(first + 12 + 2 * kind)?;
            if runs > 0 {
                sum.runs += runs;
                sum.sum += parse(row.get_ref(first + 11 + 2 * kind)?.as_str()?);
            }
        }
        Ok(())
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.errors += other.errors;
        self.pending += other.pending;
        self.latencies.add(&other.latencies);
        self.first_tokens.add(&other.first_tokens);
        for (mine, theirs) in self.tokens.iter_mut().zip(&other.tokens) {
            mine.runs += theirs.runs;
            mine.sum = mine.sum.saturating_add(theirs.sum);
        }
        for (mine, theirs) in self.costs.iter_mut().zip(&other.costs) {
            if theirs.runs > 0 {
                mine.runs += theirs.runs;
                mine.sum += &theirs.sum;
            }
        }
    }

    pub(super) fn figures(&self) -> TraceFigures {
        TraceFigures {
            runs: self.runs,
            errors: self.errors,
            pending: self.pending,
            latency: percentiles(&self.latencies),
            first_token: percentiles(&self.first_tokens),
        }
    }

    pub(super) fn usage(&self) -> TraceUsage {
        let tokens = |kind: usize| told(&self.tokens[kind], |sum| *sum);
        let cost = |kind: usize| told(&self.costs[kind], plain);
        TraceUsage {
            prompt_tokens: tokens(0),
            completion_tokens: tokens(1),
            total_tokens: tokens(2),
            prompt_cost: cost(0),
            completion_cost: cost(1),
            total_cost: cost(2),
        }
    }
}

fn percentiles(union: &Union) -> Option<TracePercentiles> {
    Some(TracePercentiles {
        runs: union.total(),
        p50_us: union.percentile(50)?,
        p95_us: union.percentile(95)?,
        p99_us: union.percentile(99)?,
    })
}

fn told<T, S>(sum: &Sum<T>, read: impl Fn(&T) -> S) -> Option<TraceSum<S>> {
    (sum.runs > 0).then(|| TraceSum {
        sum: read(&sum.sum),
        runs: unsigned(sum.runs),
    })
}
