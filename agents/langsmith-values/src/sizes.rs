//! Responsible for making values fit: a row has to fit into a line of the wire.
//! It does not say how large a value may be.

use serde::Serialize;
use serde_json::{Value, json};

/// Shortens `text` to whole characters within `bytes_max` and marks the place; says whether it did.
pub fn cut(text: &mut String, bytes_max: usize) -> bool {
    let mut keep = bytes_max;
    if text.len() <= keep && json_bytes(text) > 2 * bytes_max {
        keep = bytes_max / 3; // control characters take six bytes each in JSON
    }
    if text.len() <= keep {
        return false;
    }
    text.truncate(text.floor_char_boundary(keep.saturating_sub('…'.len_utf8())));
    text.push('…');
    if json_bytes(text) > 2 * bytes_max {
        cut(text, bytes_max);
    }
    true
}

/// The size of a value on the wire.
pub fn json_bytes<T: Serialize + ?Sized>(value: &T) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |text| text.len())
}

/// What stands in place of a JSON value that is too large: it cannot be cut without changing its meaning.
pub fn omitted(bytes: usize) -> Value {
    json!({"omitted_bytes": bytes})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cut_text_fits_and_begins_as_before(text in ".{0,400}", bytes_max in 8_usize..200) {
            let mut short = text.clone();
            let was_cut = cut(&mut short, bytes_max);
            prop_assert!(short.len() <= bytes_max && json_bytes(&short) <= 2 * bytes_max + 2);
            if was_cut {
                prop_assert!(text.starts_with(short.strip_suffix('…').unwrap()));
            } else {
                prop_assert_eq!(short, text);
            }
        }
    }
}
