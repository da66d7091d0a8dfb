//! Numbers, durations and times as people read them; figures by the unit in which their name ends.
//! It knows nothing of agents.

use shared_state::TimeMs;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A duration in its two largest units: `850 ms`, `12 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`.
pub fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match ms {
        ..SECOND => format!("{ms} ms"),
        SECOND..MINUTE => format!("{} s", ms / SECOND),
        MINUTE..HOUR => two(ms / MINUTE, "m", ms % MINUTE / SECOND, "s"),
        HOUR..DAY => two(ms / HOUR, "h", ms % HOUR / MINUTE, "m"),
        _ => two(ms / DAY, "d", ms % DAY / HOUR, "h"),
    }
}

/// A time as RFC 3339 in UTC with milliseconds; empty outside of the calendar.
pub fn iso(ms: TimeMs) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(
        |_| String::new(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    )
}

/// A time for people without JavaScript: the browser replaces it by local time or an age.
pub fn clock(ms: TimeMs) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(
        |_| String::new(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// Bytes with a binary unit: `512 B`, `1.5 KiB`, `24 MiB`.
pub fn bytes(value: f64) -> String {
    scaled(value, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// A number in three digits or so: `0.042`, `12.5`, `1 234`, `1.2 M`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let size = value.abs();
    if size >= 1e6 {
        return scaled(value, 1000.0, &["", "k", "M", "G", "T", "P"]);
    }
    if value.fract() == 0.0 {
        return grouped(value);
    }
    match size {
        1000.0.. => grouped(value.round()),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        // As the charts in the browser say it: `0.5`, not `0.500`.
        0.001.. => format!("{value:.3}").trim_end_matches('0').into(),
        _ => format!("{value:.1e}"),
    }
}

/// A figure with the unit in which its name ends.
pub fn figure(name: &str, value: f64) -> String {
    let ms = |value: f64| {
        if value.abs() < 1000.0 {
            format!("{} ms", number(value))
        } else {
            duration(value as i64)
        }
    };
    match unit(name) {
        Unit::Percent => format!("{} %", number(value)),
        Unit::Bytes => bytes(value),
        Unit::BytesPerSecond => format!("{}/s", bytes(value)),
        Unit::PerSecond => format!("{}/s", number(value)),
        Unit::Milliseconds => ms(value),
        Unit::Microseconds if value.abs() >= 60e6 => duration((value / 1000.0) as i64),
        Unit::Microseconds if value != 0.0 && value.abs() < 1e6 => {
            format!("{} ms", number(value / 1000.0))
        }
        Unit::Microseconds => format!("{} s", number(value / 1e6)),
        Unit::Dollars => dollars(value),
        Unit::Seconds if value.abs() < 60.0 => format!("{} s", number(value)),
        Unit::Seconds => ms(value * 1000.0),
        Unit::None => number(value),
    }
}

/// The unit of a figure; the same names are known to the charts in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Percent,
    Bytes,
    BytesPerSecond,
    PerSecond,
    Milliseconds,
    Microseconds,
    Dollars,
    Seconds,
    None,
}

fn unit(name: &str) -> Unit {
    // As whole words: `free_kilobytes` are no bytes.
    const ENDINGS: [(&str, Unit); 9] = [
        ("bytes_per_second", Unit::BytesPerSecond),
        ("per_second", Unit::PerSecond),
        ("percent", Unit::Percent),
        ("bytes", Unit::Bytes),
        ("ms", Unit::Milliseconds),
        ("us", Unit::Microseconds),
        ("usd", Unit::Dollars),
        ("seconds", Unit::Seconds),
        ("s", Unit::Seconds),
    ];
    let ends_with = |words: &str| {
        name.strip_suffix(words)
            .is_some_and(|before| before.is_empty() || before.ends_with('_'))
    };
    ENDINGS
        .iter()
        .find(|(ending, _)| ends_with(ending))
        .map_or(Unit::None, |(_, unit)| *unit)
}

/// Dollars to the cent, and what is less than one to two digits: prices of tokens are small.
fn dollars(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 || !value.is_finite() {
        return format!("${}", number(value));
    }
    if size >= 1.0 || size == 0.0 {
        return format!("${value:.2}");
    }
    if size < 1e-6 {
        return format!("${value:.1e}");
    }
    // From 0.1 on two digits, below that one more for each zero.
    let (mut digits, mut hundredths) = (2, size * 100.0);
    while hundredths < 10.0 && digits < 8 {
        (digits, hundredths) = (digits + 1, hundredths * 10.0);
    }
    format!("${value:.digits$}")
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let mut value = value;
    let mut at = 0;
    while value.abs() >= step && at + 1 < units.len() {
        value /= step;
        at += 1;
    }
    let digits = if at == 0 || value.abs() >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    };
    format!("{digits} {}", units[at]).trim_end().into()
}

/// Whole numbers in groups of three.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::from(if value < 0.0 { "-" } else { "" });
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_show_two_units() {
        let cases = [
            (850, "850 ms"),
            (12_000, "12 s"),
            (200_000, "3 m 20 s"),
            (7_500_000, "2 h 5 m"),
            (86_400_000, "1 d"),
            (-5, "0 ms"),
        ];
        for (ms, words) in cases {
            assert_eq!(duration(ms), words);
        }
    }

    #[test]
    fn figures_follow_their_names() {
        let cases = [
            ("cpu_percent", 12.5, "12.5 %"),
            ("memory_bytes", 52_428_800.0, "50.0 MiB"),
            ("free_kilobytes", 512.0, "512"),
            ("read_bytes_per_second", 2048.0, "2.0 KiB/s"),
            ("lag_seconds", 90.0, "1 m 30 s"),
            ("latency_ms", 12.0, "12 ms"),
            ("queue_rows", 1234.0, "1\u{202f}234"),
            ("queue_rows", 0.0, "0"),
            ("runs", 12_345_678.0, "12.3 M"),
            ("latency_us", 1_250_000.0, "1.25 s"),
            ("total_cost_usd", 0.0123, "$0.012"),
            ("odd", f64::NAN, "–"),
        ];
        for (name, value, words) in cases {
            assert_eq!(figure(name, value), words);
        }
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(iso(1_790_000_000_000), "2026-09-21T14:13:20.000Z");
        assert_eq!(iso(i64::MAX), "");
    }
}
