//! How soon an instance is started again: the bound, the jitter, what sets both back.
//! Whether it is started at all stands in `surrender`.

use std::collections::BTreeSet;
use std::time::Duration;

use lifecycle::{Effect, Event};

use crate::{Story, policy, s};

#[test]
fn the_bound_of_each_next_delay_is_longer_up_to_the_cap() {
    let mut story = Story::new(policy());
    story.start();
    let almost_one = 1.0_f64.next_down();
    let delays: Vec<f64> = (0..8)
        .map(|_| story.crash_and_return(almost_one).0.as_secs_f64().round())
        .collect();
    assert_eq!(delays, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
}

#[test]
fn jitter_is_full_from_zero_on() {
    let mut story = Story::new(policy());
    story.start();
    assert!(
        matches!(story.crash(0.0), Some(Effect::Spawn(_))),
        "no delay at all"
    );
    story.step(Event::Spawned { random: 0.5 });
    assert_eq!(story.crash_and_return(0.5).0, s(1), "half of two");
}

#[test]
fn twenty_agents_with_different_random_numbers_do_not_share_a_delay() {
    let delays: BTreeSet<Duration> = (0..20)
        .map(|number| {
            let mut story = Story::new(policy());
            story.start();
            story.crash_and_return(f64::from(number + 1) / 21.0).0
        })
        .collect();
    assert_eq!(delays.len(), 20, "{delays:?}");
}

#[test]
fn a_healthy_invocation_sets_the_attempt_and_the_delay_back() {
    let mut story = Story::new(policy());
    story.start();
    assert_eq!(story.crash_and_return(0.5), (s(1) / 2, 2));
    assert_eq!(story.crash_and_return(0.5), (s(1), 3));
    story.step(Event::Heartbeat);
    story.now += s(30);
    assert_eq!(story.crash_and_return(0.5), (s(1) / 2, 1));
}
