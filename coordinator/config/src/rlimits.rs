//! The table `rlimits`: resource limits by their names in the shell, each a number for both or soft and hard apart.
//! What is allowed to whom is the kernel's business.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use toml::de::DeValue;

use crate::problems::{Origin, Problems};
use crate::quantity::parse_bytes;
use crate::value::{FromToml, describe, integer, table, unknown_key};

/// A resource that the kernel limits for a process, by its name in the shell and in setrlimit(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Address space, in bytes.
    As,
    /// The size of a core file, in bytes.
    Core,
    /// Time on a processor, in seconds.
    Cpu,
    /// The heap, in bytes.
    Data,
    /// The size of a file that it writes, in bytes.
    Fsize,
    /// Memory that it locks, in bytes.
    Memlock,
    /// POSIX message queues, in bytes.
    Msgqueue,
    /// Open files.
    Nofile,
    /// Processes of its user.
    Nproc,
    /// Real-time priority.
    Rtprio,
    /// Signals that wait.
    Sigpending,
    /// The stack, in bytes.
    Stack,
}

const ALL: [Resource; 12] = [
    Resource::As,
    Resource::Core,
    Resource::Cpu,
    Resource::Data,
    Resource::Fsize,
    Resource::Memlock,
    Resource::Msgqueue,
    Resource::Nofile,
    Resource::Nproc,
    Resource::Rtprio,
    Resource::Sigpending,
    Resource::Stack,
];

/// The value of a limit that is none.
pub const UNLIMITED: u64 = u64::MAX;

/// A soft and a hard limit; what is absent stays as the coordinator has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimit {
    /// What is in force; the process may raise it up to the hard one.
    pub soft: Option<u64>,
    /// What only a privileged process may raise.
    pub hard: Option<u64>,
}

/// The limits that differ from the coordinator's own.
pub type ResourceLimits = BTreeMap<Resource, ResourceLimit>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LimitsTable(pub(crate) ResourceLimits);

impl FromToml for LimitsTable {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let mut limits = ResourceLimits::new();
        for (key, value) in table(value, origin, problems)? {
            let name = key.get_ref().as_ref();
            let Some(resource) = ALL.into_iter().find(|known| known.as_str() == name) else {
                let known = ALL.map(Resource::as_str);
                unknown_key(&origin.entry(name, key.span()), name, &known, problems);
                continue;
            };
            let here = origin.entry(name, value.span());
            if let Some(limit) = read_limit(resource, value.get_ref(), &here, problems) {
                limits.insert(resource, limit);
            }
        }
        Some(Self(limits))
    }
}

fn read_limit(
    resource: Resource,
    value: &DeValue<'_>,
    origin: &Origin,
    problems: &mut Problems<'_>,
) -> Option<ResourceLimit> {
    let DeValue::Table(entries) = value else {
        let both = read_bound(resource, value, origin, problems);
        return both.map(|bound| ResourceLimit {
            soft: Some(bound),
            hard: Some(bound),
        });
    };
    let mut limit = ResourceLimit {
        soft: None,
        hard: None,
    };
    for (key, value) in entries {
        let name = key.get_ref().as_ref();
        let here = origin.entry(name, value.span());
        let place = match name {
            "soft" => &mut limit.soft,
            "hard" => &mut limit.hard,
            _ => {
                let here = origin.entry(name, key.span());
                unknown_key(&here, name, &["soft", "hard"], problems);
                return None;
            }
        };
        *place = Some(read_bound(resource, value.get_ref(), &here, problems)?);
    }
    if let (Some(soft), Some(hard)) = (limit.soft, limit.hard)
        && soft > hard
    {
        let found = "found a soft limit above the hard one";
        problems.add(origin, found, "soft at most hard", None);
        return None;
    }
    Some(limit)
}

fn read_bound(
    resource: Resource,
    value: &DeValue<'_>,
    origin: &Origin,
    problems: &mut Problems<'_>,
) -> Option<u64> {
    let bound = match value {
        DeValue::Integer(number) => integer(number).and_then(|number| u64::try_from(number).ok()),
        DeValue::String(text) if text == "unlimited" => Some(UNLIMITED),
        DeValue::String(text) if resource.counts_bytes() => parse_bytes(text),
        _ => None,
    };
    if bound.is_none() {
        let sizes = match resource.counts_bytes() {
            true => ", a size such as \"512MiB\"",
            false => "",
        };
        let expected =
            format!("a number from 0{sizes}, \"unlimited\", or a table of soft and hard");
        problems.add(origin, describe(value), expected, None);
    }
    bound
}

impl Resource {
    /// The word for it in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::As => "as",
            Self::Core => "core",
            Self::Cpu => "cpu",
            Self::Data => "data",
            Self::Fsize => "fsize",
            Self::Memlock => "memlock",
            Self::Msgqueue => "msgqueue",
            Self::Nofile => "nofile",
            Self::Nproc => "nproc",
            Self::Rtprio => "rtprio",
            Self::Sigpending => "sigpending",
            Self::Stack => "stack",
        }
    }

    fn counts_bytes(self) -> bool {
        match self {
            Self::As
            | Self::Core
            | Self::Data
            | Self::Fsize
            | Self::Memlock
            | Self::Msgqueue
            | Self::Stack => true,
            Self::Cpu | Self::Nofile | Self::Nproc | Self::Rtprio | Self::Sigpending => false,
        }
    }
}

/// As it could stand in the file.
pub(crate) fn limits_json(limits: &ResourceLimits) -> Map<String, Value> {
    let bound = |bound: u64| match bound {
        UNLIMITED => json!("unlimited"),
        number => json!(number),
    };
    let entries = limits.iter().map(|(resource, limit)| {
        let value = match (limit.soft, limit.hard) {
            (Some(soft), Some(hard)) if soft == hard => bound(soft),
            (soft, hard) => {
                let sides = [("soft", soft), ("hard", hard)];
                let given = sides
                    .into_iter()
                    .filter_map(|(side, value)| Some((side.to_owned(), bound(value?))));
                Value::Object(given.collect())
            }
        };
        (resource.as_str().to_owned(), value)
    });
    entries.collect()
}

impl JsonSchema for LimitsTable {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Rlimits".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let properties: Map<String, Value> = ALL
            .into_iter()
            .map(|resource| {
                let pattern = match resource.counts_bytes() {
                    true => "^(unlimited|[0-9]+ ?(B|kB|KiB|MB|MiB|GB|GiB))$",
                    false => "^unlimited$",
                };
                let bound = json!({ "anyOf": [
                    { "type": "integer", "minimum": 0 },
                    { "type": "string", "pattern": pattern },
                ] });
                let both = json!({
                    "type": "object",
                    "properties": { "soft": bound, "hard": bound },
                    "additionalProperties": false,
                });
                let value = json!({ "anyOf": [bound, both] });
                (resource.as_str().to_owned(), value)
            })
            .collect();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}
