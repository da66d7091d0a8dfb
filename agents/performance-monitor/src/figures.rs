//! Responsible for what figures are: names with values, rounded to what the measurement holds.
//! It does not know where they come from.

use std::collections::BTreeMap;
use std::time::Duration;

/// Figures by name; a name ends in its unit.
pub(crate) type Figures = BTreeMap<String, f64>;

/// Adds a figure if it was measured.
pub(crate) fn add(figures: &mut Figures, name: impl Into<String>, value: Option<f64>) {
    if let Some(value) = value.filter(|value| value.is_finite()) {
        figures.insert(name.into(), value);
    }
}

/// A part of a whole in percent, to the hundredth; nothing of nothing is unknown.
pub(crate) fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| hundredths(part as f64 * 100.0 / whole as f64))
}

/// An amount over a time, to the whole number.
pub(crate) fn per_second(amount: u64, elapsed: Duration) -> Option<f64> {
    let seconds = elapsed.as_secs_f64();
    (seconds > 0.0).then(|| (amount as f64 / seconds).round())
}

/// Rounded to two digits: what the kernel counts in ticks and prints with two digits is no more exact.
pub(crate) fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Bytes for people.
pub(crate) fn bytes_in_words(bytes: f64) -> String {
    for (unit, name) in [
        (1u64 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ] {
        if bytes >= unit as f64 {
            return format!("{:.1} {name}", bytes / unit as f64);
        }
    }
    format!("{bytes:.0} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_known_is_no_figure() {
        let mut figures = Figures::new();
        add(&mut figures, "swap_percent", percent(0, 0));
        add(&mut figures, "rate", per_second(7, Duration::ZERO));
        add(&mut figures, "nan", Some(f64::NAN));
        assert!(figures.is_empty());
        assert_eq!(percent(1, 3), Some(33.33));
        assert_eq!(per_second(1000, Duration::from_millis(1500)), Some(667.0));
    }

    #[test]
    fn bytes_are_told_in_the_largest_unit_that_fits() {
        assert_eq!(bytes_in_words(1023.0), "1023 bytes");
        assert_eq!(bytes_in_words(1536.0), "1.5 KiB");
        assert_eq!(bytes_in_words(3.0 * 1024.0 * 1024.0 * 1024.0), "3.0 GiB");
    }
}
