//! What one run adds to the roll-ups, read from its fields. It knows no table.

use bigdecimal::BigDecimal;

use super::cell::{Cell, parse_decimal};
use super::read_row::at;
use crate::trace_rollup::{Feedback, KINDS, Rollup};

/// The figures of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figures {
    pub(super) is_root: bool,
    pub(super) is_error: bool,
    is_pending: bool,
    latency_us: Option<u64>,
    first_token_us: Option<u64>,
    tokens: [Option<i64>; KINDS],
    costs: [Option<BigDecimal>; KINDS],
    pub(super) feedback: Vec<(String, Feedback)>,
}

impl Figures {
    pub(super) fn of(cells: &[Cell<'_>]) -> Self {
        let status = cells[at::STATUS].text();
        let start = cells[at::START].integer();
        let since_start =
            |column: usize| u64::try_from(cells[column].integer()?.checked_sub(start?)?).ok();
        let has_ended = matches!(status, Some("success" | "error"));
        // A duration below zero comes from clocks that disagree: it is none.
        let latency_us = match cells[at::LATENCY].integer() {
            Some(latency_us) => u64::try_from(latency_us).ok(),
            None => since_start(at::END),
        };
        Self {
            is_root: cells[at::IS_ROOT].integer() == Some(1),
            is_error: status == Some("error"),
            is_pending: status == Some("pending"),
            latency_us: latency_us.filter(|_| has_ended),
            first_token_us: since_start(at::FIRST_TOKEN),
            tokens: at::TOKENS.map(|column| cells[column].integer()),
            costs: at::COSTS.map(|column| cells[column].text().and_then(parse_decimal)),
            feedback: Vec::new(),
        }
    }

    /// Counts the run in (`times` 1) or out (-1).
    pub(super) fn count_in(&self, rollup: &mut Rollup, times: i64) {
        rollup.runs += times;
        rollup.errors += times * i64::from(self.is_error);
        rollup.pending += times * i64::from(self.is_pending);
        if let Some(latency_us) = self.latency_us {
            rollup.latencies.count(latency_us, times);
        }
        if let Some(first_token_us) = self.first_token_us {
            rollup.first_tokens.count(first_token_us, times);
        }
        for (sum, told) in rollup.tokens.iter_mut().zip(self.tokens) {
            if let Some(told) = told {
                sum.sum += times * told;
                sum.runs += times;
            }
        }
        for (sum, told) in rollup.costs.iter_mut().zip(&self.costs) {
            if let Some(told) = told {
                match times > 0 {
                    true => sum.sum += told,
                    false => sum.sum -= told,
                }
                sum.runs += times;
            }
        }
        for (key, given) in &self.feedback {
            let sum = match times > 0 {
                true => given.sum.clone(),
                false => -given.sum.clone(),
            };
            rollup.give(key, times * given.count, times * given.scored, &sum);
        }
    }
}
