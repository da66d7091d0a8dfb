//! Tests of the days that are over: when they are read again, counted and given up.
//! They use no HTTP and no clock.

use super::*;
use crate::plan::tests::{HOUR_MS, policy, whole};
use crate::plan::{SEAM_MS, WINDOW_MAX_MS, next_step};
use crate::reading::{PageRead, page_read};

/// Noon of some day.
const NOON_MS: i64 = 1_790_000_000_000 / DAY_MS * DAY_MS + 12 * HOUR_MS;

fn today() -> i64 {
    day_of(NOON_MS)
}

/// Everything since ten days ago has been read, and nothing else is due.
fn caught_up(now_ms: i64) -> Progress {
    Progress {
        watermark_ms: Some(now_ms - 10_000),
        covered_from_ms: Some(now_ms - 10 * DAY_MS),
        closed_days: Some(Span {
            from_ms: day_of(now_ms) - 9 * DAY_MS,
            to_ms: day_of(now_ms),
        }),
        ..Progress::new()
    }
}

#[test]
fn a_day_is_read_once_more_some_hours_after_its_end_and_then_counted() {
    let mut progress = caught_up(NOON_MS);
    let midnight_ms = today() + DAY_MS;
    let closes_ms = midnight_ms + 6 * HOUR_MS + 10 * 60_000;
    for (now_ms, is_due) in [(closes_ms - 1, false), (closes_ms, true)] {
        progress.watermark_ms = Some(now_ms);
        schedule_days(&mut progress, None, now_ms, &policy());
        assert_eq!(next_day(&progress, now_ms).is_some(), is_due);
    }
    let Some(Step::ReadPage(pull)) = next_day(&progress, closes_ms) else {
        panic!("the day is read");
    };
    assert_eq!((pull.kind, pull.span), (PullKind::Day, span_of(today())));
    let read = PageRead {
        counted: Some(7),
        ..whole(pull, &[], closes_ms)
    };
    page_read(&mut progress, read, &policy());
    let count = Step::CountDay {
        day_ms: today(),
        read_runs: 7,
    };
    assert_eq!(next_day(&progress, closes_ms), Some(count));
    assert_eq!(
        day_counted(&mut progress, today(), 7, closes_ms),
        Counted::Matches
    );
    assert_eq!(
        (next_day(&progress, i64::MAX), progress.gaps),
        (None, Vec::new())
    );
}

#[test]
fn a_day_that_does_not_match_is_read_again_a_few_times_and_then_a_gap_until_it_does() {
    let mut progress = caught_up(NOON_MS);
    let day_ms = today() - DAY_MS;
    let mut now_ms = NOON_MS;
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        schedule_days(&mut progress, Some((day_ms, 5)), now_ms, &policy());
        outcomes.push(day_counted(&mut progress, day_ms, 6, now_ms));
        assert_eq!(next_day(&progress, now_ms), None, "not at once");
        now_ms += 2 * DAY_MS;
    }
    assert_eq!(
        outcomes,
        [
            Counted::Differs,
            Counted::Differs,
            Counted::Differs,
            Counted::GivenUp
        ]
    );
    assert_eq!(progress.gaps, [span_of(day_ms)]);
    schedule_days(&mut progress, Some((day_ms, 6)), now_ms, &policy());
    assert_eq!(
        day_counted(&mut progress, day_ms, 6, now_ms),
        Counted::Matches
    );
    assert_eq!(progress.gaps, []);
}

#[test]
fn a_whole_day_that_the_backfill_counted_is_not_read_twice() {
    let mut progress = Progress::new();
    let policy = Policy {
        since: std::time::Duration::from_secs(4 * 24 * 3600),
        ..policy()
    };
    let mut reads = Vec::new();
    loop {
        match next_step(&progress, NOON_MS, &policy) {
            Step::ReadPage(pull) => {
                let is_day = pull.kind == PullKind::Backfill
                    && pull.span.to_ms - SEAM_MS - pull.span.from_ms == WINDOW_MAX_MS;
                let counted = (is_day || pull.kind == PullKind::Day).then_some(3);
                reads.push((pull.kind, pull.span.from_ms));
                page_read(
                    &mut progress,
                    PageRead {
                        counted,
                        ..whole(pull, &[], NOON_MS)
                    },
                    &policy,
                );
            }
            Step::CountDay { day_ms, .. } => {
                assert_eq!(
                    day_counted(&mut progress, day_ms, 3, NOON_MS),
                    Counted::Matches
                );
            }
            Step::Rest { .. } => break,
            Step::ReadByIds { .. } => panic!("nothing is followed"),
        }
    }
    let read_again: Vec<_> = reads
        .iter()
        .filter(|(kind, _)| *kind == PullKind::Day)
        .collect();
    assert_eq!(
        read_again,
        [&(PullKind::Day, today() - DAY_MS)],
        "only the day that two windows share: {reads:?}"
    );
}

#[test]
fn a_server_that_does_not_count_is_left_alone_for_a_while() {
    let mut progress = caught_up(NOON_MS);
    schedule_days(
        &mut progress,
        Some((today() - DAY_MS, 5)),
        NOON_MS,
        &policy(),
    );
    progress.counts_rest_until_ms = NOON_MS + HOUR_MS;
    assert_eq!(next_day(&progress, NOON_MS + HOUR_MS - 1), None);
    assert!(matches!(
        next_day(&progress, NOON_MS + HOUR_MS),
        Some(Step::CountDay { .. })
    ));
}
