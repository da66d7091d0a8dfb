//! Rules that change while something is waited for, and failures that are forgotten.

use lifecycle::MaxAge;

use super::*;

fn deadline_after(story: &mut Story, change: impl FnOnce(&mut Policy)) -> Option<Duration> {
    change(&mut story.policy);
    assert_eq!(story.step(Event::Reconfigured), None);
    story.machine.deadline().map(|at| at - story.now)
}

#[test]
fn a_running_one_is_judged_by_the_new_times_at_once() {
    let mut story = Story::new(policy());
    story.start();
    story.step(Event::Heartbeat);
    story.now += s(5);
    let silent = deadline_after(&mut story, |rules| rules.heartbeat_timeout = Some(s(8)));
    assert_eq!(silent, Some(s(3)));
    let old = deadline_after(&mut story, |rules| {
        rules.max_age = Some(MaxAge {
            after: s(7),
            variance: 0.0,
        });
    });
    assert_eq!(old, Some(s(2)));
    let never = deadline_after(&mut story, |rules| {
        rules.heartbeat_timeout = None;
        rules.max_age = None;
    });
    assert_eq!(never, None);
}

#[test]
fn readiness_backoff_and_stops_under_way_follow_too() {
    let mut story = Story::new(policy());
    story.start();
    let ready = deadline_after(&mut story, |rules| {
        rules.readiness = Readiness::Says { within: s(3) };
    });
    assert_eq!(ready, Some(s(3)));
    story.policy.backoff_initial = s(60);
    story.crash(1.0);
    let delay = deadline_after(&mut story, |rules| rules.backoff_max = s(2));
    assert_eq!(delay, Some(s(2)));
    story.now += s(2);
    story.ask();
    story.step(Event::Spawned { random: 0.5 });
    story.step(Event::Stop);
    let kill = deadline_after(&mut story, |rules| rules.stop_timeout = s(1));
    assert_eq!(kill, Some(s(1)));
    let longer = deadline_after(&mut story, |rules| rules.stop_timeout = s(100));
    assert_eq!(longer, Some(s(1)), "nobody who waits has to wait longer");
}

#[test]
fn fatal_gets_or_loses_its_retry() {
    let mut story = Story::new(Policy {
        short_lived_max: 1,
        fatal_retry: None,
        ..policy()
    });
    story.start();
    story.crash(0.5);
    assert_eq!(story.machine.deadline(), None);
    let retry = deadline_after(&mut story, |rules| rules.fatal_retry = Some(s(9)));
    assert_eq!(retry, Some(s(9)));
    let never = deadline_after(&mut story, |rules| rules.fatal_retry = None);
    assert_eq!(never, None);
}

#[test]
fn a_reset_forgets_failures_and_tries_at_once() {
    let mut story = Story::new(policy());
    story.start();
    for _ in 0..3 {
        story.crash_and_return(1.0);
    }
    story.crash(1.0);
    let Some(Effect::Spawn(start)) = story.step(Event::Reset) else {
        panic!("not tried: {:?}", story.machine)
    };
    assert_eq!(start.attempt, 1);
    story.step(Event::Spawned { random: 0.5 });
    story.crash(1.0);
    story.step(Event::Stop);
    assert_eq!(
        story.step(Event::Reset),
        None,
        "one that is not wanted stays down"
    );
    assert_eq!(story.machine.phase(), &Phase::Stopped);
}

#[test]
fn a_running_one_only_forgets() {
    let mut story = Story::new(policy());
    story.start();
    for _ in 0..3 {
        story.crash_and_return(1.0);
    }
    story.step(Event::Heartbeat);
    let before = *story.machine.phase();
    assert_eq!(story.step(Event::Reset), None);
    assert_eq!(story.machine.phase(), &before);
    assert_eq!(story.crash_and_return(1.0).1, 2);
}
