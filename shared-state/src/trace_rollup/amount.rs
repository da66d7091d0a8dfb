//! Sums of exact decimals, fast where they are of usual length. It rounds nothing.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;

use super::parse;

/// Digits behind the point that are added as whole numbers: prices are per token, with some twelve digits.
const DIGITS: usize = 24;
/// Digits before it: a hundred million sums of them fit into 128 bits.
const WHOLE_DIGITS_MAX: usize = 6;

/// A decimal as it is stored.
#[derive(Clone, Debug)]
pub(crate) enum Decimal {
    /// In units of the last digit.
    Units(i128),
    /// Longer than usual.
    Long(BigDecimal),
}

impl Decimal {
    /// A decimal that this crate wrote.
    pub(crate) fn read(text: &str) -> Self {
        units(text.as_bytes()).map_or_else(|| Self::Long(parse(text)), Self::Units)
    }
}

fn units(text: &[u8]) -> Option<i128> {
    let (sign, text) = match text {
        [b'-', rest @ ..] => (-1, rest),
        _ => (1, text),
    };
    let point = text.iter().position(|byte| *byte == b'.');
    let whole = &text[..point.unwrap_or(text.len())];
    let behind = point.map_or(&[][..], |at| &text[at + 1..]);
    if whole.is_empty() || whole.len() > WHOLE_DIGITS_MAX || behind.len() > DIGITS {
        return None;
    }
    let mut value: i128 = 0;
    for byte in whole.iter().chain(behind) {
        value = value * 10 + i128::from(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    let missing = u32::try_from(DIGITS - behind.len()).ok()?;
    Some(sign * value * 10_i128.pow(missing))
}

/// A sum of decimals.
#[derive(Clone, Debug, Default)]
pub(crate) struct Amount {
    units: i128,
    rest: BigDecimal,
}

impl Amount {
    /// Adds one.
    pub(crate) fn add(&mut self, decimal: &Decimal) {
        match decimal {
            Decimal::Units(units) => self.add_units(*units),
            Decimal::Long(long) => self.rest += long,
        }
    }

    fn add_units(&mut self, units: i128) {
        match self.units.checked_add(units) {
            Some(sum) => self.units = sum,
            None => {
                self.rest += of_units(self.units);
                self.units = units;
            }
        }
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.add_units(other.units);
        self.rest += &other.rest;
    }

    /// All of it.
    pub(crate) fn total(&self) -> BigDecimal {
        of_units(self.units) + &self.rest
    }
}

fn of_units(units: i128) -> BigDecimal {
    BigDecimal::new(BigInt::from(units), i64::try_from(DIGITS).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace_rollup::plain;

    proptest! {
        #[test]
        fn a_sum_is_that_of_exact_decimals(texts in prop::collection::vec("-?[0-9]{1,9}(\\.[0-9]{1,30})?", 0..20)) {
            let (mut amount, mut other, mut exact) = (Amount::default(), Amount::default(), BigDecimal::default());
            for (n, text) in texts.iter().enumerate() {
                let part = if n % 2 == 0 { &mut amount } else { &mut other };
                part.add(&Decimal::read(text));
                exact += parse(text);
            }
            amount.merge(&other);
            prop_assert_eq!(plain(&amount.total()), plain(&exact));
        }
    }

    #[test]
    fn what_does_not_fit_is_kept_beside() {
        let mut amount = Amount::default();
        amount.add_units(i128::MAX);
        amount.add_units(i128::MAX);
        let exact = of_units(i128::MAX) + of_units(i128::MAX);
        assert_eq!(amount.total(), exact);
        assert!(matches!(Decimal::read("1e5"), Decimal::Long(_)));
        assert!(matches!(Decimal::read("0.0125"), Decimal::Units(_)));
    }
}
