//! Processes that become older than they may.

use lifecycle::{MaxAge, Why};

use super::*;

fn aged(variance: f64) -> Policy {
    Policy {
        heartbeat_timeout: None,
        max_age: Some(MaxAge {
            after: s(1_000),
            variance,
        }),
        ..policy()
    }
}

fn running(policy: Policy, random: f64) -> Story {
    let mut story = Story::new(policy);
    story.step(Event::Start);
    story.step(Event::Spawned { random });
    story.now += s(10);
    story.step(Event::Heartbeat);
    story
}

#[test]
fn it_is_asked_to_end_and_followed_by_another_that_has_failed_nothing() {
    let mut story = running(aged(0.0), 0.9);
    story.now += s(990);
    assert_eq!(
        story.machine.deadline(),
        Some(story.now),
        "from the start of the process"
    );
    assert_eq!(story.ask(), Some(Effect::RequestStop));
    let Phase::Stopping { why, .. } = *story.machine.phase() else {
        panic!("{:?}", story.machine)
    };
    assert_eq!(why, Why::Old { age: s(1_000) });
    // However it ends.
    let Some(Effect::Spawn(start)) = story.crash(0.5) else {
        panic!("no other follows: {:?}", story.machine)
    };
    assert_eq!((start.attempt, start.kind), (1, StartKind::Renewal));
}

#[test]
fn the_random_number_spreads_the_age_around_its_middle() {
    for (random, age) in [(0.0, s(900)), (0.5, s(1_000)), (1.0, s(1_100))] {
        let story = running(aged(0.1), random);
        let age_now = story.machine.deadline().expect("it has an age") - story.now;
        assert_eq!(age_now + s(10), age, "{random}");
    }
}

#[test]
fn a_stop_by_hand_meanwhile_is_a_stop() {
    let mut story = running(aged(0.0), 0.5);
    story.now += s(990);
    story.ask();
    assert_eq!(story.step(Event::Stop), None);
    let Phase::Stopping {
        why: Why::Asked, ..
    } = story.machine.phase()
    else {
        panic!("{:?}", story.machine)
    };
    assert_eq!(story.crash(0.5), None);
    assert_eq!(story.machine.phase(), &Phase::Stopped);
}

#[test]
fn one_that_is_silent_too_hangs() {
    let mut rules = aged(0.0);
    rules.heartbeat_timeout = Some(s(990));
    let mut story = running(rules, 0.5);
    story.now += s(990);
    assert_eq!(story.ask(), Some(Effect::SignalHang));
}
