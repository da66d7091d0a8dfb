//! Reads one TOML value as what a key wants, or says what is wrong with it.
//! Whether values fit together is checked later.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::problems::{Origin, Problems, alternatives, nearest};
use crate::{Condition, LogFormat, LogLevel, Overlap, Protocol, Restart, Signal, Synchronous};

/// A value together with where it stands; a built-in default stands nowhere.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found<T> {
    pub(crate) value: T,
    pub(crate) origin: Option<Origin>,
}

/// What can stand at a key.
pub(crate) trait FromToml: Sized {
    /// Reads it; `None` after at least one problem was added.
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self>;
}

/// Reads the entry of a table.
pub(crate) fn read_found<T: FromToml>(
    value: &Spanned<DeValue<'_>>,
    origin: Origin,
    problems: &mut Problems<'_>,
) -> Option<Found<T>> {
    let value = T::read(value.get_ref(), &origin, problems)?;
    Some(Found {
        value,
        origin: Some(origin),
    })
}

/// What stands there, short enough for one line.
pub(crate) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() <= 60 => format!("found {text:?}"),
        DeValue::String(_) => "found a long string".to_owned(),
        DeValue::Integer(number) => format!("found the number {number}"),
        DeValue::Float(number) => format!("found the number {}", number.as_str()),
        DeValue::Boolean(value) => format!("found {value}"),
        DeValue::Datetime(_) => "found a date or time".to_owned(),
        DeValue::Array(_) => "found an array".to_owned(),
        DeValue::Table(_) => "found a table".to_owned(),
    }
}

/// The integer, if it is one of 64 bits.
pub(crate) fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

impl FromToml for bool {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        if let DeValue::Boolean(value) = value {
            return Some(*value);
        }
        let help = match value {
            DeValue::String(_) => Some("write it without quotes".to_owned()),
            _ => None,
        };
        problems.add(origin, describe(value), "true or false", help);
        None
    }
}

impl FromToml for String {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        match value {
            DeValue::String(text) if text.contains('\0') => {
                problems.add(origin, "found a NUL character", "a string without it", None);
                None
            }
            DeValue::String(text) => Some(text.clone().into_owned()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                let help = Some("put it into quotes".to_owned());
                problems.add(origin, describe(value), "a string", help);
                None
            }
            _ => {
                problems.add(origin, describe(value), "a string", None);
                None
            }
        }
    }
}

impl FromToml for PathBuf {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let text = String::read(value, origin, problems)?;
        if text.is_empty() {
            problems.add(
                origin,
                "found an empty path",
                "a path",
                Some("leave the key out".to_owned()),
            );
            return None;
        }
        if text.starts_with("~/") {
            let help = Some("`~` is the shell's; write the whole path".to_owned());
            problems.add(origin, format!("found {text:?}"), "a path", help);
            return None;
        }
        Some(Self::from(text))
    }
}

impl<T: FromToml> FromToml for Vec<T> {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let DeValue::Array(array) = value else {
            let help = Some("put it into brackets: [ … ]".to_owned());
            problems.add(origin, describe(value), "an array", help);
            return None;
        };
        let items: Vec<Option<T>> = array
            .iter()
            .map(|item| {
                let origin = Origin {
                    span: item.span(),
                    key: origin.key.clone(),
                };
                T::read(item.get_ref(), &origin, problems)
            })
            .collect();
        items.into_iter().collect()
    }
}

/// Says that a key does not exist.
pub(crate) fn unknown_key(
    origin: &Origin,
    name: &str,
    known: &[&str],
    problems: &mut Problems<'_>,
) {
    let help = match nearest(name, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => "remove it, or see docs/configuration.md for every key".to_owned(),
    };
    let expected = format!("one of {}", known.join(", "));
    problems.add(origin, "there is no such key", expected, Some(help));
}

/// The table that stands here.
pub(crate) fn table<'v, 'i>(
    value: &'v DeValue<'i>,
    origin: &Origin,
    problems: &mut Problems<'_>,
) -> Option<&'v DeTable<'i>> {
    if let DeValue::Table(table) = value {
        return Some(table);
    }
    problems.add(origin, describe(value), "a table", None);
    None
}

fn read_word<T: Copy>(
    words: &[(&str, T)],
    what: &str,
    value: &DeValue<'_>,
    origin: &Origin,
    problems: &mut Problems<'_>,
) -> Option<T> {
    let known = || words.iter().map(|(word, _)| *word);
    let text = value.as_str();
    let hit = text.and_then(|text| words.iter().find(|(word, _)| *word == text));
    if let Some((_, choice)) = hit {
        return Some(*choice);
    }
    let help = text
        .and_then(|text| nearest(text.strip_prefix("SIG").unwrap_or(text), known()))
        .map(|word| format!("did you mean \"{word}\"?"));
    let expected = format!("{what}: {}", alternatives(known()));
    problems.add(origin, describe(value), expected, help);
    None
}

macro_rules! read_choices {
    ($($name:ident),+) => {$(
        impl FromToml for $name {
            fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
                read_word(Self::WORDS, Self::WHAT, value, origin, problems)
            }
        }
    )+};
}
read_choices!(
    Condition,
    LogFormat,
    LogLevel,
    Overlap,
    Protocol,
    Restart,
    Signal,
    Synchronous
);
