//! Responsible for keeping the rate of requests below what LangSmith allows.
//! It reads no clock and does not wait: it says how long to.

use std::time::Duration;

/// The span over which LangSmith counts requests.
const SPAN: Duration = Duration::from_secs(10);

/// A bucket that fills evenly: at most `requests_per_span` at once, and as many in each further span.
/// Times are durations since any fixed moment.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    requests_per_span: f64,
    available: f64,
    filled_at: Duration,
}

impl Pace {
    /// A full bucket.
    pub(crate) fn new(requests_per_span: u32, now: Duration) -> Self {
        let requests_per_span = f64::from(requests_per_span.max(1));
        Self {
            requests_per_span,
            available: requests_per_span,
            filled_at: now,
        }
    }

    /// Takes one request out; how long to wait before sending it.
    pub(crate) fn take(&mut self, now: Duration) -> Duration {
        let per_second = self.requests_per_span / SPAN.as_secs_f64();
        let elapsed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.filled_at = self.filled_at.max(now);
        self.available = (self.available + elapsed * per_second).min(self.requests_per_span) - 1.0;
        Duration::from_secs_f64((-self.available / per_second).max(0.0))
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
}
