//! When an agent runs: an expression of cron, or a time between two starts. Pure: the time now is an argument.
//! What happens if a run is still going then is decided by the lifecycle.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use toml::de::DeValue;

use crate::inline_schema::inline_schema;
use crate::problems::{Origin, Problems};
use crate::quantity::{DAY, SECOND, duration_from_text, duration_text};
use crate::value::{FromToml, describe};

/// The value of `schedule`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// So long after the time before, counted from the start of the coordinator.
    Every(Duration),
    /// At the times of an expression with five fields: minute, hour, day of month, month, day of week.
    Cron(String),
}

/// The value of `time_zone`: a name that the time zone database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(String);

impl Zone {
    /// Such as `Europe/Zurich`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Schedule {
    /// As it is written in the file.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Every(interval) => format!("every {}", duration_text(*interval)),
            Self::Cron(expression) => expression.clone(),
        }
    }

    /// The first time after `now_ms`, in milliseconds since 1970 UTC. `zone` absent: the machine's. `None`: there is none,
    /// or it is beyond what a calendar holds.
    #[must_use]
    pub fn next_after_ms(&self, now_ms: i64, zone: Option<&Zone>) -> Option<i64> {
        match self {
            Self::Every(interval) => now_ms.checked_add(i64::try_from(interval.as_millis()).ok()?),
            Self::Cron(expression) => {
                let zone = match zone {
                    Some(zone) => TimeZone::get(&zone.0).ok()?,
                    None => TimeZone::system(),
                };
                let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(zone);
                let next = parse(expression)
                    .ok()?
                    .find_next_occurrence(&now, false)
                    .ok()?;
                Some(next.timestamp().as_millisecond())
            }
        }
    }
}

fn parse(expression: &str) -> Result<Cron, String> {
    if expression.split_whitespace().count() != 5 {
        return Err("it does not have five fields".to_owned());
    }
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build();
    parser.parse(expression).map_err(|error| error.to_string())
}

const EXPECTED: &str = "minute, hour, day of month, month and day of week, or \"every\" and a duration from \"1s\" to \"365d\"";

impl FromToml for Schedule {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let help = |text: &str| Some(format!("{text}: \"30 6 * * mon-fri\", \"every 10m\""));
        let Some(text) = value.as_str() else {
            problems.add(
                origin,
                describe(value),
                EXPECTED,
                help("put it into quotes"),
            );
            return None;
        };
        if let Some(interval) = text.strip_prefix("every ") {
            let range = SECOND..=365 * DAY;
            let fits =
                |time: &Duration| range.contains(&u64::try_from(time.as_millis()).unwrap_or(0));
            let interval = duration_from_text(interval.trim()).ok().filter(fits);
            if interval.is_none() {
                problems.add(origin, describe(value), EXPECTED, help("such as"));
            }
            return interval.map(Self::Every);
        }
        let schedule = Self::Cron(text.to_owned());
        // A leap day may be eight years away, from 1896 on; one that is not in this span never comes.
        let why = match parse(text) {
            Err(why) => why,
            Ok(_)
                if schedule
                    .next_after_ms(0, Some(&Zone("UTC".to_owned())))
                    .is_none() =>
            {
                "such a time never comes".to_owned()
            }
            Ok(_) => return Some(schedule),
        };
        problems.add(
            origin,
            format!("found {text:?}: {why}"),
            EXPECTED,
            help("such as"),
        );
        None
    }
}

impl FromToml for Zone {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let text = String::read(value, origin, problems)?;
        if TimeZone::get(&text).is_ok() {
            return Some(Self(text));
        }
        let found = format!("found {text:?}, which the time zone database does not know");
        let help = Some("`timedatectl list-timezones` lists them".to_owned());
        problems.add(
            origin,
            found,
            "a name such as \"Europe/Zurich\" or \"UTC\"",
            help,
        );
        None
    }
}

inline_schema!([] Schedule, "Schedule", { "type": "string" });
inline_schema!([] Zone, "Zone", { "type": "string" });
