//! When a process counts as hung, and how one that does not end is ended.
//! What follows its end stands in `delays` and `surrender`.

use std::time::Duration;

use lifecycle::{Cause, Effect, Event, Hang, Phase, Policy, Readiness, Restart, Surrender};

use crate::{Story, policy, s};

#[test]
fn silence_slept_through_is_not_judged() {
    let mut story = Story::new(policy());
    story.start();
    story.step(Event::Heartbeat);
    // The caller was stopped for an hour; what the agent said meanwhile waits in the pipe.
    story.now += s(3_600);
    story.awake_since = story.now;
    assert_eq!(story.ask(), None);
    assert_eq!(story.machine.deadline(), Some(story.now + s(30)));
    story.now += s(30);
    assert_eq!(story.ask(), Some(Effect::SignalHang), "awake all the time");
}

#[test]
fn a_start_slept_through_is_not_judged_either() {
    let mut story = Story::new(policy());
    story.start();
    story.now += s(3_600);
    story.awake_since = story.now;
    assert_eq!(story.ask(), None);
    story.now += s(30);
    assert_eq!(story.ask(), Some(Effect::SignalHang));
    let Phase::Unhealthy { hang, .. } = story.machine.phase() else {
        panic!("{:?}", story.machine)
    };
    assert_eq!(*hang, Hang::NotReady { within: s(30) });
}

#[test]
fn an_agent_that_only_says_ready_and_hangs_was_not_healthy() {
    let mut story = Story::new(Policy {
        short_lived_max: 1,
        readiness: Readiness::Says { within: s(100) },
        ..policy()
    });
    story.start();
    story.step(Event::Ready);
    assert_eq!(
        story.machine.deadline(),
        Some(story.now + s(130)),
        "the first round may take as long as the start may"
    );
    story.now += s(130);
    assert_eq!(story.ask(), Some(Effect::SignalHang));
    story.crash(0.5);
    assert!(matches!(story.surrender(), Surrender::ShortLived { .. }));
}

#[test]
fn a_heartbeat_timeout_that_was_taken_away_is_waited_for_no_longer() {
    let mut story = Story::new(policy());
    story.start();
    story.step(Event::Heartbeat);
    story.policy.heartbeat_timeout = None;
    story.now += s(30);
    assert_eq!(story.ask(), None);
    assert_eq!(story.machine.deadline(), None);
}

#[test]
fn one_that_hung_has_not_finished_whatever_its_exit_code_says() {
    let mut story = Story::new(Policy {
        restart: Restart::OnFailure,
        ..policy()
    });
    story.start();
    story.step(Event::Heartbeat);
    story.now += s(30);
    assert_eq!(story.ask(), Some(Effect::SignalHang));
    story.step(Event::Gone {
        cause: Cause::Exited(0),
        random: 0.5,
    });
    assert!(matches!(
        story.machine.phase(),
        Phase::Backoff { hang: Some(_), .. }
    ));
}

#[test]
fn kill_is_sent_again_until_the_process_is_gone() {
    let mut story = Story::new(policy());
    story.start();
    assert_eq!(story.step(Event::Stop), Some(Effect::RequestStop));
    for wait in [10, 5, 5] {
        story.now += s(wait) - Duration::from_nanos(1);
        assert_eq!(story.ask(), None, "too early");
        story.now += Duration::from_nanos(1);
        assert_eq!(story.ask(), Some(Effect::Kill));
    }
}
