//! Responsible for keeping the rate of one class of requests below what LangSmith allows, and for learning what that is.
//! It reads no clock and does not wait: it says how long to.

use std::time::Duration;

use crate::retry::RETRY_AFTER_MAX;

/// The span over which LangSmith counts requests.
const SPAN: Duration = Duration::from_secs(10);

/// What a refusal leaves of the rate: halving finds any limit within a few refusals.
const REFUSED_FACTOR: f64 = 0.5;

/// The least that is left, as a part of the configured rate: a limit of another kind (ingested events in an hour, traces
/// in a month) must not slow questions down for ever.
const FLOOR_PART: f64 = 1.0 / 16.0;

/// How long nothing may have been refused before the rate grows by [`RAISE_PART`]. LangSmith's gateways count over 60
/// seconds from the first request, so less would tell nothing.
const RAISE_AFTER: Duration = Duration::from_secs(60);

/// How much it grows, as a part of the configured rate: a halved rate is whole again after five minutes.
const RAISE_PART: f64 = 0.1;

/// A bucket that fills evenly: at most `requests_per_span` at once, and as many in each further span.
/// Times are durations since any fixed moment.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// The configured rate, which is never passed.
    most_per_span: f64,
    /// What has been learned.
    requests_per_span: f64,
    available: f64,
    filled_at: Duration,
    /// The rate may grow from then on.
    raise_at: Duration,
    /// Nothing is sent before.
    closed_until: Duration,
}

impl Pace {
    /// A full bucket.
    pub(crate) fn new(requests_per_span: u32, now: Duration) -> Self {
        let most_per_span = f64::from(requests_per_span.max(1));
        Self {
            most_per_span,
            requests_per_span: most_per_span,
            available: most_per_span,
            filled_at: now,
            raise_at: now + RAISE_AFTER,
            closed_until: now,
        }
    }

    /// Takes one request out; how long to wait before sending it.
    pub(crate) fn take(&mut self, now: Duration) -> Duration {
        let per_second = self.requests_per_span / SPAN.as_secs_f64();
        self.fill(now);
        self.available -= 1.0;
        let until_filled = Duration::from_secs_f64((-self.available / per_second).max(0.0));
        until_filled.max(self.closed_for(now))
    }

    /// Takes up the rate that an earlier process had learned, so long ago. It has recovered meanwhile as it would have here, and the
    /// bucket holds what came in since: restarts in a row are no way around a limit.
    pub(crate) fn recall(&mut self, now: Duration, learned_per_span: f64, age: Duration) {
        let minutes = (age.as_secs_f64() / RAISE_AFTER.as_secs_f64()).floor();
        let recovered = learned_per_span + minutes * self.most_per_span * RAISE_PART;
        let least = self.most_per_span * FLOOR_PART;
        self.requests_per_span = recovered.clamp(least, self.most_per_span);
        let came_in = self.requests_per_span * age.as_secs_f64() / SPAN.as_secs_f64();
        self.available = self.available.min(came_in);
        let since_raise = Duration::from_secs(age.as_secs() % RAISE_AFTER.as_secs());
        self.raise_at = now + RAISE_AFTER - since_raise;
    }

    /// Whether less is allowed than is configured.
    pub(crate) fn is_lowered(&self) -> bool {
        self.requests_per_span < self.most_per_span
    }

    /// Requests in 10 seconds, as learned.
    pub(crate) fn learned_per_span(&self) -> f64 {
        self.requests_per_span
    }

    /// An answer came that was no refusal.
    pub(crate) fn note_success(&mut self, now: Duration) {
        if now >= self.raise_at && self.requests_per_span < self.most_per_span {
            self.fill(now);
            let raised = self.requests_per_span + self.most_per_span * RAISE_PART;
            self.requests_per_span = raised.min(self.most_per_span);
            self.raise_at = now + RAISE_AFTER;
        }
    }

    /// The server said that there were too many requests, and for how long it wants none, if it said so.
    pub(crate) fn note_refusal(&mut self, now: Duration, wait: Option<Duration>) {
        self.fill(now);
        let lowered = self.requests_per_span * REFUSED_FACTOR;
        self.requests_per_span = lowered.max(self.most_per_span * FLOOR_PART);
        self.available = self.available.min(0.0);
        self.raise_at = now + RAISE_AFTER;
        self.close(now, wait.unwrap_or_default());
    }

    /// The server allows so many more, until its count begins anew after `reset`.
    pub(crate) fn note_remaining(
        &mut self,
        now: Duration,
        remaining: u64,
        reset: Option<Duration>,
    ) {
        self.fill(now);
        #[expect(clippy::cast_precision_loss, reason = "only small numbers bind")]
        let remaining = remaining as f64;
        self.available = self.available.min(remaining);
        if remaining == 0.0 {
            self.close(now, reset.unwrap_or_default());
        }
    }

    /// Nothing is sent for so long, within the limits of what a server may ask for.
    pub(crate) fn close(&mut self, now: Duration, wait: Duration) {
        self.closed_until = self.closed_until.max(now + wait.min(RETRY_AFTER_MAX));
    }

    /// How long the server still wants nothing, zero where it does not say.
    pub(crate) fn closed_for(&self, now: Duration) -> Duration {
        self.closed_until.saturating_sub(now)
    }

    fn fill(&mut self, now: Duration) {
        let per_second = self.requests_per_span / SPAN.as_secs_f64();
        let elapsed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.filled_at = self.filled_at.max(now);
        // A bucket smaller than one request would never let one pass.
        let size = self.requests_per_span.max(1.0);
        self.available = (self.available + elapsed * per_second).min(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_span_sees_more_than_twice_the_allowance_and_the_long_run_sees_the_allowance() {
        let mut pace = Pace::new(10, Duration::ZERO);
        let mut now = Duration::ZERO;
        let mut sent = Vec::new();
        for _ in 0..100 {
            now += pace.take(now);
            sent.push(now);
        }
        assert!(
            sent[..10].iter().all(Duration::is_zero),
            "a full bucket lets a burst pass"
        );
        assert!(
            (sent[99].as_secs_f64() - 90.0).abs() < 0.01,
            "then one a second: {:?}",
            sent[99]
        );
    }

    #[test]
    fn a_rest_fills_the_bucket_up_to_its_size() {
        let mut pace = Pace::new(2, Duration::ZERO);
        assert_eq!(pace.take(Duration::ZERO), Duration::ZERO);
        let later = Duration::from_secs(3600);
        assert_eq!(pace.take(later), Duration::ZERO);
        assert_eq!(pace.take(later), Duration::ZERO);
        assert!(pace.take(later) > Duration::ZERO);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_does_not_break_it() {
        let mut pace = Pace::new(1, Duration::from_secs(5));
        assert_eq!(pace.take(Duration::from_secs(5)), Duration::ZERO);
        assert_eq!(pace.take(Duration::from_secs(4)), SPAN);
    }

    #[test]
    fn a_refusal_empties_the_bucket_and_halves_the_rate_down_to_a_floor() {
        let mut pace = Pace::new(10, Duration::ZERO);
        pace.note_refusal(Duration::ZERO, None);
        assert_eq!(pace.learned_per_span(), 5.0);
        assert_eq!(pace.take(Duration::ZERO), Duration::from_secs(2));
        for _ in 0..100 {
            pace.note_refusal(Duration::ZERO, None);
        }
        assert_eq!(pace.learned_per_span(), 10.0 / 16.0);
    }

    #[test]
    fn the_rate_recovers_slowly_up_to_what_is_configured() {
        let mut pace = Pace::new(10, Duration::ZERO);
        pace.note_refusal(Duration::ZERO, None);
        let second = Duration::from_secs(1);
        for n in 0..59 {
            pace.note_success(n * second);
        }
        assert_eq!(pace.learned_per_span(), 5.0, "a minute tells nothing yet");
        for n in 60..300 {
            pace.note_success(n * second);
        }
        assert_eq!(pace.learned_per_span(), 9.0);
        for n in 300..1_000 {
            pace.note_success(n * second);
        }
        assert_eq!(pace.learned_per_span(), 10.0);
    }

    #[test]
    fn a_server_that_says_how_long_is_left_alone_so_long() {
        let mut pace = Pace::new(300, Duration::ZERO);
        pace.note_refusal(Duration::ZERO, Some(Duration::from_secs(7)));
        assert_eq!(pace.take(Duration::ZERO), Duration::from_secs(7));
        assert_eq!(pace.take(Duration::from_secs(8)), Duration::ZERO);
    }

    #[test]
    fn what_the_server_says_is_left_binds_and_nothing_more() {
        let mut pace = Pace::new(10, Duration::ZERO);
        pace.note_remaining(Duration::ZERO, 1_000, None);
        assert_eq!(pace.take(Duration::ZERO), Duration::ZERO);
        pace.note_remaining(Duration::ZERO, 1, Some(Duration::from_secs(30)));
        assert_eq!(pace.take(Duration::ZERO), Duration::ZERO);
        assert_eq!(pace.take(Duration::ZERO), Duration::from_secs(1));
        pace.note_remaining(Duration::ZERO, 0, Some(Duration::from_secs(30)));
        assert_eq!(pace.take(Duration::ZERO), Duration::from_secs(30));
        assert_eq!(pace.learned_per_span(), 10.0);
    }
}
