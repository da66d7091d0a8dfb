//! Responsible for reading spans of time as people write them, and dates as spans until now.
//! It knows no setting.

use std::time::Duration;

use langsmith_values::parse_us;

use crate::client::now_ms;

/// A span, or the time from a date (UTC) to now.
pub(crate) fn read_since(text: &str) -> Result<Duration, String> {
    let Some(us) = parse_us(text) else {
        return read_time(text, "1s", "400d")
            .map_err(|message| format!("{message}; or a date such as 2026-01-31"));
    };
    let ago_ms = now_ms() - us.div_euclid(1_000);
    let ago = u64::try_from(ago_ms).map(Duration::from_millis);
    match ago {
        Ok(ago) if ago <= Duration::from_secs(400 * 86_400) => Ok(ago),
        _ => Err(
            "expected a date of the last 400 days, which is as long as LangSmith keeps runs".into(),
        ),
    }
}

pub(crate) fn read_time(text: &str, least: &str, most: &str) -> Result<Duration, String> {
    let bound = |text| parse_duration(text).expect("the bounds above are well formed");
    match parse_duration(text) {
        Some(duration) if (bound(least)..=bound(most)).contains(&duration) => Ok(duration),
        _ => Err(format!(
            "expected a time such as 30s, 15m or 24h, from {least} to {most}"
        )),
    }
}

/// A whole number and one of the units ms, s, m, h, d.
fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(
        number.parse::<u64>().ok()?.checked_mul(unit_ms)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration(" 2d "), Some(Duration::from_secs(172_800)));
        for text in [
            "",
            "5",
            "m",
            "1.5h",
            "-1s",
            "99999999999999999999s",
            "9999999999999999d",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
