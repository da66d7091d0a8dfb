//! Tests of the runs that are followed by their id: from when, until when, how often.
//! They ask no server.

use super::FOLLOWED_MAX;
use crate::plan::tests::{
    HOUR_MS, NOW_MS, caught_up, is_rest, not_last, policy, read, seen, whole, window,
};
use crate::plan::{RETENTION_MS, SEAM_MS, Step, new_pull, next_step};
use crate::progress::Progress;
use crate::pull::{PullKind, Span};
use crate::reading::{ids_read, page_read};

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
        page_read(&mut progress, not_last(pull, page, NOW_MS), &policy());
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
