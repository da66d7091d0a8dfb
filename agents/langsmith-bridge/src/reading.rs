//! Responsible for what an answer means for the progress: windows that go on or are complete, runs to follow.
//! It reads no clock, asks nothing and stores nothing.

use crate::days::schedule_days;
use crate::following::{bound_followed, follow, give_up_old, next_due_ms};
use crate::plan::{
    Policy, RETENTION_MAX_MS, SEAM_MS, feedback_from_ms, first_from_ms, milliseconds,
};
use crate::progress::Progress;
use crate::pull::{NextPage, Pull, PullKind, Span};

/// Where feedback is read by reading runs again, a page is read no more often than this: the rate belongs to what is new.
const FEEDBACK_PAGE_EVERY_MS: i64 = 5_000;

/// A sweep that the server refused is tried again after this.
const SWEEP_REST_MS: i64 = 10 * 60_000;

/// What an answer says of one run, as far as the plan needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenRun {
    pub(crate) run_id: String,
    pub(crate) start_ms: Option<i64>,
    pub(crate) end_ms: Option<i64>,
    pub(crate) is_pending: bool,
}

/// An answer to [`crate::plan::Step::ReadPage`].
#[derive(Debug)]
pub(crate) struct PageRead<'a> {
    pub(crate) pull: Pull,
    pub(crate) seen: &'a [SeenRun],
    /// Where the window goes on; without it the window is complete.
    pub(crate) next: Option<NextPage>,
    /// When it was asked.
    pub(crate) read_ms: i64,
    /// How many runs a whole day had, where the window was one and all of it was counted.
    pub(crate) counted: Option<u64>,
}

/// A page was read. Returns the followed runs that are given up.
pub(crate) fn page_read(
    progress: &mut Progress,
    read: PageRead<'_>,
    policy: &Policy,
) -> Vec<String> {
    let PageRead {
        pull,
        seen,
        next,
        read_ms,
        counted,
    } = read;
    progress.pulls.retain(|open| open.kind != pull.kind);
    if progress.watermark_ms.is_none() && progress.backfill.is_none() {
        progress.backfill = Some(Span {
            from_ms: first_from_ms(pull.span.to_ms, policy),
            to_ms: pull.span.to_ms,
        });
    }
    // Feedback says nothing of a run's end; following goes by the other windows.
    if pull.kind != PullKind::Feedback {
        let reread_from_ms = reread_bound(progress, &pull, policy);
        for run in seen {
            follow(progress, run, reread_from_ms, read_ms, policy);
        }
    } else if pull.about.is_none() {
        begin_feedback_round(progress, pull.span.to_ms, read_ms);
    }
    let newest_start_ms = seen.iter().filter_map(|run| run.start_ms).max();
    progress.newest_start_ms = progress.newest_start_ms.max(newest_start_ms);
    bound_followed(progress);
    let given_up = give_up_old(progress, read_ms, policy);
    if next.is_some() {
        progress.pulls.push(Pull { page: next, ..pull });
    } else {
        complete(progress, &pull, counted, read_ms, policy);
    }
    given_up
}

/// An answer to [`crate::plan::Step::ReadByIds`] was read at `read_ms`. Runs that were asked for and not answered stay followed
/// until they are given up: they may be on their way. Returns those that are given up.
pub(crate) fn ids_read(
    progress: &mut Progress,
    asked: &[String],
    seen: &[SeenRun],
    read_ms: i64,
    policy: &Policy,
) -> Vec<String> {
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
pub(crate) fn restart_window(progress: &mut Progress, kind: PullKind) {
    for pull in progress.pulls.iter_mut().filter(|pull| pull.kind == kind) {
        pull.page = None;
    }
}

/// The server refuses the window for good. What that leaves unknown is a gap; the rest goes on. The newest window is never
/// given up: it waits.
pub(crate) fn give_up_window(progress: &mut Progress, pull: &Pull, now_ms: i64, policy: &Policy) {
    progress.pulls.retain(|open| open.kind != pull.kind);
    match pull.kind {
        PullKind::Live => {}
        PullKind::Ended => progress.sweeps_rest_until_ms = now_ms + SWEEP_REST_MS,
        PullKind::Feedback if pull.about.is_some() => progress.rereads_feedback = true,
        PullKind::Feedback => progress.sweeps_rest_until_ms = now_ms + SWEEP_REST_MS,
        PullKind::Backfill => {
            let to_ms = pull.span.to_ms - SEAM_MS;
            progress.add_gap(Span { to_ms, ..pull.span });
            complete(progress, pull, None, now_ms, policy);
        }
        PullKind::Day => crate::days::day_mismatched(progress, pull.span.from_ms, now_ms),
    }
}

/// The server refused the window, which may be for good: it is tried again later, and what is new does not wait for it.
pub(crate) fn try_window_later(progress: &mut Progress, kind: PullKind, until_ms: i64) {
    match kind {
        PullKind::Live => {}
        PullKind::Ended | PullKind::Feedback => progress.sweeps_rest_until_ms = until_ms,
        PullKind::Backfill | PullKind::Day => progress.older_rest_until_ms = until_ms,
    }
}

/// Runs that started from here on will be read again by the next live window, so they need not be followed.
fn reread_bound(progress: &Progress, pull: &Pull, policy: &Policy) -> i64 {
    let watermark_ms = match pull.kind {
        PullKind::Live => Some(pull.span.to_ms),
        _ => progress.watermark_ms,
    };
    watermark_ms.map_or(i64::MAX, |ms| ms - milliseconds(policy.overlap))
}

fn complete(
    progress: &mut Progress,
    pull: &Pull,
    counted: Option<u64>,
    read_ms: i64,
    policy: &Policy,
) {
    match pull.kind {
        PullKind::Live => complete_live(progress, pull, policy),
        PullKind::Backfill => {
            progress.covered_from_ms = progress.covered_from_ms.min(Some(pull.span.from_ms));
            progress.backfill = progress
                .backfill
                .and_then(|rest| shorten(rest, pull.span.from_ms))
                // What is left may have passed out of retention meanwhile: no window could ever reach it.
                .filter(|rest| rest.to_ms > read_ms - RETENTION_MAX_MS);
        }
        PullKind::Ended => progress.ended_to_ms = pull.about.map(|about| about.to_ms),
        PullKind::Feedback => complete_feedback(progress, pull),
        PullKind::Day => {}
    }
    let counted = counted.map(|runs| (pull.span.from_ms, runs));
    schedule_days(progress, counted, read_ms, policy);
}

fn complete_live(progress: &mut Progress, pull: &Pull, policy: &Policy) {
    // Stored rather than computed again later: the overlap may be configured shorter in between.
    progress.reread_from_ms = Some(reread_bound(progress, pull, policy));
    let is_first = progress.watermark_ms.is_none();
    progress.watermark_ms = Some(pull.span.to_ms);
    if is_first {
        // The very first window is live and the newest part of the backfill at once.
        progress.covered_from_ms = Some(pull.span.from_ms);
        progress.backfill = progress
            .backfill
            .and_then(|rest| shorten(rest, pull.span.from_ms));
        progress.ended_to_ms = Some(pull.span.to_ms);
        progress.feedback_to_ms = Some(pull.span.to_ms);
    }
}

fn complete_feedback(progress: &mut Progress, pull: &Pull) {
    match (pull.about, progress.feedback_round) {
        (Some(about), _) => progress.feedback_to_ms = Some(about.to_ms),
        (None, round) => {
            progress.feedback_round = round.and_then(|round| shorten(round, pull.span.from_ms));
        }
    }
}

/// A page of a round over everything whose feedback may still change was read.
fn begin_feedback_round(progress: &mut Progress, to_ms: i64, read_ms: i64) {
    progress.sweeps_rest_until_ms = read_ms + FEEDBACK_PAGE_EVERY_MS;
    if progress.feedback_round.is_none() {
        let from_ms = feedback_from_ms(progress, to_ms);
        progress.feedback_round = Some(Span { from_ms, to_ms });
        progress.feedback_to_ms = Some(read_ms); // the next round is due by the begin of this one
    }
}

/// What is left of the backfill once everything from `done_from_ms` on has been read.
fn shorten(rest: Span, done_from_ms: i64) -> Option<Span> {
    (done_from_ms > rest.from_ms).then_some(Span {
        to_ms: done_from_ms,
        ..rest
    })
}

#[cfg(test)]
#[path = "reading_history_tests.rs"]
mod history_tests;
