//! Tests of single decisions: what is asked next, and what an answer means.
//! They use no HTTP and no clock.

use super::*;
use crate::progress::{FOLLOWED_MAX, NextPage};
use crate::reading::{PageRead, SeenRun, give_up_window, ids_read, page_read, restart_window};

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
fn window(progress: &Progress, now_ms: i64, policy: &Policy) -> Pull {
    match next_step(progress, now_ms, policy) {
        Step::ReadPage(pull) => pull,
        step => panic!("no window is read: {step:?}"),
    }
}

/// The same, and its answer at once, without a next page.
fn read(progress: &mut Progress, now_ms: i64, seen: &[SeenRun], policy: &Policy) -> Pull {
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

fn is_rest(step: Step) -> bool {
    matches!(step, Step::Rest { .. })
}

fn caught_up() -> Progress {
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
    let next = NextPage {
        cursor: "c".into(),
        question: 7,
    };
    let first = PageRead {
        next: Some(next.clone()),
        ..whole(pull, &[], NOW_MS)
    };
    page_read(&mut progress, first, &policy());
    assert_eq!(progress.watermark_ms, None);
    assert_eq!(window(&progress, NOW_MS, &policy()).page, Some(next));
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
fn what_is_new_does_not_wait_for_what_is_old() {
    let policy = Policy {
        since: Duration::from_secs(10 * 24 * 3600),
        ..policy()
    };
    let mut progress = Progress::new();
    read(&mut progress, NOW_MS, &[], &policy);
    let older = window(&progress, NOW_MS, &policy);
    assert_eq!(older.kind, PullKind::Backfill);
    let next = Some(NextPage {
        cursor: "c".into(),
        question: 7,
    });
    page_read(
        &mut progress,
        PageRead {
            next: next.clone(),
            ..whole(older, &[], NOW_MS)
        },
        &policy,
    );
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
fn a_run_is_followed_from_the_overlap_on_until_it_has_settled() {
    let mut progress = Progress::new();
    let long_ago_ms = NOW_MS - HOUR_MS;
    let runs = [
        seen("in overlap", NOW_MS - 60_000, None),
        seen("open", long_ago_ms, None),
        seen("final", long_ago_ms, Some(long_ago_ms + 5)),
    ];
    read(&mut progress, NOW_MS, &runs, &policy());
    let followed: Vec<_> = progress
        .followed
        .iter()
        .map(|run| run.run_id.as_str())
        .collect();
    assert_eq!(followed, ["open"]);

    let now_ms = NOW_MS + 30_000;
    progress.watermark_ms = Some(now_ms - 10_000);
    let asked = ["open".to_owned()];
    assert_eq!(
        next_step(&progress, now_ms, &policy()),
        Step::ReadByIds {
            run_ids: asked.to_vec(),
            from_ms: long_ago_ms - SEAM_MS
        }
    );
    let ended = [seen("open", long_ago_ms, Some(now_ms))];
    ids_read(&mut progress, &asked, &ended, now_ms, &policy());
    assert_eq!(
        progress.followed[0].end_ms,
        Some(now_ms),
        "its tokens may still come"
    );
    assert!(
        is_rest(next_step(&progress, now_ms, &policy())),
        "not asked again at once"
    );
    ids_read(&mut progress, &asked, &ended, now_ms + 600_000, &policy());
    assert_eq!(progress.followed, []);
}

#[test]
fn a_run_that_never_ends_is_given_up_a_day_after_its_start() {
    let mut progress = caught_up();
    let start_ms = NOW_MS - 24 * HOUR_MS;
    progress
        .followed
        .push(("stuck".to_owned(), start_ms, NOW_MS - HOUR_MS, None).into());
    let asked = ["stuck".to_owned()];
    assert_eq!(
        ids_read(&mut progress, &asked, &[], NOW_MS - 1, &policy()),
        [""; 0]
    );
    assert_eq!(
        ids_read(&mut progress, &asked, &[], NOW_MS, &policy()),
        asked
    );
    assert_eq!(progress.followed, []);
    let pull = new_pull(
        PullKind::Day,
        Span {
            from_ms: 0,
            to_ms: NOW_MS,
        },
        None,
    );
    page_read(
        &mut progress,
        whole(pull, &[seen("stuck", start_ms, None)], NOW_MS),
        &policy(),
    );
    assert_eq!(progress.followed, [], "seeing it again does not begin anew");
}

#[test]
fn more_open_runs_than_can_be_followed_are_found_by_their_end() {
    let mut progress = Progress::new();
    let runs: Vec<_> = (0..100_000)
        .map(|n| seen(&format!("run {n}"), NOW_MS - 2 * HOUR_MS + n, None))
        .collect();
    for page in runs.chunks(1_000) {
        let pull = window(&progress, NOW_MS, &policy());
        let next = Some(NextPage {
            cursor: "c".into(),
            question: 7,
        });
        page_read(
            &mut progress,
            PageRead {
                next,
                ..whole(pull, page, NOW_MS)
            },
            &policy(),
        );
        assert!(progress.followed.len() <= FOLLOWED_MAX);
    }
    read(&mut progress, NOW_MS, &[], &policy());
    let later_ms = NOW_MS + 5 * 60_000;
    (progress.watermark_ms, progress.backfill) = (Some(later_ms - 10_000), None);
    progress
        .followed
        .iter_mut()
        .for_each(|run| run.due_ms = i64::MAX);
    let ended = window(&progress, later_ms, &policy());
    assert_eq!(
        (ended.kind, ended.about.unwrap().to_ms),
        (PullKind::Ended, later_ms)
    );
    assert!(
        ended.about.unwrap().from_ms <= NOW_MS - 10 * 60_000,
        "what ended may not have settled"
    );
    assert_eq!(
        ended.span.from_ms,
        later_ms - RETENTION_MS,
        "however long ago it began"
    );
    read(&mut progress, later_ms, &[], &policy());
    assert!(
        is_rest(next_step(&progress, later_ms, &policy())),
        "until the next time"
    );
}

#[test]
fn feedback_that_changed_is_asked_for_by_the_time_of_its_change() {
    let mut progress = caught_up();
    progress.feedback_to_ms = Some(NOW_MS - HOUR_MS);
    let pull = read(&mut progress, NOW_MS, &[], &policy());
    assert_eq!(pull.kind, PullKind::Feedback);
    assert_eq!(pull.about.unwrap().from_ms, NOW_MS - HOUR_MS - 15 * 60_000);
    assert_eq!(
        pull.span.from_ms,
        NOW_MS - RETENTION_MAX_MS,
        "a run of any age"
    );
    assert_eq!(progress.feedback_to_ms, Some(NOW_MS));
    assert!(is_rest(next_step(&progress, NOW_MS, &policy())));
}

#[test]
fn where_the_server_cannot_tell_changed_feedback_runs_are_read_again_slowly() {
    let mut progress = caught_up();
    progress.watermark_ms = Some(NOW_MS + HOUR_MS); // nothing new in this test
    progress.feedback_to_ms = Some(NOW_MS - HOUR_MS);
    let refused = window(
        &progress,
        NOW_MS - 1 + 1,
        &Policy {
            safety_lag: Duration::ZERO,
            ..policy()
        },
    );
    assert_eq!(
        refused.kind,
        PullKind::Live,
        "a watermark ahead of the clock comes first"
    );
    progress.watermark_ms = Some(NOW_MS - 10_000);
    let refused = window(&progress, NOW_MS, &policy());
    give_up_window(&mut progress, &refused, NOW_MS, &policy());
    let (mut days, mut now_ms) = (Vec::new(), NOW_MS);
    for day in 1..=14 {
        progress.watermark_ms = Some(now_ms - 10_000);
        let pull = read(&mut progress, now_ms, &[], &policy());
        assert_eq!((pull.kind, pull.about), (PullKind::Feedback, None));
        days.push(pull.span);
        let Step::Rest { until_ms } = next_step(&progress, now_ms, &policy()) else {
            panic!("a page in five seconds");
        };
        assert!(until_ms == now_ms + 5_000 || day == 14);
        now_ms += 5_000;
    }
    assert_eq!(days[0].to_ms, NOW_MS);
    assert!(days.windows(2).all(|pair| pair[1].to_ms == pair[0].from_ms));
    assert_eq!(days[13].from_ms, NOW_MS - RETENTION_MS);
    progress.watermark_ms = Some(now_ms - 10_000);
    assert!(
        is_rest(next_step(&progress, now_ms, &policy())),
        "until the next round"
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
