//! Responsible for deciding what is asked next.
//! It reads no clock, sends nothing and changes nothing: progress and time come in, the next question goes out. What an
//! answer means for the progress is `reading`'s.
//!
//! Runs change after they were first seen, and arrive late. So each live window begins an overlap before the end of the last one;
//! a run that leaves the overlap while it is open or only just ended is followed by its id until it is final; those that nobody
//! follows are found by their end; feedback is asked for by its own time; and each day is read once more when it is over.

use std::time::Duration;

use crate::api_choice::ApiVersion;
use crate::days::{next_day, next_day_due_ms};
use crate::progress::Progress;
use crate::pull::{Pull, PullKind, Span};
use crate::query::IDS_MAX;

/// A day, in which windows are cut.
pub(crate) const DAY_MS: i64 = 24 * 3_600_000;

/// Longest window. Above seven days LangSmith allows fewer requests. A day is shorter than need be: a cursor that the server
/// forgot costs at most a day, and the runs of a whole day that is over can be counted while they are read.
pub(crate) const WINDOW_MAX_MS: i64 = DAY_MS;

/// LangSmith's longest retention: nothing older can be read.
pub(crate) const RETENTION_MAX_MS: i64 = 400 * DAY_MS;

/// LangSmith's usual retention. Runs that end are looked for so far back at least, feedback is read again so far back.
pub(crate) const RETENTION_MS: i64 = 14 * DAY_MS;

/// Neighbouring windows share this much, since it is not documented which of their bounds are inclusive.
pub(crate) const SEAM_MS: i64 = 1_000;

/// The times that a user can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// How far back the first start reads.
    pub(crate) since: Duration,
    /// How much of the last window is read again.
    pub(crate) overlap: Duration,
    /// How close to now a window reaches: younger runs are still on their way to LangSmith's store.
    pub(crate) safety_lag: Duration,
    /// How long after its end a run may still get tokens and costs.
    pub(crate) settle: Duration,
    /// How long after its start a run that has not ended is followed.
    pub(crate) abandon_after: Duration,
    /// Time between live windows.
    pub(crate) poll_interval: Duration,
    /// Time between looks for runs that ended.
    pub(crate) ended_interval: Duration,
    /// Time between looks for feedback that changed.
    pub(crate) feedback_interval: Duration,
    /// How long after its end a day is read once more and counted.
    pub(crate) day_check_after: Duration,
}

/// What is asked next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// The next page of this window.
    ReadPage(Pull),
    /// These runs by id, none of which started before `from_ms`.
    ReadByIds { run_ids: Vec<String>, from_ms: i64 },
    /// How many runs the server counts for this day, of which so many were read.
    CountDay { day_ms: i64, read_runs: u64 },
    /// Nothing until then.
    Rest { until_ms: i64 },
}

impl Step {
    /// Between projects, what is lower comes first: what is new before what is old.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::ReadPage(pull) => match pull.kind {
                PullKind::Live => 0,
                PullKind::Ended => 2,
                PullKind::Feedback => 3,
                PullKind::Backfill => 5,
                PullKind::Day => 6,
            },
            Self::ReadByIds { .. } => 1,
            Self::CountDay { .. } => 4,
            Self::Rest { .. } => u8::MAX,
        }
    }
}

/// Which step comes next.
pub(crate) fn next_step(progress: &Progress, now_ms: i64, policy: &Policy) -> Step {
    let newest_ms = now_ms - milliseconds(policy.safety_lag);
    if let Some(pull) = live(progress, now_ms, newest_ms, policy) {
        return Step::ReadPage(pull);
    }
    let Some(watermark_ms) = progress.watermark_ms else {
        unreachable!("without a watermark the first live window is due");
    };
    if let Some(step) = ask_followed(progress, now_ms) {
        return step;
    }
    let later = sweep_step(progress, now_ms, policy).or_else(|| older_step(progress, now_ms));
    later.unwrap_or_else(|| Step::Rest {
        until_ms: next_due_ms(progress, watermark_ms, policy).max(now_ms + 1),
    })
}

/// What is to be done for runs of any age that changed lately: those that ended, those with feedback.
pub(crate) fn sweep_step(progress: &Progress, now_ms: i64, policy: &Policy) -> Option<Step> {
    let ended = progress.pull(PullKind::Ended).cloned();
    let feedback = progress.pull(PullKind::Feedback).cloned();
    let ended = ended.or_else(|| look_for_ended(progress, now_ms, policy));
    let feedback = feedback.or_else(|| look_for_feedback(progress, now_ms, policy));
    let rests = now_ms < progress.sweeps_rest_until_ms;
    // The one that was completed longer ago, so that neither keeps the other from its turn.
    let pull = if progress.feedback_to_ms < progress.ended_to_ms {
        feedback.or(ended)
    } else {
        ended.or(feedback)
    };
    pull.filter(|_| !rests).map(Step::ReadPage)
}

/// What is to be done for older runs: the backfill, and days that are over.
pub(crate) fn older_step(progress: &Progress, now_ms: i64) -> Option<Step> {
    progress.watermark_ms?;
    let day = next_day(progress, now_ms);
    if let Some(Step::CountDay { .. }) = day {
        return day;
    }
    let older = progress.pull(PullKind::Backfill).cloned();
    let older = older.or_else(|| Some(backfill_window(progress.backfill?, now_ms)));
    let older = older.map(Step::ReadPage).or(day);
    older.filter(|_| now_ms >= progress.older_rest_until_ms)
}

/// The newest window, where it is being read or due.
fn live(progress: &Progress, now_ms: i64, newest_ms: i64, policy: &Policy) -> Option<Pull> {
    if let Some(pull) = progress.pull(PullKind::Live) {
        return Some(pull.clone());
    }
    let span = match progress.watermark_ms {
        None => Span {
            from_ms: first_from_ms(newest_ms, policy).max(newest_ms - WINDOW_MAX_MS),
            to_ms: newest_ms,
        },
        // By the watermark and not by when it was last asked: a restart then asks no more often, and a long pause is
        // caught up without waiting. A watermark ahead of the clock is due at once.
        Some(watermark_ms) => {
            let is_due = newest_ms >= watermark_ms + milliseconds(policy.poll_interval);
            if !is_due && newest_ms >= watermark_ms {
                return None;
            }
            live_span(progress, newest_ms, now_ms, policy)
        }
    };
    Some(new_pull(PullKind::Live, span, None))
}

/// How far back the first start reads, where it reads up to `newest_ms`.
pub(crate) fn first_from_ms(newest_ms: i64, policy: &Policy) -> i64 {
    let since_ms = milliseconds(policy.since).min(RETENTION_MAX_MS);
    let now_ms = newest_ms + milliseconds(policy.safety_lag);
    (now_ms - since_ms).min(newest_ms - SEAM_MS)
}

/// From an overlap before the watermark to the newest moment, at most [`WINDOW_MAX_MS`] beyond the watermark: after a
/// long pause the windows follow one another, oldest first.
fn live_span(progress: &Progress, newest_ms: i64, now_ms: i64, policy: &Policy) -> Span {
    let oldest_ms = now_ms - RETENTION_MAX_MS;
    let base_ms = match progress.watermark_ms {
        Some(watermark_ms) if watermark_ms <= newest_ms => watermark_ms,
        // The clock was ahead when the watermark was set, and nobody knows when that was: whatever began after the
        // newest run that was seen may be missing.
        _ => progress.newest_start_ms.unwrap_or(oldest_ms).min(newest_ms),
    };
    let base_ms = base_ms.max(oldest_ms);
    let overlap_ms = base_ms - milliseconds(policy.overlap);
    let from_ms = overlap_ms.min(progress.reread_from_ms.unwrap_or(i64::MAX));
    Span {
        from_ms: from_ms.max(oldest_ms),
        to_ms: newest_ms.min(base_ms + WINDOW_MAX_MS),
    }
}

/// The runs that ended since they were last looked for, less those that the next live window reads anyway.
fn look_for_ended(progress: &Progress, now_ms: i64, policy: &Policy) -> Option<Pull> {
    let ended_to_ms = progress.ended_to_ms?;
    let to_ms = progress.reread_from_ms? + SEAM_MS;
    if now_ms < ended_to_ms + milliseconds(policy.ended_interval) {
        return None;
    }
    // A run that ended counts as late as its tokens: until it has settled it is read again each time.
    let margin_ms = milliseconds(policy.overlap) + milliseconds(policy.settle);
    let about = Span {
        from_ms: ended_to_ms - margin_ms,
        to_ms: now_ms,
    };
    let covered_ms = progress.covered_from_ms.unwrap_or(now_ms);
    let from_ms = covered_ms.min(now_ms - RETENTION_MS);
    let from_ms = from_ms.max(now_ms - RETENTION_MAX_MS);
    let span = Span { from_ms, to_ms };
    (from_ms < to_ms).then(|| new_pull(PullKind::Ended, span, Some(about)))
}

/// The runs whose feedback changed since it was last looked for. Where the server cannot tell, runs are read again, a day
/// at a time, newest first.
fn look_for_feedback(progress: &Progress, now_ms: i64, policy: &Policy) -> Option<Pull> {
    let feedback_to_ms = progress.feedback_to_ms?;
    let is_due = now_ms >= feedback_to_ms + milliseconds(policy.feedback_interval);
    if rereads_feedback(progress) {
        let whole = Span {
            from_ms: feedback_from_ms(progress, now_ms),
            to_ms: now_ms,
        };
        let round = progress.feedback_round.or(is_due.then_some(whole))?;
        let from_ms = round.from_ms.max(round.to_ms - WINDOW_MAX_MS);
        let to_ms = round.to_ms;
        return Some(new_pull(PullKind::Feedback, Span { from_ms, to_ms }, None));
    }
    if !is_due {
        return None;
    }
    let about = Span {
        from_ms: feedback_to_ms - milliseconds(policy.overlap),
        to_ms: now_ms,
    };
    let span = Span {
        from_ms: now_ms - RETENTION_MAX_MS,
        to_ms: now_ms,
    };
    Some(new_pull(PullKind::Feedback, span, Some(about)))
}

/// How far back runs are read again for their feedback: as long as it is usually kept, and no run that was never read.
pub(crate) fn feedback_from_ms(progress: &Progress, to_ms: i64) -> i64 {
    let covered_ms = progress.covered_from_ms.unwrap_or(i64::MIN);
    covered_ms.max(to_ms - RETENTION_MS).min(to_ms)
}

/// Whether feedback is read by reading runs again.
pub(crate) fn rereads_feedback(progress: &Progress) -> bool {
    progress.rereads_feedback || progress.api_version() == ApiVersion::V1
}

/// The newest window of what is left, cut where days begin.
fn backfill_window(rest: Span, now_ms: i64) -> Pull {
    let from_ms = rest
        .from_ms
        .max(day_of(rest.to_ms - 1))
        .max(now_ms - RETENTION_MAX_MS);
    let span = Span {
        from_ms: from_ms.min(rest.to_ms),
        to_ms: rest.to_ms + SEAM_MS,
    };
    new_pull(PullKind::Backfill, span, None)
}

pub(crate) fn new_pull(kind: PullKind, span: Span, about: Option<Span>) -> Pull {
    Pull {
        kind,
        span,
        about,
        page: None,
    }
}

fn ask_followed(progress: &Progress, now_ms: i64) -> Option<Step> {
    let due = || {
        progress
            .followed
            .iter()
            .filter(|run| run.due_ms <= now_ms)
            .take(IDS_MAX)
    };
    let earliest_ms = due().map(|run| run.start_ms).min()?;
    // The lower bound is as precise as a millisecond, a start time more precise: one second is beyond any rounding.
    let from_ms = (earliest_ms - SEAM_MS).max(now_ms - RETENTION_MAX_MS);
    Some(Step::ReadByIds {
        run_ids: due().map(|run| run.run_id.clone()).collect(),
        from_ms,
    })
}

/// When there is something to do next.
fn next_due_ms(progress: &Progress, watermark_ms: i64, policy: &Policy) -> i64 {
    let live_ms =
        watermark_ms + milliseconds(policy.poll_interval) + milliseconds(policy.safety_lag);
    let followed_ms = progress.followed.iter().map(|run| run.due_ms).min();
    let rest_ms = progress.sweeps_rest_until_ms;
    let after =
        |to_ms: Option<i64>, interval| to_ms.map(|ms| (ms + milliseconds(interval)).max(rest_ms));
    let is_sweeping = |pull: &Pull| matches!(pull.kind, PullKind::Ended | PullKind::Feedback);
    let is_sweeping = progress.pulls.iter().any(is_sweeping) || progress.feedback_round.is_some();
    let due = [
        is_sweeping.then_some(rest_ms),
        followed_ms,
        after(progress.ended_to_ms, policy.ended_interval),
        after(progress.feedback_to_ms, policy.feedback_interval),
        next_day_due_ms(progress).map(|ms| ms.max(progress.older_rest_until_ms)),
        progress.backfill.map(|_| progress.older_rest_until_ms),
    ];
    due.into_iter().flatten().fold(live_ms, i64::min)
}

/// The beginning of the UTC day of a time.
pub(crate) fn day_of(ms: i64) -> i64 {
    ms.div_euclid(DAY_MS) * DAY_MS
}

pub(crate) fn milliseconds(duration: Duration) -> i64 {
    // Settings are bounded far below this; saturating keeps the sums in range for any value.
    i64::try_from(duration.as_millis())
        .unwrap_or(i64::MAX / 4)
        .min(i64::MAX / 4)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(crate) mod tests;

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod sweep_tests;
