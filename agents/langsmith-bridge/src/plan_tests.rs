//! Tests of single decisions: what is asked next, and what an answer means.
//! They use no HTTP and no clock.

use super::*;
use crate::pull::NextPage;
use crate::reading::{PageRead, SeenRun, give_up_window, page_read, restart_window};

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const NOW_MS: i64 = 1_790_000_000_000;

pub(crate) fn policy() -> Policy {
    Policy {
        since: Duration::from_secs(24 * 3600),
        overlap: Duration::from_secs(15 * 60),
        safety_lag: Duration::from_secs(10),
        settle: Duration::from_secs(10 * 60),
        abandon_after: Duration::from_secs(24 * 3600),
        poll_interval: Duration::from_secs(30),
        ended_interval: Duration::from_secs(5 * 60),
        feedback_interval: Duration::from_secs(3600),
        day_check_after: Duration::from_secs(6 * 3600),
    }
}

/// The window that is asked for next.
pub(crate) fn window(progress: &Progress, now_ms: i64, policy: &Policy) -> Pull {
    match next_step(progress, now_ms, policy) {
        Step::ReadPage(pull) => pull,
        step => panic!("no window is read: {step:?}"),
    }
}

/// The same, and its answer at once, without a next page.
pub(crate) fn read(
    progress: &mut Progress,
    now_ms: i64,
    seen: &[SeenRun],
    policy: &Policy,
) -> Pull {
    let pull = window(progress, now_ms, policy);
    page_read(progress, whole(pull.clone(), seen, now_ms), policy);
    pull
}

pub(crate) fn whole(pull: Pull, seen: &[SeenRun], read_ms: i64) -> PageRead<'_> {
    PageRead {
        counted: (pull.kind == PullKind::Day).then_some(0),
        pull,
        seen,
        next: None,
        read_ms,
    }
}

/// A page after which another comes.
pub(crate) fn not_last(pull: Pull, seen: &[SeenRun], read_ms: i64) -> PageRead<'_> {
    let cursor = "c".into();
    let next = NextPage {
        cursor,
        question: 7,
    };
    PageRead {
        next: Some(next),
        ..whole(pull, seen, read_ms)
    }
}

pub(crate) fn is_rest(step: Step) -> bool {
    matches!(step, Step::Rest { .. })
}

pub(crate) fn caught_up() -> Progress {
    Progress {
        watermark_ms: Some(NOW_MS - 10_000),
        ..Progress::new()
    }
}

pub(crate) fn seen(run_id: &str, start_ms: i64, end_ms: Option<i64>) -> SeenRun {
    SeenRun {
        run_id: run_id.into(),
        start_ms: Some(start_ms),
        end_ms,
        is_pending: end_ms.is_none(),
    }
}

#[test]
fn the_first_start_reads_the_newest_day_and_then_older_days() {
    let policy = Policy {
        since: Duration::from_secs(60 * 3600),
        ..policy()
    };
    let mut progress = Progress::new();
    let newest_ms = NOW_MS - 10_000;
    let first = window(&progress, NOW_MS, &policy);
    assert_eq!(
        (first.kind, first.span.from_ms, first.span.to_ms),
        (PullKind::Live, newest_ms - WINDOW_MAX_MS, newest_ms)
    );
    read(&mut progress, NOW_MS, &[], &policy);
    assert_eq!(progress.watermark_ms, Some(newest_ms));

    let mut spans = Vec::new();
    while let Step::ReadPage(pull) = next_step(&progress, NOW_MS, &policy) {
        if pull.kind == PullKind::Backfill {
            spans.push(pull.span);
        }
        page_read(&mut progress, whole(pull, &[], NOW_MS), &policy);
    }
    assert_eq!(spans[0].to_ms, newest_ms - WINDOW_MAX_MS + SEAM_MS);
    assert_eq!(
        spans[0].from_ms,
        day_of(spans[0].from_ms),
        "cut where a day begins"
    );
    assert_eq!(spans.last().unwrap().from_ms, NOW_MS - 60 * HOUR_MS);
    assert!(
        spans
            .iter()
            .all(|span| span.to_ms - span.from_ms <= DAY_MS + SEAM_MS)
    );
    assert_eq!(
        (progress.backfill, progress.covered_from_ms),
        (None, Some(NOW_MS - 60 * HOUR_MS))
    );
}

#[test]
fn a_window_is_complete_only_after_its_last_page() {
    let mut progress = Progress::new();
    let pull = window(&progress, NOW_MS, &policy());
    let first = not_last(pull, &[], NOW_MS);
    let next = first.next.clone();
    page_read(&mut progress, first, &policy());
    assert_eq!(progress.watermark_ms, None);
    assert_eq!(window(&progress, NOW_MS, &policy()).page, next);
    restart_window(&mut progress, PullKind::Live);
    assert_eq!(window(&progress, NOW_MS, &policy()).page, None);
}

#[test]
fn a_live_window_begins_an_overlap_before_the_last() {
    let progress = caught_up();
    let later_ms = NOW_MS + 30_000;
    assert_eq!(
        next_step(&progress, NOW_MS + 29_999, &policy()),
        Step::Rest { until_ms: later_ms }
    );
    let span = window(&progress, later_ms, &policy()).span;
    assert_eq!(
        (span.from_ms, span.to_ms),
        (NOW_MS - 10_000 - 15 * 60_000, later_ms - 10_000)
    );
}

#[test]
fn a_long_pause_is_caught_up_day_by_day_oldest_first() {
    let mut progress = Progress {
        watermark_ms: Some(NOW_MS - 60 * HOUR_MS),
        ..Progress::new()
    };
    let mut ends = Vec::new();
    while let Step::ReadPage(pull) = next_step(&progress, NOW_MS, &policy()) {
        if pull.kind == PullKind::Live {
            assert!(pull.span.to_ms - pull.span.from_ms <= WINDOW_MAX_MS + 15 * 60_000);
            ends.push(pull.span.to_ms);
        }
        page_read(&mut progress, whole(pull, &[], NOW_MS), &policy());
    }
    assert_eq!(
        ends,
        [
            NOW_MS - 36 * HOUR_MS,
            NOW_MS - 12 * HOUR_MS,
            NOW_MS - 10_000
        ]
    );
}

#[test]
fn after_a_clock_that_was_ahead_reading_begins_at_the_newest_run_seen() {
    let mut progress = Progress {
        watermark_ms: Some(NOW_MS + 10 * HOUR_MS),
        reread_from_ms: Some(NOW_MS + 9 * HOUR_MS),
        newest_start_ms: Some(NOW_MS - 2 * HOUR_MS),
        ..Progress::new()
    };
    let pull = read(&mut progress, NOW_MS, &[], &policy());
    assert_eq!(pull.span.from_ms, NOW_MS - 2 * HOUR_MS - 15 * 60_000);
    assert_eq!(progress.watermark_ms, Some(NOW_MS - 10_000));
}

#[test]
fn nothing_older_than_the_longest_retention_is_asked_for() {
    let progress = Progress {
        watermark_ms: Some(0),
        ..Progress::new()
    };
    assert!(window(&progress, NOW_MS, &policy()).span.from_ms >= NOW_MS - RETENTION_MAX_MS);
}

#[test]
fn a_backfill_ends_where_retention_does_while_time_goes_on() {
    let policy = Policy {
        since: Duration::from_secs(500 * 86_400),
        ..policy()
    };
    let mut progress = Progress::new();
    let mut now_ms = NOW_MS;
    let mut windows = 0;
    loop {
        let step = next_step(&progress, now_ms, &policy);
        if progress.watermark_ms.is_some() && progress.backfill.is_none() {
            break;
        }
        let Step::ReadPage(pull) = step else {
            panic!("there is more to read: {step:?}");
        };
        assert!(pull.span.from_ms >= now_ms - RETENTION_MAX_MS, "{pull:?}");
        page_read(&mut progress, whole(pull, &[], now_ms), &policy);
        progress.days.clear(); // counting them is another matter
        now_ms += 50;
        windows += 1;
        assert!(windows < 500, "it does not end: {:?}", progress.backfill);
    }
    assert!(windows >= 400, "{windows}");
}

#[test]
fn what_is_new_does_not_wait_for_what_is_old() {
    let policy = Policy {
        since: Duration::from_secs(10 * 24 * 3600),
        ..policy()
    };
    let mut progress = Progress::new();
    read(&mut progress, NOW_MS, &[], &policy);
    let older = window(&progress, NOW_MS, &policy);
    assert_eq!(older.kind, PullKind::Backfill);
    let first = not_last(older, &[], NOW_MS);
    let next = first.next.clone();
    page_read(&mut progress, first, &policy);
    let later_ms = NOW_MS + 30_000;
    assert_eq!(
        read(&mut progress, later_ms, &[], &policy).kind,
        PullKind::Live
    );
    assert_eq!(
        window(&progress, later_ms, &policy).page,
        next,
        "and the older window goes on where it was"
    );
}

#[test]
fn a_window_that_is_refused_for_good_is_a_gap_and_the_rest_goes_on() {
    let policy = Policy {
        since: Duration::from_secs(5 * 24 * 3600),
        ..policy()
    };
    let mut progress = Progress::new();
    read(&mut progress, NOW_MS, &[], &policy);
    let refused = window(&progress, NOW_MS, &policy);
    give_up_window(&mut progress, &refused, NOW_MS, &policy);
    let gap = Span {
        to_ms: refused.span.to_ms - SEAM_MS,
        ..refused.span
    };
    assert_eq!(progress.gaps, [gap]);
    assert_eq!(
        window(&progress, NOW_MS, &policy).span.to_ms,
        gap.from_ms + SEAM_MS
    );
}
