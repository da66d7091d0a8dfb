//! What happens by itself: readiness, heartbeats, deadlines, age, and how these follow changed rules.
//! What is wanted stands beside, and what follows an end in `ending`.

use std::time::{Duration, Instant};

use super::{KILL_AGAIN, Lifecycle, ready_limit};
use crate::{Effect, Hang, Phase, Policy, Readiness, StartKind, Why};

impl Lifecycle {
    pub(super) fn become_ready(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        if let Phase::Starting {
            since,
            ready_by,
            random,
        } = self.phase
        {
            // Ready without a heartbeat: the first one is awaited from the end of the ready timeout on.
            self.run((since, random), now, now, ready_by.max(now), policy);
        }
        None
    }

    pub(super) fn note_heartbeat(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        match self.phase {
            Phase::Starting { since, random, .. } => {
                self.run((since, random), now, now, now, policy);
            }
            Phase::Running {
                since,
                random,
                ready_at,
                ..
            } => self.run((since, random), ready_at, now, now, policy),
            Phase::Stopped
            | Phase::Scheduled
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

    /// Ready since `ready_at`, with a last sign; the next one is awaited from `awaited_from` on.
    fn run(
        &mut self,
        (since, random): (Instant, f64),
        ready_at: Instant,
        last_sign: Instant,
        awaited_from: Instant,
        policy: &Policy,
    ) {
        self.phase = Phase::Running {
            since,
            random,
            ready_at,
            last_sign,
            awaited_from,
            silent_at: policy
                .heartbeat_timeout
                .map(|timeout| awaited_from + timeout),
            old_at: policy.max_age.map(|age| since + age.of(random)),
        };
    }

    pub(super) fn meet_deadline(
        &mut self,
        awake_since: Instant,
        now: Instant,
        policy: &Policy,
    ) -> Option<Effect> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        match self.phase {
            Phase::Starting { since, random, .. } => match policy.readiness {
                Readiness::Lives { .. } => {
                    self.run((since, random), now, now, now, policy);
                    None
                }
                Readiness::Says { within } => {
                    let watched_since = since.max(awake_since);
                    if now < watched_since + within {
                        self.phase = Phase::Starting {
                            since,
                            ready_by: watched_since + within,
                            random,
                        };
                        return None;
                    }
                    self.find_hung(Hang::NotReady { within }, Duration::ZERO, now, policy)
                }
            },
            Phase::Running { .. } => self.judge_running(awake_since, now, policy),
            Phase::Unhealthy { hang, healthy, .. } => {
                self.phase = Phase::Unhealthy {
                    hang,
                    healthy,
                    kill_at: now + KILL_AGAIN,
                    killed: true,
                };
                Some(Effect::Kill)
            }
            Phase::Stopping { why, .. } => {
                self.phase = Phase::Stopping {
                    why,
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
            Phase::Stopped
            | Phase::Scheduled
            | Phase::Waiting { .. }
            | Phase::Spawning
            | Phase::Exited { .. } => None,
        }
    }

    /// A process that is both silent and old hangs: it would not hear the wish to end.
    fn judge_running(
        &mut self,
        awake_since: Instant,
        now: Instant,
        policy: &Policy,
    ) -> Option<Effect> {
        let Phase::Running {
            since,
            random,
            ready_at,
            last_sign,
            mut awaited_from,
            silent_at,
            ..
        } = self.phase
        else {
            return None;
        };
        if silent_at.is_some_and(|at| at <= now) {
            let quiet_since = last_sign.max(awake_since);
            match policy.heartbeat_timeout {
                Some(within) if now >= quiet_since + within => {
                    let healthy = last_sign.saturating_duration_since(ready_at);
                    return self.find_hung(Hang::Silent { within }, healthy, now, policy);
                }
                // The caller slept, or the policy has changed since.
                _ => awaited_from = quiet_since,
            }
        }
        if policy
            .max_age
            .is_some_and(|age| now >= since + age.of(random))
        {
            self.budget
                .note_health(now.saturating_duration_since(ready_at), policy);
            self.phase = Phase::Stopping {
                why: Why::Old {
                    age: now.saturating_duration_since(since),
                },
                kill_at: now + policy.stop_timeout,
                killed: false,
            };
            return Some(Effect::RequestStop);
        }
        self.run((since, random), ready_at, last_sign, awaited_from, policy);
        None
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

    /// The rules have changed. What began under the old ones ends by the new ones, but nothing is put off by them that
    /// somebody waits for already.
    pub(super) fn follow_rules(&mut self, now: Instant, policy: &Policy) -> Option<Effect> {
        match &mut self.phase {
            Phase::Starting {
                since, ready_by, ..
            } => *ready_by = *since + ready_limit(policy),
            Phase::Running {
                since,
                random,
                ready_at,
                last_sign,
                awaited_from,
                ..
            } => {
                let (process, ready_at) = ((*since, *random), *ready_at);
                let (last_sign, awaited_from) = (*last_sign, *awaited_from);
                self.run(process, ready_at, last_sign, awaited_from, policy);
            }
            Phase::Unhealthy {
                kill_at,
                killed: false,
                ..
            } => *kill_at = (*kill_at).min(now + policy.watchdog_grace),
            Phase::Stopping {
                kill_at,
                killed: false,
                ..
            } => *kill_at = (*kill_at).min(now + policy.stop_timeout),
            Phase::Backoff { until, .. } => *until = (*until).min(now + policy.backoff_max),
            Phase::Fatal { retry_at, .. } => {
                let retry = policy.fatal_retry.filter(|_| !policy.essential);
                let next = retry.map(|retry| now + retry);
                *retry_at = next.map(|next| retry_at.map_or(next, |at| at.min(next)));
            }
            // Nothing would ever come.
            Phase::Scheduled if policy.schedule.is_none() => {
                return self.spawn_or_wait(StartKind::Wanted, now, policy);
            }
            Phase::Stopped
            | Phase::Scheduled
            | Phase::Waiting { .. }
            | Phase::Spawning
            | Phase::Unhealthy { .. }
            | Phase::Stopping { .. }
            | Phase::Exited { .. } => {}
        }
        None
    }
}
