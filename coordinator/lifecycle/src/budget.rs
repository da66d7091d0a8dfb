//! How often and how soon an instance may be started again: backoff with full jitter, restarts in a window, short-lived
//! invocations in a row. It knows no phase and starts nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::{Policy, Surrender};

/// What earlier failures have used up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    /// Short-lived invocations in a row: those that failed since the last one that was stable.
    pub failures: u32,
    /// Times of the restarts that may still lie in the window, oldest first; never more than `restarts_max`.
    pub restarts: VecDeque<Instant>,
    /// The present invocation is a slow retry after FATAL and has not proved itself.
    pub is_on_probation: bool,
}

impl Budget {
    /// Forgets everything: a start by hand.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The number of the next start, 1 for the first.
    pub(crate) fn attempt(&self) -> u32 {
        self.failures.saturating_add(1)
    }

    /// An invocation ended that should have gone on. The delay before the next one, or why there is none.
    pub(crate) fn spend(
        &mut self,
        healthy: Duration,
        random: f64,
        now: Instant,
        policy: &Policy,
    ) -> Result<Duration, Surrender> {
        let was_stable = healthy >= policy.stable_after;
        if was_stable {
            self.failures = 0;
            self.is_on_probation = false;
        }
        let delay = backoff(self.failures, random, policy);
        if !was_stable {
            self.failures = self.failures.saturating_add(1);
        }
        let stable_after = policy.stable_after;
        if self.is_on_probation {
            return Err(Surrender::RetryFailed { stable_after });
        }
        if !was_stable && self.failures >= policy.short_lived_max {
            return Err(Surrender::ShortLived {
                in_a_row: self.failures,
                stable_after,
            });
        }
        // Judged for the time of the restart: until then some will have left the window.
        self.forget_before(now + delay, policy);
        if self.restarts.len() >= in_window(policy) {
            return Err(Surrender::Window {
                restarts_max: policy.restarts_max,
                window: policy.restart_window,
            });
        }
        Ok(delay)
    }

    /// An invocation ended well, or was ended in good health: what it was healthy for counts, and nothing is used up.
    pub(crate) fn note_health(&mut self, healthy: Duration, policy: &Policy) {
        if healthy >= policy.stable_after {
            self.failures = 0;
            self.is_on_probation = false;
        }
    }

    /// An invocation finished as wanted: the next one begins a series of its own.
    pub(crate) fn note_finish(&mut self) {
        self.failures = 0;
        self.is_on_probation = false;
    }

    /// A restart takes place.
    pub(crate) fn note_restart(&mut self, now: Instant, policy: &Policy) {
        self.forget_before(now, policy);
        self.restarts.push_back(now);
    }

    /// A slow retry after FATAL takes place; it is bounded by its own interval, not by the window.
    pub(crate) fn begin_probation(&mut self) {
        self.is_on_probation = true;
    }

    fn forget_before(&mut self, now: Instant, policy: &Policy) {
        let is_outside = |at: &Instant| now.saturating_duration_since(*at) >= policy.restart_window;
        while self.restarts.front().is_some_and(is_outside) {
            self.restarts.pop_front();
        }
    }
}

fn in_window(policy: &Policy) -> usize {
    usize::try_from(policy.restarts_max).unwrap_or(usize::MAX)
}

/// Full jitter: anything from zero to the bound, so that many agents that lose the same thing do not come back in
/// lockstep (AWS Architecture Blog, "Exponential Backoff And Jitter").
fn backoff(failures: u32, random: f64, policy: &Policy) -> Duration {
    let factor = policy.backoff_factor.max(1.0);
    let exponent = i32::try_from(failures).unwrap_or(i32::MAX);
    let bound_s = policy.backoff_initial.as_secs_f64() * factor.powi(exponent);
    // Infinity and what a duration cannot hold end at the cap; 0 × infinity is no number and means no delay.
    let bound_s = if bound_s.is_nan() {
        0.0
    } else {
        bound_s.min(policy.backoff_max.as_secs_f64())
    };
    Duration::try_from_secs_f64(bound_s * random.clamp(0.0, 1.0)).unwrap_or(policy.backoff_max)
}
