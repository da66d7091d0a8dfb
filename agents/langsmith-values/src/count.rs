//! Responsible for whole numbers as JSON text.
//! It does not judge whether a number is plausible.

/// A whole number of tokens, also when it is written as `3.0`; absent if it is none or is negative.
pub fn read_count(json: &str) -> Option<i64> {
    let count = json.parse().ok().or_else(|| {
        let number = serde_json::from_str::<f64>(json).ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })?;
    (count >= 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_that_are_not_negative_are_counts() {
        assert_eq!(read_count("12"), Some(12));
        assert_eq!(read_count("3.0"), Some(3));
        assert_eq!(read_count("1e3"), Some(1000));
        for text in ["", "-1", "1.5", "\"7\"", "null", "1e300"] {
            assert_eq!(read_count(text), None, "{text}");
        }
    }
}
