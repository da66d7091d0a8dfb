//! JSON of agents in the form in which it is stored. It knows no column.

use std::borrow::Cow;

use serde_json::Value;

/// JSON that is nested deeper, or has longer numbers, is not taken as it is; readers stop at 128 levels.
const PLAIN_DEPTH_MAX: usize = 100;
const PLAIN_DIGITS_MAX: usize = 15;

/// JSON as it is stored: as it was sent where that is plain, or else written anew.
pub(super) fn compact(json: &str) -> Option<Cow<'_, str>> {
    if is_plain(json) {
        return Some(Cow::Borrowed(json));
    }
    let value: Value = serde_json::from_str(json).ok()?;
    Some(Cow::Owned(value.to_string()))
}

/// Whether every reader takes this JSON: no white space, no escapes of code points, which may be halves of a character, no numbers
/// that may be beyond 64 bits, and not nested deep.
fn is_plain(json: &str) -> bool {
    let (mut depth, mut digits) = (0_usize, 0_usize);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => loop {
                match bytes.next() {
                    Some(b'"') | None => break,
                    Some(b'\\') if bytes.next() == Some(b'u') => return false,
                    Some(_) => {}
                }
            },
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b' ' | b'\n' | b'\t' | b'\r' => return false,
            b'e' | b'E' if digits > 0 => return false,
            _ => {}
        }
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        if depth > PLAIN_DEPTH_MAX || digits > PLAIN_DIGITS_MAX {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_stored_as_sent_unless_a_reader_might_stumble_over_it() {
        let stored = |json: &str| compact(json).map(Cow::into_owned);
        for plain in [
            r#"{"b":[1,-2.5,true],"a":"x e1 \"[ \\"}"#,
            r#""text""#,
            "[]",
        ] {
            assert_eq!(stored(plain).as_deref(), Some(plain));
        }
        assert_eq!(
            stored(r#"{ "a" : "\u00e9" }"#).as_deref(),
            Some(r#"{"a":"é"}"#)
        );
        assert_eq!(stored("[1e2]").as_deref(), Some("[100.0]"));
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(stored(&deep(110)).is_some());
        for refused in [&deep(200), r#""\ud800""#, "[1e999]", &"9".repeat(400)] {
            assert_eq!(stored(refused), None);
        }
    }
}
