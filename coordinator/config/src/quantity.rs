//! Durations, sizes and counts, each with its range in its type, so that reader and schema cannot disagree.
//! What a range means stands beside the key that has it.

use std::time::Duration;

use toml::de::DeValue;

use crate::inline_schema::inline_schema;
use crate::problems::{Origin, Problems};
use crate::value::{FromToml, describe, integer};

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// Longest unit first, as it is printed.
const UNITS: [(&str, u64); 5] = [
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", 1),
];
const DURATION_PATTERN: &str = "^([0-9]+(ms|s|m|h|d))+$";
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// A duration from `MIN` to `MAX` milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<const MIN: u64, const MAX: u64>(pub(crate) Duration);

/// The same, or `"never"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanOrNever<const MIN: u64, const MAX: u64>(pub(crate) Option<Duration>);

/// A whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole<const MIN: u32, const MAX: u32>(pub(crate) u32);

/// A number of bytes, plain or as text with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes<const MIN: u64, const MAX: u64>(pub(crate) u64);

/// A number from 1 to 100, also with a fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Factor(pub(crate) f64);

/// A share of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

/// The duration as it is written in the file: the largest unit that leaves nothing over.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let fitting = UNITS
        .iter()
        .find(|(_, unit)| ms != 0 && ms.is_multiple_of(*unit));
    match fitting {
        Some((name, unit)) => format!("{}{name}", ms / unit),
        None => "0s".to_owned(),
    }
}

/// A duration as it is written in the file, for arguments: `10m`, `1h30m`.
///
/// # Errors
/// A text for people, which says how a duration is written.
pub fn duration_from_text(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .map(Duration::from_millis)
        .ok_or_else(|| "whole numbers with the units ms, s, m, h, d: 500ms, 10s, 1h30m".to_owned())
}

/// Numbers with units, one after the other: `1h30m`.
fn parse_duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &rest[..letters])?;
        rest = &rest[letters..];
        total = total.checked_add(number.checked_mul(*unit)?)?;
    }
    (!text.is_empty()).then_some(total)
}

pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim_start();
    let (_, factor) = SIZES.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

fn size_text(bytes: u64) -> String {
    let fitting = SIZES[..3]
        .iter()
        .find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit));
    match fitting {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

fn range_of_durations(min: u64, max: u64) -> String {
    let text = |ms| duration_text(Duration::from_millis(ms));
    format!("a duration from \"{}\" to \"{}\"", text(min), text(max))
}

fn read_duration(
    (min, max): (u64, u64),
    expected: &str,
    value: &DeValue<'_>,
    origin: &Origin,
    problems: &mut Problems<'_>,
) -> Option<Duration> {
    let ms = value.as_str().and_then(parse_duration);
    if let Some(ms) = ms.filter(|ms| (min..=max).contains(ms)) {
        return Some(Duration::from_millis(ms));
    }
    let help = match value {
        DeValue::Integer(number) => {
            format!("a number needs a unit, in quotes: \"{number}s\" or \"{number}ms\"")
        }
        DeValue::Float(_) => {
            "a duration is a whole number with a unit, in quotes: \"1500ms\"".to_owned()
        }
        _ if ms.is_some() => "it is out of this range".to_owned(),
        _ => {
            "whole numbers with the units ms, s, m, h, d: \"500ms\", \"10s\", \"1h30m\"".to_owned()
        }
    };
    problems.add(origin, describe(value), expected, Some(help));
    None
}

impl<const MIN: u64, const MAX: u64> FromToml for Span<MIN, MAX> {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let expected = range_of_durations(MIN, MAX);
        read_duration((MIN, MAX), &expected, value, origin, problems).map(Self)
    }
}

impl<const MIN: u64, const MAX: u64> FromToml for SpanOrNever<MIN, MAX> {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        if value.as_str() == Some("never") {
            return Some(Self(None));
        }
        let expected = format!("{}, or \"never\"", range_of_durations(MIN, MAX));
        let duration = read_duration((MIN, MAX), &expected, value, origin, problems)?;
        Some(Self(Some(duration)))
    }
}

impl<const MIN: u32, const MAX: u32> FromToml for Whole<MIN, MAX> {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let number = value.as_integer().and_then(integer);
        let fitting = number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (MIN..=MAX).contains(number));
        if fitting.is_none() {
            let help = value.is_str().then(|| "write it without quotes".to_owned());
            problems.add(
                origin,
                describe(value),
                format!("a whole number from {MIN} to {MAX}"),
                help,
            );
        }
        fitting.map(Self)
    }
}

impl<const MIN: u64, const MAX: u64> FromToml for Bytes<MIN, MAX> {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let bytes = match value {
            DeValue::Integer(number) => {
                integer(number).and_then(|number| u64::try_from(number).ok())
            }
            DeValue::String(text) => parse_bytes(text),
            _ => None,
        };
        let fitting = bytes.filter(|bytes| (MIN..=MAX).contains(bytes));
        if fitting.is_none() {
            let expected = format!(
                "a size from \"{}\" to \"{}\"",
                size_text(MIN),
                size_text(MAX)
            );
            let help =
                "a number of bytes, or a whole number with B, KiB, MiB or GiB in quotes: \"10MiB\"";
            problems.add(origin, describe(value), expected, Some(help.to_owned()));
        }
        fitting.map(Self)
    }
}

/// A number of any kind within a range.
fn read_number(
    (min, max): (f64, f64),
    value: &DeValue<'_>,
    origin: &Origin,
    problems: &mut Problems<'_>,
) -> Option<f64> {
    let number: Option<f64> = match value {
        DeValue::Integer(number) => {
            integer(number).and_then(|number| i32::try_from(number).ok().map(f64::from))
        }
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    };
    let fitting = number.filter(|number| (min..=max).contains(number));
    if fitting.is_none() {
        let expected = format!("a number from {min} to {max}");
        problems.add(origin, describe(value), expected, None);
    }
    fitting
}

impl FromToml for Factor {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        read_number((1.0, 100.0), value, origin, problems).map(Self)
    }
}

impl FromToml for Share {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        read_number((0.0, 1.0), value, origin, problems).map(Self)
    }
}

inline_schema!([const MIN: u64, const MAX: u64] Span<MIN, MAX>, "Duration",
    { "type": "string", "pattern": DURATION_PATTERN });
inline_schema!([const MIN: u64, const MAX: u64] SpanOrNever<MIN, MAX>, "DurationOrNever",
    { "anyOf": [{ "type": "string", "pattern": DURATION_PATTERN }, { "const": "never" }] });
inline_schema!([const MIN: u32, const MAX: u32] Whole<MIN, MAX>, "Whole",
    { "type": "integer", "minimum": MIN, "maximum": MAX });
inline_schema!([const MIN: u64, const MAX: u64] Bytes<MIN, MAX>, "Size",
    { "anyOf": [
        { "type": "integer", "minimum": MIN, "maximum": MAX },
        { "type": "string", "pattern": "^[0-9]+ ?(B|kB|KiB|MB|MiB|GB|GiB)$" },
    ] });
inline_schema!([] Share, "Share", { "type": "number", "minimum": 0, "maximum": 1 });
inline_schema!([] Factor, "Factor", { "type": "number", "minimum": 1, "maximum": 100 });
