//! Responsible for the times of the API: RFC 3339 text to milliseconds since 1970 UTC and back.
//! It does not read a clock.

use jiff::{Timestamp, civil, tz::TimeZone};

/// Milliseconds since 1970 UTC, rounded down. A time without a zone is UTC: the API sends such times and means UTC,
/// whatever zone this machine is in.
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(floor_ms(timestamp));
    }
    let naive = text.parse::<civil::DateTime>().ok()?;
    let zoned = naive.to_zoned(TimeZone::UTC).ok()?;
    Some(floor_ms(zoned.timestamp()))
}

/// The end of the year 9999 in any zone, the last that RFC 3339 can write.
const WRITABLE_MS_MAX: i64 = 253_402_200_000_000;

/// RFC 3339 in UTC with milliseconds. Beyond what can be written, the nearest that can.
pub(crate) fn format_ms(ms: i64) -> String {
    let ms = ms.clamp(-WRITABLE_MS_MAX / 100, WRITABLE_MS_MAX);
    let timestamp = Timestamp::from_millisecond(ms).expect("inside the limits of the crate");
    format!("{timestamp:.3}")
}

/// The time of an HTTP `Date` or `Retry-After` header.
pub(crate) fn parse_http_date_ms(text: &str) -> Option<i64> {
    let zoned = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

/// jiff truncates towards zero, which is up for times before 1970.
fn floor_ms(timestamp: Timestamp) -> i64 {
    let nanoseconds = timestamp.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(nanoseconds).expect("jiff's range in milliseconds fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_utc() {
        assert_eq!(
            parse_ms("2026-01-05T16:46:01.068924"),
            Some(1_767_631_561_068)
        );
        assert_eq!(
            parse_ms("2026-01-05T16:46:01.068924"),
            parse_ms("2026-01-05T16:46:01.068924Z")
        );
    }

    #[test]
    fn an_offset_is_honoured() {
        assert_eq!(
            parse_ms("2026-01-05T18:46:01+02:00"),
            parse_ms("2026-01-05T16:46:01Z")
        );
        assert_eq!(
            parse_ms("2026-01-05T16:46:01.068924+00:00"),
            Some(1_767_631_561_068)
        );
    }

    #[test]
    fn what_is_no_time_is_absent() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "1767631561"] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }

    #[test]
    fn a_written_time_reads_back() {
        assert_eq!(format_ms(1_767_631_561_068), "2026-01-05T16:46:01.068Z");
        assert_eq!(parse_ms(&format_ms(-1)), Some(-1));
        assert!(format_ms(i64::MAX).starts_with("9999-"));
    }

    #[test]
    fn an_http_date_is_read() {
        assert_eq!(
            parse_http_date_ms("Mon, 05 Jan 2026 16:46:01 GMT"),
            Some(1_767_631_561_000)
        );
        assert_eq!(parse_http_date_ms("120"), None);
    }
}
