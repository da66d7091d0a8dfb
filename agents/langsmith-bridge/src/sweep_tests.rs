//! Tests of the sweep for feedback that changed, where the server can tell and where it cannot.
//! They ask no server.

use super::*;
use crate::plan::tests::{HOUR_MS, NOW_MS, caught_up, is_rest, policy, read, window};
use crate::reading::give_up_window;

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
