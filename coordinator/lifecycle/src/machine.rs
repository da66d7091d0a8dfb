//! The state machine of one instance: one event in, at most one effect out, one deadline between them.
//! The table in `docs/ARCHITECTURE.md` is the same; a test compares them.

use std::time::{Duration, Instant};

use crate::budget::Budget;
use crate::{
    Cause, Effect, Event, Goal, Hang, Phase, Policy, Readiness, Restart, Start, StartKind,
};

/// A killed process that does not end waits in the kernel (a dead network disk, say); it is killed again this often.
const KILL_AGAIN: Duration = Duration::from_secs(5);

/// One instance: what is wanted, what is true, and what failures have used up.
#[derive(Clone, Debug, PartialEq)]
pub struct Lifecycle {
    goal: Goal,
    phase: Phase,
    dependencies_ready: bool,
    budget: Budget,
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
}

impl Lifecycle {
    /// Not wanted, no process.
    pub fn new(dependencies_ready: bool) -> Self {
        Self {
            goal: Goal::Down,
            phase: Phase::Stopped,
            dependencies_ready,
            budget: Budget::default(),
        }
    }

    /// All that it knows, to be carried into another process.
    pub fn parts(&self) -> Parts {
        let Self {
            goal,
            phase,
            dependencies_ready,
            budget,
        } = self.clone();
        Parts {
            goal,
            phase,
            dependencies_ready,
            budget,
        }
    }

    /// As it was when it was taken into [`parts`](Self::parts).
    pub fn from_parts(parts: Parts) -> Self {
        let Parts {
            goal,
            phase,
            dependencies_ready,
            budget,
        } = parts;
        Self {
            goal,
            phase,
            dependencies_ready,
            budget,
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
            Event::Stop => self.want_down(now, policy),
            Event::Kill => self.kill_now(now),
            Event::Dependencies { ready } => self.note_dependencies(ready, now, policy),
            Event::Spawned => self.begin(now, policy),
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
            Phase::Stopped | Phase::Backoff { .. } | Phase::Exited { .. } | Phase::Fatal { .. } => {
                self.spawn_or_wait(StartKind::Wanted, now, policy)
            }
            Phase::Waiting { .. }
            | Phase::Spawning
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Unhealthy { .. }
            | Phase::Stopping { .. } => None,
        }
    }

    fn want_down(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        self.goal = Goal::Down;
        let kill_at = now + policy.stop_timeout;
        match self.phase {
            Phase::Stopped
            | Phase::Waiting { .. }
            | Phase::Backoff { .. }
            | Phase::Exited { .. }
            | Phase::Fatal { .. } => {
                self.phase = Phase::Stopped;
                None
            }
            Phase::Starting { .. } | Phase::Running { .. } => {
                self.phase = Phase::Stopping {
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
                self.phase = Phase::Stopping { kill_at, killed };
                Some(Effect::RequestStop)
            }
            Phase::Spawning | Phase::Stopping { .. } => None,
        }
    }

    fn kill_now(&mut self, now: Instant) -> Option<Effect> {
        self.goal = Goal::Down;
        if self.phase.has_process() {
            self.phase = Phase::Stopping {
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

    fn begin(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        if self.phase != Phase::Spawning {
            return None;
        }
        if self.goal == Goal::Down {
            self.phase = Phase::Stopping {
                kill_at: now + policy.stop_timeout,
                killed: false,
            };
            return Some(Effect::RequestStop);
        }
        let limit = match policy.readiness {
            Readiness::Says { within } => within,
            Readiness::Lives { after } => after,
        };
        self.phase = Phase::Starting {
            since: now,
            ready_by: now + limit,
        };
        None
    }

    fn become_ready(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        if let Phase::Starting { ready_by, .. } = self.phase {
            // Ready without a heartbeat: the first one is awaited from the end of the ready timeout on.
            self.run(now, now, ready_by.max(now), policy);
        }
        None
    }

    fn note_heartbeat(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        match self.phase {
            Phase::Starting { .. } => self.run(now, now, now, policy),
            Phase::Running { ready_at, .. } => self.run(ready_at, now, now, policy),
            Phase::Stopped
            | Phase::Waiting { .. }
            | Phase::Spawning
            // A process that is being ended is not saved by what it still had to say.
            | Phase::Unhealthy { .. }
            | Phase::Stopping { .. }
            | Phase::Backoff { .. }
            | Phase::Exited { .. }
            | Phase::Fatal { .. } => {}
        }
        None
    }

    fn run(&mut self, ready_at: Instant, last_sign: Instant, from: Instant, policy: &Policy) {
        let silent_at = policy.heartbeat_timeout.map(|timeout| from + timeout);
        self.phase = Phase::Running {
            ready_at,
            last_sign,
            silent_at,
        };
    }

    fn meet_deadline(
        &mut self,
        awake_since: Instant,
        now: Instant,
        policy: &Policy,
    ) -> Option<Effect> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        match self.phase {
            Phase::Starting { since, .. } => match policy.readiness {
                Readiness::Lives { .. } => {
                    self.run(now, now, now, policy);
                    None
                }
                Readiness::Says { within } => {
                    let watched_since = since.max(awake_since);
                    if now < watched_since + within {
                        self.phase = Phase::Starting {
                            since,
                            ready_by: watched_since + within,
                        };
                        return None;
                    }
                    self.find_hung(Hang::NotReady { within }, Duration::ZERO, now, policy)
                }
            },
            Phase::Running {
                ready_at,
                last_sign,
                ..
            } => self.judge_silence(ready_at, last_sign, awake_since, now, policy),
            Phase::Unhealthy { hang, healthy, .. } => {
                self.phase = Phase::Unhealthy {
                    hang,
                    healthy,
                    kill_at: now + KILL_AGAIN,
                    killed: true,
                };
                Some(Effect::Kill)
            }
            Phase::Stopping { .. } => {
                self.phase = Phase::Stopping {
                    kill_at: now + KILL_AGAIN,
                    killed: true,
                };
                Some(Effect::Kill)
            }
            Phase::Backoff { .. } => self.spawn_or_wait(StartKind::Restart, now, policy),
            Phase::Fatal { .. } => {
                self.budget.begin_probation();
                self.spawn_or_wait(StartKind::Retry, now, policy)
            }
            Phase::Stopped | Phase::Waiting { .. } | Phase::Spawning | Phase::Exited { .. } => None,
        }
    }

    fn judge_silence(
        &mut self,
        ready_at: Instant,
        last_sign: Instant,
        awake_since: Instant,
        now: Instant,
        policy: &Policy,
    ) -> Option<Effect> {
        let quiet_since = last_sign.max(awake_since);
        match policy.heartbeat_timeout {
            Some(within) if now >= quiet_since + within => {
                let healthy = last_sign.saturating_duration_since(ready_at);
                self.find_hung(Hang::Silent { within }, healthy, now, policy)
            }
            // The caller slept, or the policy has changed since.
            timeout => {
                self.phase = Phase::Running {
                    ready_at,
                    last_sign,
                    silent_at: timeout.map(|within| quiet_since + within),
                };
                None
            }
        }
    }

    fn find_hung(
        &mut self,
        hang: Hang,
        healthy: Duration,
        now: Instant,
        policy: &Policy,
    ) -> Option<Effect> {
        self.phase = Phase::Unhealthy {
            hang,
            healthy,
            kill_at: now + policy.watchdog_grace,
            killed: false,
        };
        Some(Effect::SignalHang)
    }

    fn end(&mut self, cause: Cause, random: f64, now: Instant, policy: &Policy) -> Option<Effect> {
        let (healthy, hang) = match self.phase {
            Phase::Stopping { .. } | Phase::Spawning if self.goal == Goal::Down => {
                self.phase = Phase::Stopped;
                return None;
            }
            // Stopped and started again while it was ending.
            Phase::Stopping { .. } => return self.spawn_or_wait(StartKind::Wanted, now, policy),
            Phase::Spawning | Phase::Starting { .. } => (Duration::ZERO, None),
            Phase::Running { ready_at, .. } => (now.saturating_duration_since(ready_at), None),
            Phase::Unhealthy { hang, healthy, .. } => (healthy, Some(hang)),
            Phase::Stopped
            | Phase::Waiting { .. }
            | Phase::Backoff { .. }
            | Phase::Exited { .. }
            | Phase::Fatal { .. } => return None,
        };
        if is_final(cause, hang, policy) {
            self.phase = Phase::Exited { cause, hang };
            return None;
        }
        match self.budget.spend(healthy, random, now, policy) {
            Ok(Duration::ZERO) => self.spawn_or_wait(StartKind::Restart, now, policy),
            Ok(delay) => {
                self.phase = Phase::Backoff {
                    until: now + delay,
                    cause,
                    hang,
                };
                None
            }
            Err(surrender) => {
                let retry = policy.fatal_retry.filter(|_| !policy.essential);
                self.phase = Phase::Fatal {
                    retry_at: retry.map(|retry| now + retry),
                    surrender,
                    cause,
                    hang,
                };
                policy.essential.then_some(Effect::GiveUp)
            }
        }
    }
}

/// Whether an end that nobody asked for is one after which nothing follows.
fn is_final(cause: Cause, hang: Option<Hang>, policy: &Policy) -> bool {
    match policy.restart {
        Restart::Always => false,
        Restart::Never => true,
        // One that hung and was ended has not finished, whatever its exit code says.
        Restart::OnFailure => {
            hang.is_none()
                && matches!(cause, Cause::Exited(code) if policy.success_exit_codes.contains(&code))
        }
    }
}
