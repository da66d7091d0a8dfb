//! What follows the end of a process: another one at once or later, or none.
//! How often and how soon is counted in `budget`.

use std::time::{Duration, Instant};

use super::Lifecycle;
use crate::{Cause, Effect, Goal, Hang, Phase, Policy, Restart, StartKind, Why};

impl Lifecycle {
    pub(super) fn end(
        &mut self,
        cause: Cause,
        random: f64,
        now: Instant,
        policy: &Policy,
    ) -> Option<Effect> {
        let (healthy, hang) = match self.phase {
            Phase::Stopping { .. } | Phase::Spawning if self.goal == Goal::Down => {
                self.phase = Phase::Stopped;
                return None;
            }
            // Stopped and started again while it was ending, or replaced.
            Phase::Stopping { why, .. } => {
                let kind = match why {
                    Why::Asked => StartKind::Wanted,
                    Why::Old { .. } => StartKind::Renewal,
                };
                return self.spawn_or_wait(kind, now, policy);
            }
            Phase::Spawning | Phase::Starting { .. } => (Duration::ZERO, None),
            Phase::Running { ready_at, .. } => (now.saturating_duration_since(ready_at), None),
            Phase::Unhealthy { hang, healthy, .. } => (healthy, Some(hang)),
            Phase::Stopped
            | Phase::Scheduled
            | Phase::Waiting { .. }
            | Phase::Backoff { .. }
            | Phase::Exited { .. }
            | Phase::Fatal { .. } => return None,
        };
        if is_final(cause, hang, policy) {
            self.budget.note_finish();
            if std::mem::take(&mut self.is_queued) && policy.schedule.is_some() {
                return self.spawn_or_wait(StartKind::Scheduled, now, policy);
            }
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
                self.is_queued = false;
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
