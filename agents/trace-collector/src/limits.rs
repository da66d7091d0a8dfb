//! Responsible for how much is taken at once: requests, bytes, requests in 10 seconds.
//! It does not know what a request wants.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;
use crate::settings::Settings;

/// When a client shall come again. The SDK tries three times more, so it bridges a coordinator that is away for half a minute.
pub(crate) const COME_AGAIN: Duration = Duration::from_secs(5);

/// The window that LangSmith states its own limits in.
const WINDOW: Duration = Duration::from_secs(10);

/// All limits.
#[derive(Debug)]
pub(crate) struct Limits {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    rate: Mutex<Bucket>,
    /// Largest body, before and after decompression.
    pub(crate) body_bytes_max: u32,
    /// Runs in one request.
    pub(crate) runs_per_request_max: usize,
    /// Longest wait for room, and for the disk.
    pub(crate) store_within: Duration,
}

/// A token bucket that holds a window's requests.
#[derive(Debug)]
struct Bucket {
    requests_max: f64,
    left: f64,
    filled_at: Instant,
}

impl Limits {
    /// As set.
    pub(crate) fn new(settings: &Settings) -> Self {
        let rate = f64::from(settings.requests_per_10s);
        // A body that is allowed has to find room when nothing else is there.
        let bytes = settings
            .in_flight_bytes_max
            .max(settings.body_bytes_max.saturating_mul(2));
        Self {
            requests: Arc::new(Semaphore::new(settings.requests_max as usize)),
            bytes: Arc::new(Semaphore::new(bytes as usize)),
            rate: Mutex::new(Bucket {
                requests_max: rate,
                left: rate,
                filled_at: Instant::now(),
            }),
            body_bytes_max: settings.body_bytes_max,
            runs_per_request_max: settings.runs_per_request_max as usize,
            store_within: settings.store_within(),
        }
    }

    /// A place for one request, at once or not at all: a queue of clients would only grow older.
    pub(crate) fn admit(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let wait = self
            .rate
            .lock()
            .expect("no code that holds the lock panics")
            .take(Instant::now());
        if let Some(wait) = wait {
            return Err(Refusal {
                status: 429,
                detail:
                    "more requests in 10 seconds than requests_per_10s allows; send runs in batches"
                        .into(),
                retry_after: Some(wait),
            });
        }
        Arc::clone(&self.requests).try_acquire_owned().map_err(|_| {
            Refusal::not_now(
                "as many requests as requests_max allows are being served",
                COME_AGAIN,
            )
        })
    }

    /// Room for so many bytes, waited for as long as a request may wait.
    pub(crate) async fn reserve(&self, bytes: u32) -> Result<OwnedSemaphorePermit, Refusal> {
        let room = Arc::clone(&self.bytes).acquire_many_owned(bytes);
        match tokio::time::timeout(self.store_within, room).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Refusal::not_now(
                "as many bytes as in_flight_bytes_max allows wait to be stored: the coordinator is slow or away",
                COME_AGAIN,
            )),
        }
    }
}

impl Bucket {
    /// Takes one; how long to wait where there is none.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        let per_second = self.requests_max / WINDOW.as_secs_f64();
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.left = (self.left + passed * per_second).min(self.requests_max);
        self.filled_at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return None;
        }
        Some(Duration::from_secs_f64((1.0 - self.left) / per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_requests_may_come_at_once_and_then_one_after_the_other() {
        let now = Instant::now();
        let mut bucket = Bucket {
            requests_max: 20.0,
            left: 20.0,
            filled_at: now,
        };
        assert!((0..20).all(|_| bucket.take(now).is_none()));
        assert_eq!(bucket.take(now), Some(Duration::from_millis(500)));
        assert_eq!(bucket.take(now + Duration::from_millis(500)), None);
        assert!(bucket.take(now + Duration::from_millis(500)).is_some());
        let later = now + Duration::from_secs(100);
        assert!(
            (0..20).all(|_| bucket.take(later).is_none()),
            "no more than a window is saved up"
        );
        assert!(bucket.take(later).is_some());
    }
}
