//! Tests of single decisions of the plan.
//! They use no HTTP and no clock.

use super::*;

pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const NOW_MS: i64 = 1_790_000_000_000;

pub(super) fn policy() -> Policy {
    Policy {
        since: Duration::from_secs(24 * 3600),
        overlap: Duration::from_secs(15 * 60),
        safety_lag: Duration::from_secs(10),
        settle: Duration::from_secs(10 * 60),
        abandon_after: Duration::from_secs(24 * 3600),
        poll_interval: Duration::from_secs(30),
    }
}

fn pulled(progress: &Progress) -> Span {
    progress.pull.as_ref().expect("a window is open").span
}

fn caught_up() -> Progress {
    Progress {
        watermark_ms: Some(NOW_MS - 10_000),
        ..Progress::new()
    }
}

pub(super) fn seen(run_id: &str, start_ms: i64, end_ms: Option<i64>) -> SeenRun {
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
    assert_eq!(next_step(&mut progress, NOW_MS, &policy), Step::ReadPage);
    let newest_ms = NOW_MS - 10_000;
    assert_eq!(
        pulled(&progress),
        Span {
            from_ms: newest_ms - WINDOW_MAX_MS,
            to_ms: newest_ms
        }
    );
    assert_eq!(progress.watermark_ms, None, "nothing is complete yet");

    page_read(&mut progress, &[], None, NOW_MS, &policy);
    assert_eq!(progress.watermark_ms, Some(newest_ms));

    let mut spans = Vec::new();
    while next_step(&mut progress, NOW_MS, &policy) == Step::ReadPage {
        spans.push(pulled(&progress));
        page_read(&mut progress, &[], None, NOW_MS, &policy);
    }
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0].to_ms, newest_ms - WINDOW_MAX_MS + SEAM_MS);
    assert_eq!(spans[1].from_ms, NOW_MS - 60 * HOUR_MS);
    assert_eq!(progress.backfill, None);
}

#[test]
fn a_window_is_complete_only_after_its_last_page() {
    let mut progress = Progress::new();
    next_step(&mut progress, NOW_MS, &policy());
    let next = NextPage {
        cursor: "c".into(),
        body: "b".into(),
    };
    page_read(&mut progress, &[], Some(next.clone()), NOW_MS, &policy());
    assert_eq!(progress.watermark_ms, None);
    assert_eq!(progress.pull.as_ref().unwrap().page, Some(next));
    restart_window(&mut progress);
    assert_eq!(progress.pull.as_ref().unwrap().page, None);
}

#[test]
fn a_live_window_begins_an_overlap_before_the_last() {
    let mut progress = caught_up();
    let later_ms = NOW_MS + 30_000;
    assert_eq!(
        next_step(&mut progress, NOW_MS + 29_999, &policy()),
        Step::Rest { until_ms: later_ms }
    );
    assert_eq!(
        next_step(&mut progress, later_ms, &policy()),
        Step::ReadPage
    );
    let span = pulled(&progress);
    assert_eq!(
        span,
        Span {
            from_ms: NOW_MS - 10_000 - 15 * 60_000,
            to_ms: later_ms - 10_000
        }
    );
}

#[test]
fn a_long_pause_is_caught_up_day_by_day_oldest_first() {
    let mut progress = Progress {
        watermark_ms: Some(NOW_MS - 60 * HOUR_MS),
        ..Progress::new()
    };
    let mut ends = Vec::new();
    while next_step(&mut progress, NOW_MS, &policy()) == Step::ReadPage {
        let span = pulled(&progress);
        assert!(span.to_ms - span.from_ms <= WINDOW_MAX_MS + 15 * 60_000);
        ends.push(span.to_ms);
        page_read(&mut progress, &[], None, NOW_MS, &policy());
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
    assert_eq!(next_step(&mut progress, NOW_MS, &policy()), Step::ReadPage);
    assert_eq!(
        pulled(&progress).from_ms,
        NOW_MS - 2 * HOUR_MS - 15 * 60_000
    );
    page_read(&mut progress, &[], None, NOW_MS, &policy());
    assert_eq!(progress.watermark_ms, Some(NOW_MS - 10_000));
}

#[test]
fn nothing_older_than_the_longest_retention_is_asked_for() {
    let mut progress = Progress {
        watermark_ms: Some(0),
        ..Progress::new()
    };
    next_step(&mut progress, NOW_MS, &policy());
    assert!(pulled(&progress).from_ms >= NOW_MS - RETENTION_MAX_MS);
}

#[test]
fn a_run_is_followed_from_the_overlap_on_until_it_has_settled() {
    let mut progress = Progress::new();
    next_step(&mut progress, NOW_MS, &policy());
    let long_ago_ms = NOW_MS - HOUR_MS;
    let runs = [
        seen("in overlap", NOW_MS - 60_000, None),
        seen("open", long_ago_ms, None),
        seen("final", long_ago_ms, Some(long_ago_ms + 5)),
    ];
    page_read(&mut progress, &runs, None, NOW_MS, &policy());
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
        next_step(&mut progress, now_ms, &policy()),
        Step::ReadByIds {
            run_ids: asked.to_vec(),
            from_ms: long_ago_ms - SEAM_MS
        }
    );
    ids_read(
        &mut progress,
        &asked,
        &[seen("open", long_ago_ms, Some(now_ms))],
        now_ms,
        &policy(),
    );
    assert_eq!(
        progress.followed[0].end_ms,
        Some(now_ms),
        "its tokens may still come"
    );
    assert!(
        matches!(
            next_step(&mut progress, now_ms, &policy()),
            Step::Rest { .. }
        ),
        "not asked again at once"
    );
    ids_read(
        &mut progress,
        &asked,
        &[seen("open", long_ago_ms, Some(now_ms))],
        now_ms + 600_000,
        &policy(),
    );
    assert_eq!(progress.followed, []);
}

#[test]
fn a_run_that_never_ends_is_given_up() {
    let mut progress = caught_up();
    progress.followed.push(
        (
            "stuck".to_owned(),
            NOW_MS - 25 * HOUR_MS,
            NOW_MS - 24 * HOUR_MS,
            None,
        )
            .into(),
    );
    let asked = ["stuck".to_owned()];
    assert_eq!(
        ids_read(&mut progress, &asked, &[], NOW_MS - 1, &policy()),
        0
    );
    assert_eq!(ids_read(&mut progress, &asked, &[], NOW_MS, &policy()), 1);
    assert_eq!(progress.followed, []);
}

#[test]
fn more_open_runs_than_can_be_followed_are_found_by_reading_from_earlier() {
    let mut progress = Progress::new();
    next_step(&mut progress, NOW_MS, &policy());
    let runs: Vec<_> = (0..2_500)
        .map(|n| seen(&format!("run {n}"), NOW_MS - 2 * HOUR_MS + n, None))
        .collect();
    page_read(&mut progress, &runs, None, NOW_MS, &policy());
    assert_eq!(progress.followed.len(), FOLLOWED_MAX);
    let later_ms = NOW_MS + 60_000;
    next_step(&mut progress, later_ms, &policy());
    assert_eq!(
        pulled(&progress).from_ms,
        NOW_MS - 2 * HOUR_MS + 1_000,
        "the first that is not followed"
    );
    page_read(&mut progress, &[], None, later_ms, &policy());
    assert_eq!(
        progress.reread_from_ms,
        Some(later_ms - 10_000 - 15 * 60_000),
        "and back to the overlap"
    );
}
