//! Adds up rows of roll-ups and makes of them what a reader gets. It runs no query.

use rusqlite::Row;

use super::unsigned;
use crate::trace_rollup::{Amount, Decimal, KINDS, Sum, Union, entries, plain};
use crate::{TraceFigures, TracePercentiles, TraceSum, TraceUsage};

/// The columns that [`Figures::read`] reads, from its `first` on.
macro_rules! figure_columns {
    () => {
        "runs, errors, pending, latencies, first_tokens, prompt_tokens, prompt_tokens_runs, completion_tokens,
         completion_tokens_runs, total_tokens, total_tokens_runs, prompt_cost, prompt_cost_runs, completion_cost,
         completion_cost_runs, total_cost, total_cost_runs"
    };
}
pub(super) use figure_columns;

/// What one row holds, read once for all sums that it goes into. The lists keep their room from row to row.
#[derive(Debug, Default)]
pub(super) struct Figures {
    runs: u64,
    errors: u64,
    pending: u64,
    latencies: Vec<(u16, i64)>,
    first_tokens: Vec<(u16, i64)>,
    tokens: [Sum<i64>; KINDS],
    /// Absent where no run told it.
    costs: [Option<(Decimal, i64)>; KINDS],
}

impl Figures {
    pub(super) fn runs(&self) -> u64 {
        self.runs
    }

    /// Reads a row; tokens and costs only where `with_usage` says so.
    pub(super) fn read(
        &mut self,
        row: &Row<'_>,
        first: usize,
        with_usage: bool,
    ) -> rusqlite::Result<()> {
        self.runs = unsigned(row.get(first)?);
        self.errors = unsigned(row.get(first + 1)?);
        self.pending = unsigned(row.get(first + 2)?);
        self.latencies.clear();
        if let Some(blob) = row.get_ref(first + 3)?.as_blob_or_null()? {
            self.latencies.extend(entries(blob));
        }
        self.first_tokens.clear();
        if let Some(blob) = row.get_ref(first + 4)?.as_blob_or_null()? {
            self.first_tokens.extend(entries(blob));
        }
        self.tokens = Default::default();
        self.costs = Default::default();
        if !with_usage {
            return Ok(());
        }
        for (kind, sum) in self.tokens.iter_mut().enumerate() {
            let runs: i64 = row.get(first + 6 + 2 * kind)?;
            if runs > 0 {
                (sum.sum, sum.runs) = (row.get(first + 5 + 2 * kind)?, runs);
            }
        }
        for (kind, cost) in self.costs.iter_mut().enumerate() {
            let runs: i64 = row.get(first + 12 + 2 * kind)?;
            if runs > 0 {
                let text = row.get_ref(first + 11 + 2 * kind)?.as_str()?;
                *cost = Some((Decimal::read(text), runs));
            }
        }
        Ok(())
    }
}

/// Many rows added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) runs: u64,
    errors: u64,
    pending: u64,
    latencies: Union,
    first_tokens: Union,
    tokens: [Sum<i64>; KINDS],
    costs: [Sum<Amount>; KINDS],
}

impl Sums {
    /// Adds a row.
    pub(super) fn add(&mut self, row: &Figures) {
        self.runs += row.runs;
        self.errors += row.errors;
        self.pending += row.pending;
        self.latencies.add(&row.latencies);
        self.first_tokens.add(&row.first_tokens);
        for (mine, theirs) in self.tokens.iter_mut().zip(&row.tokens) {
            mine.runs += theirs.runs;
            mine.sum = mine.sum.saturating_add(theirs.sum);
        }
        for (mine, theirs) in self.costs.iter_mut().zip(&row.costs) {
            if let Some((cost, runs)) = theirs {
                mine.runs += runs;
                mine.sum.add(cost);
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.errors += other.errors;
        self.pending += other.pending;
        self.latencies.merge(&other.latencies);
        self.first_tokens.merge(&other.first_tokens);
        for (mine, theirs) in self.tokens.iter_mut().zip(&other.tokens) {
            mine.runs += theirs.runs;
            mine.sum = mine.sum.saturating_add(theirs.sum);
        }
        for (mine, theirs) in self.costs.iter_mut().zip(&other.costs) {
            mine.runs += theirs.runs;
            mine.sum.merge(&theirs.sum);
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
        let cost = |kind: usize| told(&self.costs[kind], |sum| plain(&sum.total()));
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
    let (runs, [p50_us, p95_us, p99_us]) = union.percentiles([50, 95, 99])?;
    Some(TracePercentiles {
        runs,
        p50_us,
        p95_us,
        p99_us,
    })
}

fn told<T, S>(sum: &Sum<T>, read: impl Fn(&T) -> S) -> Option<TraceSum<S>> {
    (sum.runs > 0).then(|| TraceSum {
        sum: read(&sum.sum),
        runs: unsigned(sum.runs),
    })
}
