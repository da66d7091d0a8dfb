//! Responsible for deciding whether and when a failed request is tried again.
//! It does not wait and draws no random number: both belong to the caller.

use std::time::Duration;

use crate::timestamp::parse_http_date_ms;

/// First step of the backoff, as in LangSmith's own clients.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);

/// Longest wait that we choose by ourselves. A service that is down is asked about once a minute, which is no load.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Longest wait that a server may ask for. A day-long or nonsensical value would silence the bridge; it asks
/// again after this and is told anew.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(15 * 60);

/// Whether the same request may succeed later. 409 is among them as in LangSmith's own clients.
pub(crate) fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500..=599)
}

/// How long to wait after `failures` failures in a row: full jitter over an exponential bound.
/// `random` is in `0..1`; the server's own wish, where it gave one, is the least.
pub(crate) fn wait_after(failures: u32, retry_after: Option<Duration>, random: f64) -> Duration {
    let bound = BACKOFF_FIRST
        .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)))
        .min(BACKOFF_MAX);
    let jittered = bound.mul_f64(random.clamp(0.0, 1.0));
    match retry_after {
        // A little jitter on top, so that many clients that were told the same time do not come at once.
        Some(asked) => asked.min(RETRY_AFTER_MAX) + BACKOFF_FIRST.mul_f64(random.clamp(0.0, 1.0)),
        None => jittered,
    }
}

/// What `retry-after-ms` or else `retry-after` asks for, the latter in seconds or as an HTTP date.
pub(crate) fn parse_retry_after(
    milliseconds: Option<&str>,
    seconds_or_date: Option<&str>,
    now_ms: i64,
) -> Option<Duration> {
    let from_milliseconds = milliseconds.and_then(|text| non_negative(text, 1_000.0));
    from_milliseconds.or_else(|| {
        let text = seconds_or_date?;
        non_negative(text, 1.0).or_else(|| {
            let ahead_ms = parse_http_date_ms(text)?.saturating_sub(now_ms);
            Some(Duration::from_millis(u64::try_from(ahead_ms).unwrap_or(0)))
        })
    })
}

/// A finite number of units, `per_second` of which are a second.
fn non_negative(text: &str, per_second: f64) -> Option<Duration> {
    let seconds = text.trim().parse::<f64>().ok()? / per_second;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_each_of_its_forms() {
        let now_ms = 1_767_631_561_000; // Mon, 05 Jan 2026 16:46:01 GMT
        let read = |ms, other| parse_retry_after(ms, other, now_ms);
        assert_eq!(read(None, Some("7")), Some(Duration::from_secs(7)));
        assert_eq!(read(None, Some("0.25")), Some(Duration::from_millis(250)));
        assert_eq!(
            read(Some("1500"), Some("7")),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            read(None, Some("Mon, 05 Jan 2026 16:46:31 GMT")),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            read(None, Some("Mon, 05 Jan 2026 16:00:00 GMT")),
            Some(Duration::ZERO)
        );
        for nonsense in ["", "soon", "-3", "NaN", "inf"] {
            assert_eq!(read(None, Some(nonsense)), None, "{nonsense}");
        }
    }

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let bounds: Vec<_> = (1..10)
            .map(|failures| wait_after(failures, None, 1.0).as_millis())
            .collect();
        assert_eq!(
            bounds,
            [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]
        );
        assert_eq!(wait_after(u32::MAX, None, 1.0), BACKOFF_MAX);
        assert_eq!(wait_after(5, None, 0.0), Duration::ZERO);
    }

    #[test]
    fn the_servers_wish_is_the_least_and_is_capped() {
        assert_eq!(
            wait_after(1, Some(Duration::from_secs(9)), 0.0),
            Duration::from_secs(9)
        );
        assert!(wait_after(1, Some(Duration::from_secs(9)), 1.0) <= Duration::from_millis(9_500));
        assert!(wait_after(1, Some(Duration::MAX), 0.0) == RETRY_AFTER_MAX);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [408, 409, 425, 429, 500, 502, 503, 504] {
            assert!(is_retryable_status(status), "{status}");
        }
        for status in [200, 304, 400, 401, 403, 404, 405, 422, 600] {
            assert!(!is_retryable_status(status), "{status}");
        }
    }
}
