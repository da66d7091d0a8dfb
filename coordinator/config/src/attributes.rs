//! What a process gets besides its program: whose it is, its mask of file modes, its place among others, its control group.
//! Whether a user exists is not asked here; its resource limits stand in `rlimits`.

use std::path::PathBuf;

use toml::de::DeValue;

use crate::inline_schema::inline_schema;
use crate::problems::{Origin, Problems};
use crate::value::{FromToml, describe, integer};

/// A user or a group, by name or by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account(pub(crate) String);

/// Where the control groups of agents are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Containment {
    /// Below the coordinator's own, if that was delegated to it.
    Auto,
    /// Nowhere: agents are contained by process groups.
    Off,
    /// Below this one.
    Below(PathBuf),
}

/// The permissions that new files do not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Umask(pub(crate) u32);

/// A number of processors, also a part of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cores(pub(crate) f64);

/// A whole number that may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signed<const MIN: i32, const MAX: i32>(pub(crate) i32);

impl FromToml for Account {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let text = match value {
            DeValue::Integer(number) => integer(number)
                .and_then(|number| u32::try_from(number).ok())
                .map(|id| id.to_string()),
            DeValue::String(text) => {
                let is_name = !text.is_empty() && !text.contains(['\0', ':', '/', '\n', ' ']);
                is_name.then(|| text.clone().into_owned())
            }
            _ => None,
        };
        // The kernel takes the largest number for "leave as it is".
        let text = text.filter(|text| text.parse() != Ok(u32::MAX));
        if text.is_none() {
            let expected = "a name such as \"nobody\", or a number from 0 to 4294967294";
            problems.add(origin, describe(value), expected, None);
        }
        text.map(Self)
    }
}

impl FromToml for Umask {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let digits = value.as_str().filter(|text| (1..=4).contains(&text.len()));
        let mask = digits
            .filter(|text| text.bytes().all(|byte| (b'0'..=b'7').contains(&byte)))
            .and_then(|text| u32::from_str_radix(text, 8).ok())
            .filter(|mask| *mask <= 0o777);
        if mask.is_none() {
            let help = matches!(value, DeValue::Integer(_))
                .then(|| "put it into quotes: a bare number would not be read as octal".to_owned());
            let expected = "octal digits in quotes from \"000\" to \"777\", such as \"027\"";
            problems.add(origin, describe(value), expected, help);
        }
        mask.map(Self)
    }
}

impl<const MIN: i32, const MAX: i32> FromToml for Signed<MIN, MAX> {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let number = value.as_integer().and_then(integer);
        let fitting = number
            .and_then(|number| i32::try_from(number).ok())
            .filter(|number| (MIN..=MAX).contains(number));
        if fitting.is_none() {
            let help = value.is_str().then(|| "write it without quotes".to_owned());
            let expected = format!("a whole number from {MIN} to {MAX}");
            problems.add(origin, describe(value), expected, help);
        }
        fitting.map(Self)
    }
}

/// The kernel takes no share below a hundredth of a processor, and no machine has more than the other bound.
const CORES: std::ops::RangeInclusive<f64> = 0.01..=4096.0;

impl FromToml for Cores {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let number: Option<f64> = match value {
            DeValue::Integer(number) => {
                integer(number).and_then(|number| i32::try_from(number).ok().map(f64::from))
            }
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let fitting = number.filter(|number| CORES.contains(number));
        if fitting.is_none() {
            let expected = "a number of processors from 0.01 to 4096, such as 1.5";
            problems.add(origin, describe(value), expected, None);
        }
        fitting.map(Self)
    }
}

impl FromToml for Containment {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        match value.as_str() {
            Some("auto") => Some(Self::Auto),
            Some("off") => Some(Self::Off),
            Some(path) if path.starts_with('/') && !path.contains('\0') => {
                Some(Self::Below(path.into()))
            }
            _ => {
                let expected = "\"auto\", \"off\", or the whole path of a control group's folder";
                problems.add(origin, describe(value), expected, None);
                None
            }
        }
    }
}

inline_schema!([] Account, "Account", { "anyOf": [
    { "type": "string", "pattern": "^[^:/\\s]+$" },
    { "type": "integer", "minimum": 0, "maximum": 4_294_967_294_u32 },
] });
inline_schema!([] Cores, "Cores", { "type": "number", "minimum": 0.01, "maximum": 4096 });
inline_schema!([] Containment, "Containment", { "anyOf": [
    { "enum": ["auto", "off"] },
    { "type": "string", "pattern": "^/" },
] });
inline_schema!([] Umask, "Umask", { "type": "string", "pattern": "^0?[0-7]{1,3}$" });
inline_schema!([const MIN: i32, const MAX: i32] Signed<MIN, MAX>, "Signed",
    { "type": "integer", "minimum": MIN, "maximum": MAX });
