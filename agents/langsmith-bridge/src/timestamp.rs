//! Responsible for the times that the bridge sends and those of HTTP headers; `langsmith_values` reads those of the API.
//! It does not read a clock.

use jiff::Timestamp;

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

#[cfg(test)]
mod tests {
    use langsmith_values::parse_us;

    use super::*;

    #[test]
    fn a_written_time_reads_back() {
        assert_eq!(format_ms(1_767_631_561_068), "2026-01-05T16:46:01.068Z");
        assert_eq!(parse_us(&format_ms(-1)), Some(-1_000));
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
