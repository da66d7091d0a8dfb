//! Reads fields the way that scripting languages write them: null for absent, floats for whole numbers.
//! It does not loosen what a field means: a figure that is not a finite number is never made up.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::KEY_BYTES_MAX;

/// Reads `null` as if the key were absent: Python's `None` and JavaScript's `null` mean just that.
pub(crate) fn null_as_absent<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads figures by name. A figure of `null` is left out: JavaScript writes NaN and infinity so.
pub(crate) fn figures<'de, D>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(Figures)
}

struct Figures;

impl<'de> Visitor<'de> for Figures {
    type Value = BTreeMap<String, f64>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of numbers")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut figures = BTreeMap::new();
        while let Some((name, figure)) = entries.next_entry::<String, Option<f64>>()? {
            match figure {
                Some(figure) if figure.is_finite() => {
                    figures.insert(name, figure);
                }
                // The last one wins, also when it says that there is no figure.
                Some(_) | None => {
                    figures.remove(&name);
                }
            }
        }
        Ok(figures)
    }
}

/// Reads a count. Fractions are cut: `seq` from a language that knows only floats is still a count.
pub(crate) fn whole_u64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match deserializer.deserialize_any(Whole)? {
        None => Ok(0),
        Some(number) => u64::try_from(number).map_err(|_| Error::custom("a count below zero")),
    }
}

/// Reads a time. Fractions are cut: Python's `time.time() * 1000` is a float.
pub(crate) fn whole_i64<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    match deserializer.deserialize_any(Whole)? {
        None => Ok(None),
        Some(number) => i64::try_from(number)
            .map(Some)
            .map_err(|_| Error::custom("a time beyond 64 bits")),
    }
}

/// A whole number, or `None` for null. `i128` holds every number of either sign that JSON readers give.
struct Whole;

impl Visitor<'_> for Whole {
    type Value = Option<i128>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(i128::from(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(i128::from(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        // Saturates instead of wrapping, so the range check of the caller catches what does not fit.
        Ok(Some(number as i128))
    }
}

/// Reads a key of the shared state and holds it to its length.
pub(crate) fn state_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let key = String::deserialize(deserializer)?;
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Error::custom(format_args!(
            "a key of {} bytes, expected 1 to {KEY_BYTES_MAX}",
            key.len()
        )));
    }
    Ok(key)
}
