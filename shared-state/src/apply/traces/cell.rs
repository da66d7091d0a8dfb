//! One value of a row that an agent sent, checked against what its column takes.
//! It knows no table.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bigdecimal::BigDecimal;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde_json::value::RawValue;

use super::compact::compact;

/// A decimal with more digits, or with an exponent beyond this, is no amount of money; sums stay short.
const DECIMAL_CHARS_MAX: usize = 80;
const DECIMAL_EXPONENT_MAX: i64 = 40;

/// More tokens than any model has read; sums of millions of runs stay inside 64 bits.
const COUNT_MAX: i64 = 1_000_000_000_000;

/// What a column takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    /// Text in lower case.
    Word,
    OneOf(&'static [&'static str]),
    Flag,
    Integer,
    /// Not negative.
    Count,
    Number,
    /// An exact decimal: a number keeps the digits it was sent with.
    Decimal,
    List,
    Object,
    /// An object of counts.
    Counts,
    /// An object of exact decimals.
    Decimals,
    /// Any JSON.
    Json,
}

/// A value as SQLite stores it, borrowed from the row where that is possible.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(Cow<'a, str>),
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

impl Cell<'_> {
    /// What a column holds; blobs do not occur in `STRICT` tables without a column for them.
    pub(super) fn stored(value: ValueRef<'_>) -> Cell<'static> {
        match value {
            ValueRef::Null | ValueRef::Blob(_) => Cell::Null,
            ValueRef::Integer(integer) => Cell::Integer(integer),
            ValueRef::Real(real) => Cell::Real(real),
            ValueRef::Text(text) => {
                Cell::Text(Cow::Owned(String::from_utf8_lossy(text).into_owned()))
            }
        }
    }

    /// Whether the column holds just this.
    pub(super) fn is(&self, stored: ValueRef<'_>) -> bool {
        match (self, stored) {
            (Self::Null, ValueRef::Null) => true,
            (Self::Integer(mine), ValueRef::Integer(integer)) => *mine == integer,
            (Self::Real(mine), ValueRef::Real(real)) => mine.to_bits() == real.to_bits(),
            (Self::Text(mine), ValueRef::Text(text)) => mine.as_bytes() == text,
            _ => false,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }
}

impl Kind {
    /// What people are told when a value is none of it.
    fn expected(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Text | Self::Word => "a string or null",
            Self::OneOf(words) => return Cow::Owned(format!("{} or null", words.join(", "))),
            Self::Flag => "true, false or null",
            Self::Integer => "a whole number or null",
            Self::Count => "a whole number from 0 to 1 000 000 000 000 or null",
            Self::Number => "a number or null",
            Self::Decimal => "a decimal number, as number or string, or null",
            Self::List => "an array or null",
            Self::Object => "an object or null",
            Self::Counts => "an object of whole numbers or null",
            Self::Decimals => "an object of decimal numbers or null",
            Self::Json => "JSON that is nested at most 128 levels deep",
        })
    }
}

/// Checks a value, given as valid JSON without white space around it; the error says what was expected.
pub(super) fn read_cell(json: &str, kind: Kind) -> Result<Cell<'_>, Cow<'static, str>> {
    if json == "null" {
        return Ok(Cell::Null);
    }
    let cell = match kind {
        Kind::Text => string(json).map(Cell::Text),
        Kind::Word => string(json).map(lower_case).map(Cell::Text),
        Kind::OneOf(words) => {
            let word = string(json).filter(|word| words.contains(&&**word));
            word.map(Cell::Text)
        }
        Kind::Flag => match json {
            "true" | "1" => Some(Cell::Integer(1)),
            "false" | "0" => Some(Cell::Integer(0)),
            _ => None,
        },
        Kind::Integer => whole(json).map(Cell::Integer),
        Kind::Count => count(json).map(Cell::Integer),
        Kind::Number => serde_json::from_str(json).ok().map(Cell::Real),
        Kind::Decimal => decimal(json).map(Cell::Text),
        Kind::List if json.starts_with('[') => compact(json).map(Cell::Text),
        Kind::Object if json.starts_with('{') => compact(json).map(Cell::Text),
        Kind::List | Kind::Object => None,
        Kind::Counts => counts(json).map(Cell::Text),
        Kind::Decimals => decimals(json).map(Cow::Owned).map(Cell::Text),
        Kind::Json => compact(json).map(Cell::Text),
    };
    cell.ok_or_else(|| kind.expected())
}

/// A JSON string, borrowed where it holds no escapes.
pub(super) fn string(json: &str) -> Option<Cow<'_, str>> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    match text.contains('\\') {
        true => serde_json::from_str(json).ok().map(Cow::Owned),
        false => Some(Cow::Borrowed(text)),
    }
}

fn lower_case(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.chars().any(char::is_uppercase) {
        true => Cow::Owned(text.to_lowercase()),
        false => text,
    }
}

fn count(json: &str) -> Option<i64> {
    whole(json).filter(|count| (0..=COUNT_MAX).contains(count))
}

fn counts(json: &str) -> Option<Cow<'_, str>> {
    let by_name = fields(json)?;
    let are_counts = by_name.values().all(|json| count(json.get()).is_some());
    are_counts.then(|| compact(json)).flatten()
}

fn fields(json: &str) -> Option<BTreeMap<Cow<'_, str>, &RawValue>> {
    serde_json::from_str(json).ok()
}

/// The text as it was sent where it is plain; one with an exponent is written out.
fn decimal(json: &str) -> Option<Cow<'_, str>> {
    let is_number = json.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let text = if is_number {
        Cow::Borrowed(json)
    } else {
        string(json)?
    };
    let parsed = parse_decimal(&text)?;
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    Some(if is_plain {
        text
    } else {
        Cow::Owned(parsed.to_plain_string())
    })
}

/// An amount within the bounds of this file.
pub(super) fn parse_decimal(text: &str) -> Option<BigDecimal> {
    // The length first: it bounds the work of parsing. Separators of digits are no decimal of anybody's.
    if text.len() > DECIMAL_CHARS_MAX || text.contains('_') {
        return None;
    }
    let parsed: BigDecimal = text.parse().ok()?;
    let exponent = parsed.fractional_digit_count();
    let bound = DECIMAL_EXPONENT_MAX + i64::try_from(DECIMAL_CHARS_MAX).unwrap_or(0);
    (exponent.abs() <= bound).then_some(parsed)
}

fn decimals(json: &str) -> Option<String> {
    let told = fields(json)?
        .into_iter()
        .filter(|(_, json)| json.get() != "null");
    let exact = told
        .map(|(name, json)| Some((name, decimal(json.get())?)))
        .collect::<Option<BTreeMap<_, _>>>()?;
    serde_json::to_string(&exact).ok()
}

/// A whole number, also when it was written as `3.0`.
fn whole(json: &str) -> Option<i64> {
    json.parse().ok().or_else(|| {
        let value: f64 = serde_json::from_str(json).ok()?;
        let is_whole = value.fract() == 0.0 && value.abs() < 9e15;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and within 53 bits, checked above"
        )]
        is_whole.then_some(value as i64)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(value: &Value, kind: Kind) -> Option<String> {
        read_cell(&value.to_string(), kind)
            .ok()?
            .text()
            .map(str::to_owned)
    }

    #[test]
    fn a_decimal_keeps_its_digits() {
        for digits in [
            "0.10",
            "-0.000123456789012345678901234567890",
            "12",
            "000.5",
        ] {
            assert_eq!(text(&json!(digits), Kind::Decimal).as_deref(), Some(digits));
        }
        assert_eq!(
            text(&json!(2e-7), Kind::Decimal).as_deref(),
            Some("0.0000002")
        );
        assert_eq!(
            text(
                &json!({"cache_read": 0.00042, "audio": "0.10"}),
                Kind::Decimals
            )
            .as_deref(),
            Some(r#"{"audio":"0.10","cache_read":"0.00042"}"#)
        );
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for value in [
            json!(""),
            json!("free"),
            json!("1_0"),
            json!("NaN"),
            json!("1e999999999"),
            json!([1]),
            json!("9".repeat(200)),
        ] {
            assert!(
                read_cell(&value.to_string(), Kind::Decimal).is_err(),
                "{value}"
            );
        }
    }

    #[test]
    fn counts_are_whole_and_not_negative() {
        for value in [json!(-1), json!(0.5), json!("3"), json!(9e15)] {
            assert!(
                read_cell(&value.to_string(), Kind::Count).is_err(),
                "{value}"
            );
        }
        assert_eq!(read_cell("3.0", Kind::Count).unwrap(), Cell::Integer(3));
        assert!(read_cell(r#"{"a":1,"b":"2"}"#, Kind::Counts).is_err());
    }
}
