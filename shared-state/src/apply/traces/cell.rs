//! One value of a row that an agent sent, checked against what its column takes.
//! It knows no table.

use std::borrow::Cow;

use bigdecimal::BigDecimal;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde_json::{Map, Number, Value};

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

/// Checks a value; the error says what was expected.
pub(super) fn read_cell(value: &Value, kind: Kind) -> Result<Cell<'_>, Cow<'static, str>> {
    let expected = |what: &'static str| Err(Cow::Borrowed(what));
    Ok(match (kind, value) {
        (_, Value::Null) => Cell::Null,
        (Kind::Text, Value::String(text)) => Cell::Text(Cow::Borrowed(text)),
        (Kind::Word, Value::String(text)) if text.chars().any(char::is_uppercase) => {
            Cell::Text(Cow::Owned(text.to_lowercase()))
        }
        (Kind::Word, Value::String(text)) => Cell::Text(Cow::Borrowed(text)),
        (Kind::Text | Kind::Word, _) => return expected("a string or null"),
        (Kind::OneOf(words), Value::String(word)) if words.contains(&word.as_str()) => {
            Cell::Text(Cow::Borrowed(word))
        }
        (Kind::OneOf(words), _) => {
            return Err(Cow::Owned(format!("{} or null", words.join(", "))));
        }
        (Kind::Flag, Value::Bool(flag)) => Cell::Integer(i64::from(*flag)),
        (Kind::Flag, Value::Number(number)) if matches!(number.as_i64(), Some(0 | 1)) => {
            Cell::Integer(number.as_i64().unwrap_or(0))
        }
        (Kind::Flag, _) => return expected("true, false or null"),
        (Kind::Integer, Value::Number(number)) => match whole(number) {
            Some(integer) => Cell::Integer(integer),
            None => return expected("a whole number or null"),
        },
        (Kind::Integer, _) => return expected("a whole number or null"),
        (Kind::Count, _) => match count(value) {
            Some(integer) => Cell::Integer(integer),
            None => return expected("a whole number from 0 to 1 000 000 000 000 or null"),
        },
        (Kind::Number, Value::Number(number)) => Cell::Real(number.as_f64().unwrap_or(0.0)),
        (Kind::Number, _) => return expected("a number or null"),
        (Kind::Decimal, _) => match decimal(value) {
            Some(text) => Cell::Text(text),
            None => return expected("a decimal number, as number or string, or null"),
        },
        (Kind::List, Value::Array(_)) | (Kind::Object, Value::Object(_)) | (Kind::Json, _) => {
            Cell::Text(Cow::Owned(value.to_string()))
        }
        (Kind::List, _) => return expected("an array or null"),
        (Kind::Object, _) => return expected("an object or null"),
        (Kind::Counts, Value::Object(fields)) if fields.values().all(|n| count(n).is_some()) => {
            Cell::Text(Cow::Owned(value.to_string()))
        }
        (Kind::Counts, _) => return expected("an object of whole numbers or null"),
        (Kind::Decimals, Value::Object(fields)) => match decimals(fields) {
            Some(text) => Cell::Text(Cow::Owned(text)),
            None => return expected("an object of decimal numbers or null"),
        },
        (Kind::Decimals, _) => return expected("an object of decimal numbers or null"),
    })
}

fn count(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else {
        return None;
    };
    whole(number).filter(|count| (0..=COUNT_MAX).contains(count))
}

/// The text as it was sent where it is plain; one with an exponent is written out.
fn decimal(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        _ => return None,
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

fn decimals(fields: &Map<String, Value>) -> Option<String> {
    let exact = fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| Some((name.clone(), Value::String(decimal(value)?.into_owned()))))
        .collect::<Option<Map<String, Value>>>()?;
    Some(Value::Object(exact).to_string())
}

/// A whole number, also when it was written as `3.0`.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let value = number
            .as_f64()
            .filter(|value| value.fract() == 0.0 && value.abs() < 9e15)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and within 53 bits, checked above"
        )]
        let whole = value as i64;
        Some(whole)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: &Value, kind: Kind) -> Option<String> {
        read_cell(value, kind).ok()?.text().map(str::to_owned)
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
            assert!(read_cell(&value, Kind::Decimal).is_err(), "{value}");
        }
    }

    #[test]
    fn counts_are_whole_and_not_negative() {
        for value in [json!(-1), json!(0.5), json!("3"), json!(9e15)] {
            assert!(read_cell(&value, Kind::Count).is_err(), "{value}");
        }
        assert_eq!(
            read_cell(&json!(3.0), Kind::Count).unwrap(),
            Cell::Integer(3)
        );
        assert!(read_cell(&json!({"a": 1, "b": "2"}), Kind::Counts).is_err());
    }
}
