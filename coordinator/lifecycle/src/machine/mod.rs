//! The state machine of one instance: one event in, at most one effect out, one deadline between them.
//! The table in `docs/ARCHITECTURE.md` is the same; a test compares them.
//!
//! Here stands what is wanted and how a process begins; `times` is what happens by itself, `ending` what follows an end.

mod ending;
mod times;

use std::time::{Duration, Instant};

use crate::budget::Budget;
use crate::{Effect, Event, Goal, Left, Overlap, Phase, Policy, Readiness, Start, StartKind, Why};

/// A killed process that does not end waits in the kernel (a dead network disk, say); it is killed again this often.
const KILL_AGAIN: Duration = Duration::from_secs(5);

/// One instance: what is wanted, what is true, and what failures have used up.
#[derive(Clone, Debug, PartialEq)]
pub struct Lifecycle {
    goal: Goal,
    phase: Phase,
    dependencies_ready: bool,
    budget: Budget,
    /// A time of the schedule came during a run; one follows after it.
    is_queued: bool,
}

/// A [`Lifecycle`] taken apart: plain data, so that a coordinator can hand it to its successor.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// What is wanted.
    pub goal: Goal,
    /// What is true.
    pub phase: Phase,
    /// Whether everything that it depends on is ready.
    pub dependencies_ready: bool,
    /// What failures have used up.
    pub budget: Budget,
    /// Whether one run by schedule follows after the present one.
    pub is_queued: bool,
}

impl Lifecycle {
    /// Not wanted, no process.
    pub fn new(dependencies_ready: bool) -> Self {
        Self {
            goal: Goal::Down,
            phase: Phase::Stopped,
            dependencies_ready,
            budget: Budget::default(),
            is_queued: false,
        }
    }

    /// All that it knows, to be carried into another process.
    pub fn parts(&self) -> Parts {
        let Self {
            goal,
            phase,
            dependencies_ready,
            budget,
            is_queued,
        } = self.clone();
        Parts {
            goal,
            phase,
            dependencies_ready,
            budget,
            is_queued,
        }
    }

    /// As it was when it was taken into [`parts`](Self::parts).
    pub fn from_parts(parts: Parts) -> Self {
        let Parts {
            goal,
            phase,
            dependencies_ready,
            budget,
            is_queued,
        } = parts;
        Self {
            goal,
            phase,
            dependencies_ready,
            budget,
            is_queued,
        }
    }

    /// What is wanted.
    pub fn goal(&self) -> Goal {
        self.goal
    }

    /// What is true.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// When `step` wants an [`Event::Deadline`] even though nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        self.phase.deadline()
    }

    /// Decides. Total: any event may come in any phase; one that means nothing there changes nothing.
    pub fn step(&mut self, event: Event, now: Instant, policy: &Policy) -> Option<Effect> {
        match event {
            Event::Start => self.want_up(now, policy),
            Event::Enable => self.enable(now, policy),
            Event::Due => self.begin_run(now, policy),
            Event::Reset => self.forget_failures(now, policy),
            Event::Reconfigured => self.follow_rules(now, policy),
            Event::Stop => self.want_down(now, policy),
            Event::Kill => self.kill_now(now),
            Event::Dependencies { ready } => self.note_dependencies(ready, now, policy),
            Event::Spawned { random } => self.begin(random, now, policy),
            Event::Gone { cause, random } => self.end(cause, random, now, policy),
            Event::Ready => self.become_ready(now, policy),
            Event::Heartbeat => self.note_heartbeat(now, policy),
            Event::Deadline { awake_since } => self.meet_deadline(awake_since, now, policy),
        }
    }

    fn want_up(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        self.goal = Goal::Up;
        self.budget.reset();
        match self.phase {
            Phase::Stopped
            | Phase::Scheduled
            | Phase::Backoff { .. }
            | Phase::Exited { .. }
            | Phase::Fatal { .. } => self.spawn_or_wait(StartKind::Wanted, now, policy),
            Phase::Waiting { .. }
            | Phase::Spawning
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Unhealthy { .. }
            | Phase::Stopping { .. } => None,
        }
    }

    /// At the start of everything: one with a schedule begins with the next of its times.
    fn enable(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        let is_idle = matches!(self.phase, Phase::Stopped | Phase::Scheduled);
        if !is_idle || policy.schedule.is_none() {
            return self.want_up(now, policy);
        }
        self.goal = Goal::Up;
        self.budget.reset();
        self.phase = Phase::Scheduled;
        None
    }

    /// Where an attempt is waited for, it is made now; a start by hand does the same and more.
    fn forget_failures(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        match self.phase {
            Phase::Backoff { .. } | Phase::Fatal { .. } => self.want_up(now, policy),
            Phase::Stopped
            | Phase::Scheduled
            | Phase::Waiting { .. }
            | Phase::Spawning
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Unhealthy { .. }
            | Phase::Stopping { .. }
            | Phase::Exited { .. } => {
                self.budget.reset();
                None
            }
        }
    }

    /// A time of the schedule has come. A run goes on until no attempt of it is left: backoff belongs to it.
    fn begin_run(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        let overlap = policy.schedule.filter(|_| self.goal == Goal::Up)?;
        match self.phase {
            Phase::Scheduled | Phase::Exited { .. } => {
                self.spawn_or_wait(StartKind::Scheduled, now, policy)
            }
            Phase::Fatal { .. } => Some(Effect::LeaveOut(Left::Fatal)),
            Phase::Stopped => None,
            Phase::Waiting { .. }
            | Phase::Spawning
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Unhealthy { .. }
            | Phase::Stopping { .. }
            | Phase::Backoff { .. } => Some(Effect::LeaveOut(match overlap {
                Overlap::Skip => Left::Skipped,
                Overlap::Queue if self.is_queued => Left::QueueFull,
                Overlap::Queue => {
                    self.is_queued = true;
                    Left::Queued
                }
            })),
        }
    }

    fn want_down(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        self.goal = Goal::Down;
        self.is_queued = false;
        let kill_at = now + policy.stop_timeout;
        match self.phase {
            Phase::Stopped
            | Phase::Scheduled
            | Phase::Waiting { .. }
            | Phase::Backoff { .. }
            | Phase::Exited { .. }
            | Phase::Fatal { .. } => {
                self.phase = Phase::Stopped;
                None
            }
            Phase::Starting { .. } | Phase::Running { .. } => {
                self.phase = Phase::Stopping {
                    why: Why::Asked,
                    kill_at,
                    killed: false,
                };
                Some(Effect::RequestStop)
            }
            // It hangs: whichever of the two times comes first.
            Phase::Unhealthy {
                kill_at: hang_kill_at,
                killed,
                ..
            } => {
                let kill_at = hang_kill_at.min(kill_at);
                self.phase = Phase::Stopping {
                    why: Why::Asked,
                    kill_at,
                    killed,
                };
                Some(Effect::RequestStop)
            }
            Phase::Stopping {
                kill_at, killed, ..
            } => {
                self.phase = Phase::Stopping {
                    why: Why::Asked,
                    kill_at,
                    killed,
                };
                None
            }
            Phase::Spawning => None,
        }
    }

    fn kill_now(&mut self, now: Instant) -> Option<Effect> {
        self.goal = Goal::Down;
        self.is_queued = false;
        if self.phase.has_process() {
            self.phase = Phase::Stopping {
                why: Why::Asked,
                kill_at: now + KILL_AGAIN,
                killed: true,
            };
            return Some(Effect::Kill);
        }
        if self.phase != Phase::Spawning {
            self.phase = Phase::Stopped;
        }
        None
    }

    fn note_dependencies(&mut self, ready: bool, now: Instant, policy: &Policy) -> Option<Effect> {
        self.dependencies_ready = ready;
        match self.phase {
            Phase::Waiting { kind } => self.spawn_or_wait(kind, now, policy),
            Phase::Stopped
            | Phase::Scheduled
            | Phase::Spawning
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Unhealthy { .. }
            | Phase::Stopping { .. }
            | Phase::Backoff { .. }
            | Phase::Exited { .. }
            | Phase::Fatal { .. } => None,
        }
    }

    /// Only where no process lives and the goal is up.
    fn spawn_or_wait(&mut self, kind: StartKind, now: Instant, policy: &Policy) -> Option<Effect> {
        if !self.dependencies_ready {
            self.phase = Phase::Waiting { kind };
            return None;
        }
        if kind == StartKind::Restart {
            self.budget.note_restart(now, policy);
        }
        self.phase = Phase::Spawning;
        Some(Effect::Spawn(Start {
            attempt: self.budget.attempt(),
            kind,
        }))
    }

    fn begin(&mut self, random: f64, now: Instant, policy: &Policy) -> Option<Effect> {
        if self.phase != Phase::Spawning {
            return None;
        }
        if self.goal == Goal::Down {
            self.phase = Phase::Stopping {
                why: Why::Asked,
                kill_at: now + policy.stop_timeout,
                killed: false,
            };
            return Some(Effect::RequestStop);
        }
        self.phase = Phase::Starting {
            since: now,
            ready_by: now + ready_limit(policy),
            // Compared and computed with: no number, or one without end, would spoil both.
            random: if random.is_nan() {
                0.5
            } else {
                random.clamp(0.0, 1.0)
            },
        };
        None
    }
}

fn ready_limit(policy: &Policy) -> Duration {
    match policy.readiness {
        Readiness::Says { within } => within,
        Readiness::Lives { after } => after,
    }
}
