//! Responsible for deciding what is asked next and what an answer means for the progress.
//! It reads no clock and sends nothing: the progress and the time come in, the next question goes out.
//!
//! Runs change after they were first seen, and arrive late. So each live window begins an overlap before the end of the last one,
//! and a run that leaves the overlap while it is open or only just ended is followed by its id until it is final.

use std::time::Duration;

use crate::progress::{FOLLOWED_MAX, FollowedRun, NextPage, Progress, Pull, PullKind, Span};
use crate::query::IDS_MAX;

/// Longest window. Above seven days LangSmith allows fewer requests; a day keeps the live window waiting less.
const WINDOW_MAX_MS: i64 = 24 * 3_600_000;

/// LangSmith's longest retention: nothing older can be read.
const RETENTION_MAX_MS: i64 = 400 * WINDOW_MAX_MS;

/// Neighbouring backfill windows share this much, since it is not documented which of their bounds are inclusive.
const SEAM_MS: i64 = 1_000;

/// A followed run is asked about at most after a tenth of the time it has been followed, and no later than this.
const FOLLOW_EVERY_MAX_MS: i64 = 10 * 60_000;

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
    /// How long a run is followed that never ends.
    pub(crate) abandon_after: Duration,
    /// Time between live windows.
    pub(crate) poll_interval: Duration,
}

/// What is asked next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A page of the window in [`Progress::pull`].
    ReadPage,
    /// These runs by id, none of which started before `from_ms`.
    ReadByIds { run_ids: Vec<String>, from_ms: i64 },
    /// Nothing until then.
    Rest { until_ms: i64 },
}

/// What an answer says of one run, as far as the plan needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenRun {
    pub(crate) run_id: String,
    pub(crate) start_ms: Option<i64>,
    pub(crate) end_ms: Option<i64>,
    pub(crate) is_pending: bool,
}

/// Which step comes next. Opens a window in `progress` where one is due.
pub(crate) fn next_step(progress: &mut Progress, now_ms: i64, policy: &Policy) -> Step {
    if progress.pull.is_some() {
        return Step::ReadPage;
    }
    let newest_ms = now_ms - milliseconds(policy.safety_lag);
    let Some(watermark_ms) = progress.watermark_ms else {
        let since_ms = milliseconds(policy.since).min(RETENTION_MAX_MS);
        let rest = Span {
            from_ms: (now_ms - since_ms).min(newest_ms - SEAM_MS),
            to_ms: newest_ms,
        };
        progress.backfill = Some(rest);
        let span = Span {
            from_ms: rest.from_ms.max(newest_ms - WINDOW_MAX_MS),
            ..rest
        };
        open(progress, PullKind::Live, span);
        return Step::ReadPage;
    };
    // By the watermark and not by when it was last asked: a restart then asks no more often, and a long pause is
    // caught up without waiting. A watermark ahead of the clock is due at once.
    let live_due_ms = watermark_ms + milliseconds(policy.poll_interval);
    if newest_ms >= live_due_ms || newest_ms < watermark_ms {
        let span = live_window(progress, newest_ms, now_ms, policy);
        progress.reread_from_ms = None; // the span begins early enough
        open(progress, PullKind::Live, span);
        return Step::ReadPage;
    }
    if let Some(step) = ask_followed(progress, now_ms) {
        return step;
    }
    if let Some(rest) = progress.backfill {
        let from_ms = rest
            .from_ms
            .max(rest.to_ms - WINDOW_MAX_MS)
            .max(now_ms - RETENTION_MAX_MS);
        let span = Span {
            from_ms: from_ms.min(rest.to_ms),
            to_ms: rest.to_ms + SEAM_MS,
        };
        open(progress, PullKind::Backfill, span);
        return Step::ReadPage;
    }
    let next_followed_ms = progress.followed.iter().map(|run| run.due_ms).min();
    let live_due_ms = live_due_ms + milliseconds(policy.safety_lag);
    Step::Rest {
        until_ms: next_followed_ms.map_or(live_due_ms, |due_ms| due_ms.min(live_due_ms)),
    }
}

/// A page was read at `read_ms`. `next` is where the window goes on; without it the window is complete.
/// Returns how many followed runs were given up.
pub(crate) fn page_read(
    progress: &mut Progress,
    seen: &[SeenRun],
    next: Option<NextPage>,
    read_ms: i64,
    policy: &Policy,
) -> usize {
    let pull = progress
        .pull
        .take()
        .expect("a page is only read for a window");
    let reread_from_ms = reread_bound(progress, &pull, policy);
    for run in seen {
        follow(progress, run, reread_from_ms, read_ms, policy);
    }
    let newest_start_ms = seen.iter().filter_map(|run| run.start_ms).max();
    progress.newest_start_ms = progress.newest_start_ms.max(newest_start_ms);
    let given_up =
        bound_followed(progress, read_ms, policy) + give_up_old(progress, read_ms, policy);
    if next.is_some() {
        progress.pull = Some(Pull { page: next, ..pull });
    } else {
        complete(progress, &pull, policy);
    }
    given_up
}

/// An answer to [`Step::ReadByIds`] was read at `read_ms`. Runs that were asked for and not answered stay followed
/// until they are given up: they may be on their way. Returns how many were given up.
pub(crate) fn ids_read(
    progress: &mut Progress,
    asked: &[String],
    seen: &[SeenRun],
    read_ms: i64,
    policy: &Policy,
) -> usize {
    for run in seen.iter().filter(|run| asked.contains(&run.run_id)) {
        follow(progress, run, i64::MAX, read_ms, policy);
    }
    for run in &mut progress.followed {
        if asked.contains(&run.run_id) {
            run.due_ms = next_due_ms(run.since_ms, read_ms, policy);
        }
    }
    give_up_old(progress, read_ms, policy)
}

/// The server no longer takes the cursor: the window is read anew from its first page.
pub(crate) fn restart_window(progress: &mut Progress) {
    if let Some(pull) = &mut progress.pull {
        pull.page = None;
    }
}

fn open(progress: &mut Progress, kind: PullKind, span: Span) {
    progress.pull = Some(Pull {
        kind,
        span,
        page: None,
    });
}

/// From an overlap before the watermark to the newest moment, at most [`WINDOW_MAX_MS`] beyond the watermark: after a
/// long pause the windows follow one another, oldest first.
fn live_window(progress: &Progress, newest_ms: i64, now_ms: i64, policy: &Policy) -> Span {
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

/// Runs that started from here on will be read again by the next live window, so they need not be followed.
fn reread_bound(progress: &Progress, pull: &Pull, policy: &Policy) -> i64 {
    let watermark_ms = match pull.kind {
        PullKind::Live => Some(pull.span.to_ms),
        PullKind::Backfill => progress.watermark_ms,
    };
    let overlap_ms = watermark_ms.map_or(i64::MAX, |ms| ms - milliseconds(policy.overlap));
    progress
        .reread_from_ms
        .map_or(overlap_ms, |ms| ms.min(overlap_ms))
}

fn complete(progress: &mut Progress, pull: &Pull, policy: &Policy) {
    // The very first window is live and the newest part of the backfill at once.
    let is_top_of_backfill = pull.kind == PullKind::Backfill || progress.watermark_ms.is_none();
    // Stored rather than computed again later: the overlap may be configured shorter in between.
    progress.reread_from_ms = Some(reread_bound(progress, pull, policy));
    if pull.kind == PullKind::Live {
        progress.watermark_ms = Some(pull.span.to_ms);
    }
    if is_top_of_backfill {
        progress.backfill = progress
            .backfill
            .and_then(|rest| shorten(rest, pull.span.from_ms));
    }
}

/// What is left of the backfill once everything from `done_from_ms` on has been read.
fn shorten(rest: Span, done_from_ms: i64) -> Option<Span> {
    (done_from_ms > rest.from_ms).then_some(Span {
        to_ms: done_from_ms,
        ..rest
    })
}

/// Keeps or drops one run among the followed, by what was seen of it.
fn follow(
    progress: &mut Progress,
    run: &SeenRun,
    reread_from_ms: i64,
    read_ms: i64,
    policy: &Policy,
) {
    let known = progress
        .followed
        .iter()
        .position(|followed| followed.run_id == run.run_id);
    let known = known.map(|place| progress.followed.swap_remove(place));
    let start_ms = run
        .start_ms
        .or(known.as_ref().map(|known| known.start_ms))
        .unwrap_or(read_ms - RETENTION_MAX_MS);
    let end_ms = run.end_ms.filter(|_| !run.is_pending);
    let is_final = end_ms.is_some_and(|end_ms| read_ms - end_ms >= milliseconds(policy.settle));
    if is_final || start_ms >= reread_from_ms {
        return;
    }
    let since_ms = known.map_or(read_ms, |known| known.since_ms);
    let due_ms = next_due_ms(since_ms, read_ms, policy);
    progress.followed.push(FollowedRun {
        run_id: run.run_id.clone(),
        start_ms,
        since_ms,
        end_ms,
        due_ms,
    });
}

fn next_due_ms(since_ms: i64, read_ms: i64, policy: &Policy) -> i64 {
    let poll_ms = milliseconds(policy.poll_interval);
    read_ms
        + ((read_ms - since_ms) / 10)
            .min(FOLLOW_EVERY_MAX_MS)
            .max(poll_ms)
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

fn give_up_old(progress: &mut Progress, now_ms: i64, policy: &Policy) -> usize {
    let before = progress.followed.len();
    progress
        .followed
        .retain(|run| now_ms - run.since_ms < milliseconds(policy.abandon_after));
    before - progress.followed.len()
}

/// Follows the oldest by id; for the rest, the next live window begins early enough to see them. Those of the rest
/// that started too long ago are given up, since nothing remembers how long they have been followed.
fn bound_followed(progress: &mut Progress, now_ms: i64, policy: &Policy) -> usize {
    if progress.followed.len() <= FOLLOWED_MAX {
        return 0;
    }
    progress.followed.sort_by_key(|run| run.start_ms);
    let mut rest = progress.followed.split_off(FOLLOWED_MAX);
    let before = rest.len();
    rest.retain(|run| now_ms - run.start_ms < milliseconds(policy.abandon_after));
    let from_ms = rest.iter().map(|run| run.start_ms).min();
    progress.reread_from_ms = progress.reread_from_ms.into_iter().chain(from_ms).min();
    before - rest.len()
}

fn milliseconds(duration: Duration) -> i64 {
    // Settings are bounded far below this; saturating keeps the sums in range for any value.
    i64::try_from(duration.as_millis())
        .unwrap_or(i64::MAX / 4)
        .min(i64::MAX / 4)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "plan_history_tests.rs"]
mod history_tests;
