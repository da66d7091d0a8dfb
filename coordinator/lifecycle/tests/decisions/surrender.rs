//! When an instance is given up, and what follows then.
//! How long the delays before are stands in `delays`.

use std::time::Duration;

use lifecycle::{Effect, Event, Policy, StartKind, Surrender};

use crate::{Story, policy, s};

#[test]
fn a_stable_invocation_is_not_counted_among_the_short_lived_ones() {
    let mut story = Story::new(Policy {
        short_lived_max: 2,
        ..policy()
    });
    story.start();
    story.step(Event::Heartbeat);
    story.now += s(30);
    story.crash_and_return(0.5);
    story.crash_and_return(0.5);
    story.crash(0.5);
    let Surrender::ShortLived { in_a_row, .. } = story.surrender() else {
        panic!("{:?}", story.surrender())
    };
    assert_eq!(in_a_row, 2);
}

#[test]
fn short_lived_invocations_in_a_row_are_fatal_however_slow_they_crash() {
    let mut story = Story::new(policy());
    story.start();
    for _ in 0..9 {
        story.step(Event::Heartbeat);
        // So slow that the window never holds more than its share.
        story.now += s(29);
        story.crash_and_return(0.99);
    }
    story.crash(0.5);
    let expected = Surrender::ShortLived {
        in_a_row: 10,
        stable_after: s(30),
    };
    assert_eq!(story.surrender(), expected);
}

#[test]
fn restarts_in_the_window_are_fatal_however_healthy_they_were() {
    let mut story = Story::new(Policy {
        stable_after: Duration::ZERO,
        restarts_max: 3,
        ..policy()
    });
    story.start();
    for _ in 0..3 {
        story.crash_and_return(0.5);
    }
    story.crash(0.5);
    let expected = Surrender::Window {
        restarts_max: 3,
        window: s(600),
    };
    assert_eq!(story.surrender(), expected);
}

#[test]
fn a_restart_that_left_the_window_makes_room_for_another() {
    let mut story = Story::new(Policy {
        restarts_max: 1,
        ..policy()
    });
    story.start();
    story.crash_and_return(0.5);
    story.step(Event::Heartbeat);
    story.now += s(600);
    story.crash_and_return(0.5);
}

#[test]
fn the_window_is_judged_for_the_time_of_the_restart() {
    let mut story = Story::new(Policy {
        backoff_initial: s(100),
        backoff_max: s(100),
        restarts_max: 1,
        ..policy()
    });
    story.start();
    story.crash_and_return(0.5);
    story.step(Event::Heartbeat);
    // After a delay of 50 s the restart before lies just outside of the window, and then just inside.
    story.now += s(550);
    story.crash_and_return(0.5);
    story.step(Event::Heartbeat);
    story.now += s(549);
    story.crash(0.5);
    assert!(matches!(story.surrender(), Surrender::Window { .. }));
}

#[test]
fn a_start_by_hand_forgets_failures() {
    let mut story = Story::new(Policy {
        short_lived_max: 3,
        ..policy()
    });
    story.start();
    story.crash_and_return(0.5);
    story.crash_and_return(0.5);
    story.crash(0.5);
    assert!(matches!(story.surrender(), Surrender::ShortLived { .. }));
    let Some(Effect::Spawn(start)) = story.step(Event::Start) else {
        panic!("{:?}", story.machine)
    };
    assert_eq!((start.attempt, start.kind), (1, StartKind::Wanted));
    story.step(Event::Spawned { random: 0.5 });
    assert_eq!(story.crash_and_return(0.5), (s(1) / 2, 2));
    story.crash_and_return(0.5);
}

#[test]
fn fatal_is_retried_slowly_and_once_until_it_proved_itself() {
    let mut story = Story::new(Policy {
        short_lived_max: 1,
        ..policy()
    });
    story.start();
    story.crash(0.5);
    for _ in 0..2 {
        assert_eq!(story.machine.deadline(), Some(story.now + s(300)));
        story.now += s(300);
        let Some(Effect::Spawn(start)) = story.ask() else {
            panic!("{:?}", story.machine)
        };
        assert_eq!(start.kind, StartKind::Retry);
        story.step(Event::Spawned { random: 0.5 });
        story.step(Event::Heartbeat);
        story.now += s(29);
        story.crash(0.5);
        let expected = Surrender::RetryFailed {
            stable_after: s(30),
        };
        assert_eq!(story.surrender(), expected);
    }
    story.now += s(300);
    story.ask();
    story.step(Event::Spawned { random: 0.5 });
    story.step(Event::Heartbeat);
    story.now += s(30);
    assert_eq!(
        story.crash_and_return(0.5),
        (s(1) / 2, 1),
        "it proved itself"
    );
}

#[test]
fn fatal_of_an_essential_agent_gives_up_and_never_retries() {
    let mut story = Story::new(Policy {
        short_lived_max: 1,
        essential: true,
        ..policy()
    });
    story.start();
    assert_eq!(story.crash(0.5), Some(Effect::GiveUp));
    assert_eq!(story.machine.deadline(), None);
    story.now += s(86_400);
    assert_eq!(story.ask(), None);
}
