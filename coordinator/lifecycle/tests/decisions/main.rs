//! Single decisions with their times and numbers, told as short stories.
//! What must hold in every story stands in `sequences`; which phase follows which, in `table`.

mod age;
mod delays;
mod liveness;
mod rules;
mod schedule;
mod surrender;

use std::time::{Duration, Instant};

use lifecycle::{
    Cause, Effect, Event, Lifecycle, Phase, Policy, Readiness, Restart, StartKind, Surrender,
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
        max_age: None,
        schedule: None,
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
        self.step(Event::Spawned { random: 0.5 });
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
        self.step(Event::Spawned { random: 0.5 });
        (delay, start.attempt)
    }

    fn surrender(&self) -> Surrender {
        match self.machine.phase() {
            Phase::Fatal { surrender, .. } => *surrender,
            phase => panic!("not FATAL but {phase:?}"),
        }
    }
}
