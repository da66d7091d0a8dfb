//! Responsible for keeping an amount of money exactly as it was received, as plain decimal text.
//! It does no arithmetic and never passes through floating point.

/// Exponents beyond this are no amount of money; the bound keeps the text short.
const EXPONENT_MAX: i32 = 40;

/// Digits beyond this are no amount of money either.
const DIGITS_MAX: usize = 80;

/// The plain decimal that `text` denotes, such as `0.00012` for `1.2e-4`; absent if it is no decimal number.
/// Without an exponent the text comes back as it is, trailing zeros included.
pub fn plain_decimal(text: &str) -> Option<String> {
    let text = text.trim();
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let digits = whole.len() + fraction.len();
    if digits == 0
        || digits > DIGITS_MAX
        || !is_digits(whole)
        || !is_digits(fraction)
        || exponent.abs() > EXPONENT_MAX
    {
        return None;
    }
    if exponent == 0 && !whole.is_empty() && !mantissa.ends_with('.') {
        return Some(format!("{sign}{mantissa}"));
    }
    Some(format!("{sign}{}", shift_point(whole, fraction, exponent)))
}

/// An amount as JSON: a number, or text with a number in it; both occur.
pub fn read_cost(json: &str) -> Option<String> {
    if json.starts_with('"') {
        return plain_decimal(&serde_json::from_str::<String>(json).ok()?);
    }
    plain_decimal(json)
}

/// Moves the point of `whole.fraction` to the right by `exponent` places.
fn shift_point(whole: &str, fraction: &str, exponent: i32) -> String {
    let digits = format!("{whole}{fraction}");
    let point =
        i64::try_from(whole.len()).expect("at most DIGITS_MAX digits") + i64::from(exponent);
    let length = i64::try_from(digits.len()).expect("at most DIGITS_MAX digits");
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    let (whole, fraction) = if point <= 0 {
        (String::new(), format!("{}{digits}", zeros(-point)))
    } else if point >= length {
        (format!("{digits}{}", zeros(point - length)), String::new())
    } else {
        let (whole, fraction) = digits.split_at(usize::try_from(point).expect("positive here"));
        (whole.to_owned(), fraction.to_owned())
    };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_comes_back_as_it_is() {
        for text in ["0", "0.1", "12.340", "-3.5", "0.000000000000000000123"] {
            assert_eq!(plain_decimal(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn an_exponent_is_written_out_exactly() {
        for (text, plain) in [
            ("1e-05", "0.00001"),
            ("1.25E-3", "0.00125"),
            ("1.5e2", "150"),
            ("1.2345e2", "123.45"),
            ("-4e0", "-4"),
            ("0E-10", "0.0000000000"),
            (".5", "0.5"),
            ("+2.", "2"),
        ] {
            assert_eq!(plain_decimal(text).as_deref(), Some(plain), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_absent() {
        for text in [
            "",
            "-",
            ".",
            "NaN",
            "Infinity",
            "1,5",
            "0x10",
            "1e",
            "1e999",
            "1e-2147483649",
            "$1",
            "1.2.3",
        ] {
            assert_eq!(plain_decimal(text), None, "{text}");
        }
        assert_eq!(plain_decimal(&"9".repeat(200)), None);
    }
}
