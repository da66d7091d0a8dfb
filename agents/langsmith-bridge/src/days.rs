//! Responsible for the days that are over: each is read once more, then the server is asked how many runs it counts, and what
//! does not match is read again before it counts as a gap.
//! It asks nothing itself.

use serde::{Deserialize, Serialize};

use crate::plan::{DAY_MS, Policy, Step, day_of, milliseconds, new_pull};
use crate::progress::Progress;
use crate::pull::{PullKind, Span};

/// A day that is over: to be read once more, or, once it is read, to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "(i64, u32, i64, Option<u64>)",
    into = "(i64, u32, i64, Option<u64>)"
)]
pub(crate) struct DayWork {
    /// Its beginning, UTC.
    pub(crate) day_ms: i64,
    /// How often its count did not match.
    pub(crate) mismatches: u32,
    pub(crate) not_before_ms: i64,
    /// How many runs it had when it was read; absent before.
    pub(crate) read_runs: Option<u64>,
}

impl From<(i64, u32, i64, Option<u64>)> for DayWork {
    fn from((day_ms, mismatches, not_before_ms, read_runs): (i64, u32, i64, Option<u64>)) -> Self {
        Self {
            day_ms,
            mismatches,
            not_before_ms,
            read_runs,
        }
    }
}

impl From<DayWork> for (i64, u32, i64, Option<u64>) {
    fn from(work: DayWork) -> Self {
        (
            work.day_ms,
            work.mismatches,
            work.not_before_ms,
            work.read_runs,
        )
    }
}

/// Most days that wait; LangSmith keeps no more.
const DAYS_MAX: usize = 401;

/// How long after a mismatch a day is read again. The server's count may be the one that is late.
const MISMATCH_RESTS_MS: [i64; 3] = [3_600_000, 6 * 3_600_000, DAY_MS];

/// What the server's count of a day means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// It is the number of runs that were read.
    Matches,
    /// It is not; the day is read again.
    Differs,
    /// It is still not, and the day is a gap.
    GivenUp,
}

/// The step for the days that comes next: counting before reading, since it is one question.
pub(crate) fn next_day(progress: &Progress, now_ms: i64) -> Option<Step> {
    let due = || {
        progress
            .days
            .iter()
            .filter(|day| day.not_before_ms <= now_ms)
    };
    let may_count = now_ms >= progress.counts_rest_until_ms;
    let to_count = due()
        .filter(|_| may_count)
        .find_map(|day| Some((day.day_ms, day.read_runs?)));
    if let Some((day_ms, read_runs)) = to_count {
        return Some(Step::CountDay { day_ms, read_runs });
    }
    if let Some(pull) = progress.pull(PullKind::Day) {
        return Some(Step::ReadPage(pull.clone()));
    }
    let day = due().find(|day| day.read_runs.is_none())?;
    Some(Step::ReadPage(new_pull(
        PullKind::Day,
        span_of(day.day_ms),
        None,
    )))
}

/// The span of start times of a day.
pub(crate) fn span_of(day_ms: i64) -> Span {
    Span {
        from_ms: day_ms,
        to_ms: day_ms + DAY_MS,
    }
}

/// Whether the whole day was read so late that nothing of it is expected to change any more.
pub(crate) fn is_over(day_ms: i64, read_ms: i64, policy: &Policy) -> bool {
    day_ms <= newest_over_ms(read_ms, policy) - DAY_MS
}

/// The end of the newest day that is over for good at `now_ms`.
fn newest_over_ms(now_ms: i64, policy: &Policy) -> i64 {
    let wait_ms = milliseconds(policy.settle) + milliseconds(policy.day_check_after);
    day_of(now_ms - wait_ms)
}

/// A window is complete: days that it closed, or that it read as a whole, are to be read once more or counted.
pub(crate) fn schedule_days(
    progress: &mut Progress,
    counted: Option<(i64, u64)>,
    read_ms: i64,
    policy: &Policy,
) {
    if let Some((day_ms, runs)) = counted {
        note_read(progress, day_ms, runs, read_ms);
    }
    let Some(watermark_ms) = progress.watermark_ms else {
        return;
    };
    let covered_ms = progress.covered_from_ms.unwrap_or(watermark_ms);
    let over_ms = newest_over_ms(read_ms.min(watermark_ms), policy);
    let closed = progress.closed_days.get_or_insert(Span {
        from_ms: over_ms,
        to_ms: over_ms,
    });
    let mut new_days = Vec::new();
    while closed.to_ms < over_ms {
        new_days.push(closed.to_ms);
        closed.to_ms += DAY_MS;
    }
    while closed.from_ms - DAY_MS >= covered_ms {
        closed.from_ms -= DAY_MS;
        new_days.push(closed.from_ms);
    }
    for day_ms in new_days {
        if progress.days.iter().all(|day| day.day_ms != day_ms) && day_ms >= covered_ms {
            let is_counted = counted.is_some_and(|(counted_ms, _)| counted_ms == day_ms);
            if !is_counted {
                push(progress, (day_ms, 0, read_ms, None).into());
            }
        }
    }
}

/// All of a day was read: it is counted next.
fn note_read(progress: &mut Progress, day_ms: i64, runs: u64, read_ms: i64) {
    match progress.days.iter_mut().find(|day| day.day_ms == day_ms) {
        Some(day) => (day.read_runs, day.not_before_ms) = (Some(runs), read_ms),
        None => push(progress, (day_ms, 0, read_ms, Some(runs)).into()),
    }
}

fn push(progress: &mut Progress, work: DayWork) {
    if progress.days.len() < DAYS_MAX {
        progress.days.push(work);
    }
}

/// The server has counted a day.
pub(crate) fn day_counted(
    progress: &mut Progress,
    day_ms: i64,
    server_runs: u64,
    now_ms: i64,
) -> Counted {
    let work = progress.days.iter().find(|day| day.day_ms == day_ms);
    if work.is_none_or(|day| day.read_runs == Some(server_runs)) {
        progress.days.retain(|day| day.day_ms != day_ms);
        progress.close_gap(span_of(day_ms));
        return Counted::Matches;
    }
    day_mismatched(progress, day_ms, now_ms);
    if progress.days.iter().any(|day| day.day_ms == day_ms) {
        Counted::Differs
    } else {
        Counted::GivenUp
    }
}

/// A day could not be read as the server counts it: it is read again, a few times, then it is a gap.
pub(crate) fn day_mismatched(progress: &mut Progress, day_ms: i64, now_ms: i64) {
    let Some(day) = progress.days.iter_mut().find(|day| day.day_ms == day_ms) else {
        return;
    };
    let rest_ms = MISMATCH_RESTS_MS.get(day.mismatches as usize);
    if let Some(rest_ms) = rest_ms {
        day.mismatches += 1;
        (day.read_runs, day.not_before_ms) = (None, now_ms + rest_ms);
    } else {
        progress.days.retain(|day| day.day_ms != day_ms);
        progress.add_gap(span_of(day_ms));
    }
}

/// When there is something to do for the days next.
pub(crate) fn next_day_due_ms(progress: &Progress) -> Option<i64> {
    let due_ms = |day: &DayWork| match day.read_runs {
        Some(_) => day.not_before_ms.max(progress.counts_rest_until_ms),
        None => day.not_before_ms,
    };
    progress.days.iter().map(due_ms).min()
}

#[cfg(test)]
#[path = "days_tests.rs"]
mod tests;
