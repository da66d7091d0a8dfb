//! A caller that keeps the contract of the machine, and an account of its own of what happened.
//! It judges nothing and believes nothing that the machine says of itself.

use std::time::{Duration, Instant};

use lifecycle::{Cause, Effect, Event, Left, Lifecycle, Phase, Policy, Readiness, Restart};

use crate::input::Act;

/// One step with everything known about it.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) event: Event,
    pub(crate) now: Instant,
    /// Since when the caller was awake.
    pub(crate) awake_since: Instant,
    pub(crate) before: Lifecycle,
    pub(crate) effect: Option<Effect>,
    pub(crate) after: Lifecycle,
    /// The world after the event, as the world itself knows it.
    pub(crate) facts: Facts,
}

/// What is true outside of the machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) is_wanted: bool,
    pub(crate) is_living: bool,
    /// A spawn was asked for and not answered yet.
    pub(crate) is_asked_for: bool,
    pub(crate) spawned_at: Option<Instant>,
    pub(crate) ready_at: Option<Instant>,
    pub(crate) last_sign: Option<Instant>,
    /// When it was asked to stop, or found to hang.
    pub(crate) stop_asked_at: Option<Instant>,
    pub(crate) hang_found: bool,
    /// Short-lived invocations in a row, by the last failure; a start by hand and a stable invocation set it to 0.
    pub(crate) short_lived: u32,
    /// Times of the schedule that were put off until the end of the run.
    pub(crate) queued: u32,
    /// The run has just finished, and one of these follows.
    pub(crate) is_followed: bool,
}

/// Everything that happened under one policy.
pub(crate) struct History {
    pub(crate) policy: Policy,
    pub(crate) moments: Vec<Moment>,
}

/// Performs the acts, answers each spawn at once, and meets deadlines in time while it is awake.
pub(crate) fn live_through(policy: &Policy, acts: &[Act]) -> History {
    let now = Instant::now();
    let mut world = World {
        policy: policy.clone(),
        machine: Lifecycle::new(true),
        now,
        awake_since: now,
        facts: Facts::default(),
        spawns_fail: None,
        moments: Vec::new(),
    };
    for act in acts {
        world.perform(*act);
    }
    History {
        policy: world.policy,
        moments: world.moments,
    }
}

struct World {
    policy: Policy,
    machine: Lifecycle,
    now: Instant,
    awake_since: Instant,
    facts: Facts,
    spawns_fail: Option<f64>,
    moments: Vec<Moment>,
}

impl World {
    fn perform(&mut self, act: Act) {
        let alive = self.facts.is_living;
        match act {
            Act::Start => self.step(Event::Start),
            Act::Stop => self.step(Event::Stop),
            Act::Kill => self.step(Event::Kill),
            Act::Reset => self.step(Event::Reset),
            Act::Enable => self.step(Event::Enable),
            Act::Due => self.step(Event::Due),
            Act::Reconfigure => self.step(Event::Reconfigured),
            Act::Dependencies(ready) => self.step(Event::Dependencies { ready }),
            Act::SpawnsFail(random) => self.spawns_fail = random,
            Act::End(cause, random) if alive => self.step(Event::Gone { cause, random }),
            Act::SayReady if alive => self.step(Event::Ready),
            Act::Beat if alive => self.step(Event::Heartbeat),
            // Nobody is there to do it.
            Act::End(..) | Act::SayReady | Act::Beat => {}
            Act::WaitMs(ms) => self.wait_until(self.now + Duration::from_millis(ms)),
            Act::WaitForDeadline => {
                if let Some(deadline) = self.machine.deadline() {
                    self.now = self.now.max(deadline);
                    self.ask();
                }
            }
            Act::SleepMs(ms) => {
                self.now += Duration::from_millis(ms);
                self.awake_since = self.now;
                if self.machine.deadline().is_some_and(|at| at <= self.now) {
                    self.ask();
                }
            }
            Act::AskTooEarly => {
                if self.machine.deadline().is_none_or(|at| self.now < at) {
                    self.ask();
                }
            }
        }
    }

    fn wait_until(&mut self, until: Instant) {
        // Bounded, so that a machine that never settles fails its test instead of filling the memory.
        for _ in 0..1_000 {
            let Some(deadline) = self.machine.deadline().filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(deadline);
            self.ask();
        }
        self.now = until;
    }

    fn ask(&mut self) {
        let awake_since = self.awake_since;
        self.step(Event::Deadline { awake_since });
    }

    /// One event, and the answer to what follows from it.
    fn step(&mut self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let effect = self.step_once(event);
            if matches!(effect, Some(Effect::Spawn(_))) {
                next = Some(match self.spawns_fail {
                    None => Event::Spawned { random: 0.75 },
                    Some(random) => Event::Gone {
                        cause: Cause::SpawnFailed(2),
                        random,
                    },
                });
            }
        }
    }

    fn step_once(&mut self, event: Event) -> Option<Effect> {
        let before = self.machine.clone();
        let effect = self.machine.step(event, self.now, &self.policy);
        self.note_event(event, &before);
        self.moments.push(Moment {
            event,
            now: self.now,
            awake_since: self.awake_since,
            before,
            effect,
            after: self.machine.clone(),
            facts: self.facts.clone(),
        });
        self.note_effect(effect);
        effect
    }

    fn note_event(&mut self, event: Event, before: &Lifecycle) {
        self.facts.is_followed = false;
        match event {
            Event::Start | Event::Enable => {
                self.facts.is_wanted = true;
                self.facts.short_lived = 0;
            }
            Event::Reset => self.facts.short_lived = 0,
            Event::Stop | Event::Kill => {
                self.facts.is_wanted = false;
                self.facts.queued = 0;
            }
            Event::Spawned { .. } => {
                self.facts = Facts {
                    is_living: true,
                    spawned_at: Some(self.now),
                    is_wanted: self.facts.is_wanted,
                    short_lived: self.facts.short_lived,
                    queued: self.facts.queued,
                    ..Facts::default()
                };
            }
            Event::Gone { cause, .. } => {
                if self.facts.stop_asked_at.is_none() && self.facts.is_wanted {
                    match self.is_finish(cause) {
                        true => self.note_finish(),
                        false => self.count_failure(),
                    }
                }
                if matches!(self.machine.phase(), Phase::Fatal { .. }) {
                    self.facts.queued = 0;
                }
                self.facts.is_living = false;
                self.facts.is_asked_for = false;
            }
            // Nothing saves one that was found to hang.
            Event::Ready | Event::Heartbeat if self.facts.hang_found => {}
            // Only the first one means something: work is shown by heartbeats.
            Event::Ready if self.facts.ready_at.is_some() => {}
            Event::Ready | Event::Heartbeat => {
                self.facts.ready_at.get_or_insert(self.now);
                self.facts.last_sign = Some(self.now);
            }
            Event::Deadline { .. } => {
                let lives = matches!(self.policy.readiness, Readiness::Lives { .. });
                let is_due = before.deadline().is_some_and(|at| at <= self.now);
                if lives && is_due && matches!(before.phase(), Phase::Starting { .. }) {
                    self.facts.ready_at = Some(self.now);
                    self.facts.last_sign = Some(self.now);
                }
            }
            Event::Dependencies { .. } | Event::Due | Event::Reconfigured => {}
        }
    }

    fn is_finish(&self, cause: Cause) -> bool {
        match self.policy.restart {
            Restart::Always => false,
            Restart::Never => true,
            Restart::OnFailure => {
                let codes = &self.policy.success_exit_codes;
                let is_success = matches!(cause, Cause::Exited(code) if codes.contains(&code));
                is_success && !self.facts.hang_found
            }
        }
    }

    /// The next run begins a series of its own.
    fn note_finish(&mut self) {
        self.facts.short_lived = 0;
        self.facts.is_followed = self.facts.queued > 0;
        self.facts.queued = self.facts.queued.saturating_sub(1);
    }

    /// An invocation that hung was healthy until its last sign.
    fn count_failure(&mut self) {
        let end = match self.facts.hang_found {
            true => self.facts.last_sign,
            false => Some(self.now),
        };
        let healthy = match (self.facts.ready_at, end) {
            (Some(ready_at), Some(end)) => end.saturating_duration_since(ready_at),
            _ => Duration::ZERO,
        };
        if healthy >= self.policy.stable_after {
            self.facts.short_lived = 0;
        } else {
            self.facts.short_lived += 1;
        }
    }

    fn note_effect(&mut self, effect: Option<Effect>) {
        match effect {
            Some(Effect::Spawn(_)) => {
                self.facts.is_asked_for = true;
                // What the process before left behind.
                self.facts.stop_asked_at = None;
                self.facts.hang_found = false;
                self.facts.ready_at = None;
                self.facts.last_sign = None;
            }
            Some(Effect::LeaveOut(Left::Queued)) => self.facts.queued += 1,
            Some(Effect::RequestStop | Effect::Kill)
                if !self.facts.hang_found || !self.facts.is_wanted =>
            {
                // While it is wanted only its age is a reason: then it was healthy until now.
                let healthy = self.facts.ready_at.map(|at| self.now - at);
                let was_stable = healthy.is_some_and(|time| time >= self.policy.stable_after);
                let has_asked = self.facts.stop_asked_at.is_some();
                if self.facts.is_wanted && !has_asked && was_stable {
                    self.facts.short_lived = 0;
                }
                self.facts.stop_asked_at.get_or_insert(self.now);
            }
            Some(Effect::SignalHang) => self.facts.hang_found = true,
            Some(Effect::RequestStop | Effect::Kill | Effect::GiveUp | Effect::LeaveOut(_))
            | None => {}
        }
    }
}
