//! Agents that run at the times of a schedule.

use lifecycle::{Left, Overlap};

use super::*;

fn scheduled(overlap: Overlap) -> Story {
    let mut story = Story::new(Policy {
        restart: Restart::OnFailure,
        schedule: Some(overlap),
        ..policy()
    });
    assert_eq!(story.step(Event::Enable), None, "it begins with its time");
    assert_eq!(story.machine.phase(), &Phase::Scheduled);
    story
}

fn run(story: &mut Story) -> StartKind {
    let Some(Effect::Spawn(start)) = story.step(Event::Due) else {
        panic!("not started: {:?}", story.machine)
    };
    story.step(Event::Spawned { random: 0.5 });
    start.kind
}

fn finish(story: &mut Story) -> Option<Effect> {
    story.step(Event::Gone {
        cause: Cause::Exited(0),
        random: 0.5,
    })
}

#[test]
fn each_time_starts_it_once() {
    let mut story = scheduled(Overlap::Skip);
    assert_eq!(run(&mut story), StartKind::Scheduled);
    assert_eq!(finish(&mut story), None);
    assert_eq!(run(&mut story), StartKind::Scheduled);
}

#[test]
fn a_time_during_a_run_is_left_out_and_told() {
    let mut story = scheduled(Overlap::Skip);
    run(&mut story);
    for _ in 0..2 {
        assert_eq!(
            story.step(Event::Due),
            Some(Effect::LeaveOut(Left::Skipped))
        );
    }
    assert_eq!(finish(&mut story), None);
    assert!(matches!(story.machine.phase(), Phase::Exited { .. }));
}

#[test]
fn or_one_run_waits_and_never_more() {
    let mut story = scheduled(Overlap::Queue);
    run(&mut story);
    assert_eq!(story.step(Event::Due), Some(Effect::LeaveOut(Left::Queued)));
    assert_eq!(
        story.step(Event::Due),
        Some(Effect::LeaveOut(Left::QueueFull))
    );
    assert!(matches!(finish(&mut story), Some(Effect::Spawn(_))));
    story.step(Event::Spawned { random: 0.5 });
    assert_eq!(finish(&mut story), None, "only one was waiting");
}

#[test]
fn a_failed_run_goes_on_until_its_retries_have_ended() {
    let mut story = scheduled(Overlap::Skip);
    run(&mut story);
    story.crash(0.5);
    assert_eq!(
        story.step(Event::Due),
        Some(Effect::LeaveOut(Left::Skipped))
    );
    story.now = story.machine.deadline().expect("a retry");
    let Some(Effect::Spawn(start)) = story.ask() else {
        panic!("not tried again: {:?}", story.machine)
    };
    assert_eq!(start.attempt, 2);
    story.step(Event::Spawned { random: 0.5 });
    finish(&mut story);
    let Some(Effect::Spawn(next)) = story.step(Event::Due) else {
        panic!("not started: {:?}", story.machine)
    };
    assert_eq!(next.attempt, 1, "each run begins a series of its own");
}

#[test]
fn one_that_was_stopped_is_not_started_and_what_waited_is_forgotten() {
    let mut story = scheduled(Overlap::Queue);
    run(&mut story);
    story.step(Event::Due);
    story.step(Event::Stop);
    assert_eq!(finish(&mut story), None);
    assert_eq!(story.step(Event::Due), None);
    assert_eq!(story.machine.phase(), &Phase::Stopped);
    story.start();
    assert_eq!(
        finish(&mut story),
        None,
        "nothing is left from before the stop"
    );
}

#[test]
fn fatal_is_left_by_its_retry_and_not_by_a_time() {
    let mut story = scheduled(Overlap::Skip);
    story.policy.short_lived_max = 1;
    run(&mut story);
    story.crash(0.5);
    assert_eq!(story.step(Event::Due), Some(Effect::LeaveOut(Left::Fatal)));
}
