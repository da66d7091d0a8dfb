//! Responsible for counting the runs of a day while it is read, each once.
//! It does not compare them with the server's count (`days`).

use std::collections::HashSet;

use crate::days::is_over;
use crate::plan::{DAY_MS, Policy, SEAM_MS, day_of};
use crate::pull::{Pull, PullKind, Span};
use crate::reading::SeenRun;

/// Most runs of a day that are told apart while they are counted; some 40 MB. Beyond, each row counts, so that a row that comes
/// twice makes the day look different from the server's count, and it is read again.
const COUNTED_MAX: usize = 1_000_000;

/// The runs of a day, each once, counted while the day is read. A restart in the middle forgets them, and the day is read again.
#[derive(Debug)]
pub(crate) struct DayCount {
    pub(crate) kind: PullKind,
    pub(crate) span: Span,
    day_ms: i64,
    known: HashSet<u128>,
    beyond: u64,
}

impl DayCount {
    pub(crate) fn of(pull: &Pull, now_ms: i64, policy: &Policy) -> Option<Self> {
        let day_ms = pull.span.from_ms;
        let to_ms = match pull.kind {
            PullKind::Backfill => pull.span.to_ms - SEAM_MS,
            _ => pull.span.to_ms,
        };
        let is_day = day_of(day_ms) == day_ms && to_ms == day_ms + DAY_MS;
        (is_day && is_over(day_ms, now_ms, policy)).then(|| Self {
            kind: pull.kind,
            span: pull.span,
            day_ms,
            known: HashSet::new(),
            beyond: 0,
        })
    }

    pub(crate) fn note(&mut self, run: &SeenRun) {
        let starts_in = |ms: i64| day_of(ms) == self.day_ms;
        if !run.start_ms.is_some_and(starts_in) {
            return;
        }
        let id = run.run_id.bytes().filter(|byte| *byte != b'-');
        let id = id.fold(0_u128, |id, digit| {
            (id << 4) | u128::from(char::from(digit).to_digit(16).unwrap_or(0))
        });
        if self.known.len() < COUNTED_MAX {
            self.known.insert(id);
        } else if !self.known.contains(&id) {
            self.beyond += 1;
        }
    }

    pub(crate) fn runs(&self) -> u64 {
        self.known.len() as u64 + self.beyond
    }
}
