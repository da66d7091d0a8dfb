//! Single decisions with their times and numbers, told as short stories.
//! What must hold in every story stands in `sequences`; which phase follows which, in `table`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lifecycle::{
    Cause, Effect, Event, Hang, Lifecycle, Phase, Policy, Readiness, Restart, StartKind, Surrender,
};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn policy() -> Policy {
    Policy {
        restart: Restart::Always,
        success_exit_codes: vec![0],
        backoff_initial: s(1),
        backoff_factor: 2.0,
        backoff_max: s(60),
        stable_after: s(30),
        restarts_max: 20,
        restart_window: s(600),
        short_lived_max: 10,
        fatal_retry: Some(s(300)),
        essential: false,
        readiness: Readiness::Says { within: s(30) },
        heartbeat_timeout: Some(s(30)),
        watchdog_grace: s(2),
        stop_timeout: s(10),
    }
}

/// A machine with a clock that its test moves.
struct Story {
    machine: Lifecycle,
    policy: Policy,
    now: Instant,
    awake_since: Instant,
}

impl Story {
    fn new(policy: Policy) -> Self {
        let now = Instant::now();
        Story {
            machine: Lifecycle::new(true),
            policy,
            now,
            awake_since: now,
        }
    }

    fn step(&mut self, event: Event) -> Option<Effect> {
        self.machine.step(event, self.now, &self.policy)
    }

    fn ask(&mut self) -> Option<Effect> {
        let awake_since = self.awake_since;
        self.step(Event::Deadline { awake_since })
    }

    fn start(&mut self) {
        assert!(matches!(self.step(Event::Start), Some(Effect::Spawn(_))));
        self.step(Event::Spawned);
    }

    fn crash(&mut self, random: f64) -> Option<Effect> {
        self.step(Event::Gone {
            cause: Cause::Signaled(11),
            random,
        })
    }

    /// Crashes and comes back after the delay, which is given.
    fn crash_and_return(&mut self, random: f64) -> (Duration, u32) {
        self.crash(random);
        let until = self.machine.deadline().expect("it comes back");
        let delay = until - self.now;
        self.now = until;
        let Some(Effect::Spawn(start)) = self.ask() else {
            panic!("not started again: {:?}", self.machine)
        };
        assert_eq!(start.kind, StartKind::Restart);
        self.step(Event::Spawned);
        (delay, start.attempt)
    }

    fn surrender(&self) -> Surrender {
        match self.machine.phase() {
            Phase::Fatal { surrender, .. } => *surrender,
            phase => panic!("not FATAL but {phase:?}"),
        }
    }
}

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
    story.step(Event::Spawned);
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
    story.step(Event::Spawned);
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
        story.step(Event::Spawned);
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
    story.step(Event::Spawned);
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
