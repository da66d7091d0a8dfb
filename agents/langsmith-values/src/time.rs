//! Responsible for the times of the API: RFC 3339 text to microseconds since 1970 UTC and back.
//! It does not read a clock.

use jiff::{Timestamp, civil, tz::TimeZone};

/// Microseconds since 1970 UTC, rounded down. A time without a zone is UTC: the API sends such times and means UTC,
/// whatever zone this machine is in.
pub fn parse_us(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(floor_us(timestamp));
    }
    let naive = text.parse::<civil::DateTime>().ok()?;
    let zoned = naive.to_zoned(TimeZone::UTC).ok()?;
    Some(floor_us(zoned.timestamp()))
}

/// The end of the year 9999 in any zone, the last that RFC 3339 can write.
const WRITABLE_US_MAX: i64 = 253_402_200_000_000_000;

/// RFC 3339 in UTC with microseconds. Beyond what can be written, the nearest that can.
pub fn format_us(us: i64) -> String {
    let us = us.clamp(-WRITABLE_US_MAX / 100, WRITABLE_US_MAX);
    let timestamp = Timestamp::from_microsecond(us).expect("inside the limits of the crate");
    format!("{timestamp:.6}")
}

/// jiff truncates towards zero, which is up for times before 1970.
fn floor_us(timestamp: Timestamp) -> i64 {
    let microseconds = timestamp.as_nanosecond().div_euclid(1_000);
    i64::try_from(microseconds).expect("jiff's range in microseconds fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_utc() {
        let us = 1_767_631_561_068_924;
        for text in [
            "2026-01-05T16:46:01.068924",
            "2026-01-05T16:46:01.068924Z",
            "2026-01-05T18:46:01.068924+02:00",
            "2026-01-05 16:46:01.0689249Z",
        ] {
            assert_eq!(parse_us(text), Some(us), "{text}");
        }
        assert_eq!(format_us(us), "2026-01-05T16:46:01.068924Z");
    }

    #[test]
    fn what_is_no_time_is_absent() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "1767631561"] {
            assert_eq!(parse_us(text), None, "{text}");
        }
    }

    #[test]
    fn a_written_time_reads_back() {
        assert_eq!(parse_us(&format_us(-1)), Some(-1));
        assert!(format_us(i64::MAX).starts_with("9999-"));
        format_us(i64::MIN);
    }
}
