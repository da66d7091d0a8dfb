//! `coordinator events`: what has happened, read from the database without a coordinator.
//! It writes nothing and judges nothing.

use std::io;
use std::time::Duration;

use clap::{Args, ValueEnum};
use coordinator_config::Settings;
use serde::Serialize;
use serde_json::Value;
use shared_state::{EventFilter, EventRecord, Reader, ReaderError, Snapshot};

use crate::cli::Paths;
use crate::control::{Meant, choose_by};
use crate::output::{Output, harmless};
use crate::verbs::{chain, complain, find_settings};
use crate::{Exit, clock};

/// A read takes milliseconds; longer, and the disk hangs.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// Events that are held in memory while following, however far behind the reader is.
const PAGE: usize = 1_000;

/// The arguments of `coordinator events`.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Only of these agents and instances, also with `*` and `?`
    names: Vec<String>,
    /// Go on with what happens from now on
    #[arg(short, long)]
    follow: bool,
    /// How many of the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: usize,
    /// Only of this level and above
    #[arg(long, value_enum, default_value_t = Level::Debug)]
    level: Level,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// How grave an event is, in the order of the database's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Why it ends early. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
enum EventsError {
    #[error("{0}")]
    NoSuchAgent(String),
    #[error(transparent)]
    Read(#[from] ReaderError),
    #[error("print the events")]
    Print(#[from] io::Error),
}

/// An event as `--json` prints it: the names of docs/schema.md.
#[derive(Debug, Serialize)]
struct EventJson<'a> {
    event_id: i64,
    ts_ms: i64,
    time: String,
    instance_id: Option<i64>,
    instance: Option<&'a str>,
    invocation_id: Option<i64>,
    level: &'static str,
    kind: &'a str,
    message: &'a str,
    data: Option<&'a Value>,
}

/// Prints the newest events, oldest first.
pub(crate) fn show_events(paths: &Paths, arguments: &EventsArgs) -> Exit {
    let settings = match find_settings(paths) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    match print_events(&settings, arguments) {
        Ok(()) => Exit::Success,
        // Whoever closes the pipe early has seen what it wanted.
        Err(EventsError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Exit::Success
        }
        Err(EventsError::NoSuchAgent(name)) => complain(
            &format!(
                "there is no agent {name:?} in {}",
                settings.database.display()
            ),
            Exit::Unknown,
        ),
        Err(error @ EventsError::Read(_)) => complain(
            &format!("{} ({})", chain(&error.into()), settings.database.display()),
            Exit::Database,
        ),
        Err(error @ EventsError::Print(_)) => complain(&chain(&error.into()), Exit::Internal),
    }
}

fn print_events(settings: &Settings, arguments: &EventsArgs) -> Result<(), EventsError> {
    let mut output = Output::new();
    let mut reader = Reader::open(&settings.database)?;
    let mut version = reader.data_version()?;
    let (names, lines) = (&arguments.names, arguments.lines);
    let min_level = arguments.level as u8;
    let (chosen, mut last_id) = reader.snapshot(READ_LIMIT, |snapshot| {
        let last_id = newest_id(snapshot)?;
        let events = newest_of(snapshot, names, min_level, lines)?;
        Ok((events, last_id))
    })?;
    for event in &chosen.map_err(EventsError::NoSuchAgent)? {
        print(&mut output, event, arguments.json)?;
    }
    if !arguments.follow {
        return Ok(output.flush()?);
    }
    let meant = Meant::new(names);
    let mut is_behind = false;
    loop {
        if !is_behind {
            output.rest()?;
        }
        if reader.is_replaced() {
            // It may be missing for a while; what is open then is of no use.
            let Ok(opened) = Reader::open(&settings.database) else {
                is_behind = false;
                continue;
            };
            reader = opened;
        } else if !is_behind && reader.data_version()? == version {
            continue;
        }
        version = reader.data_version()?;
        let after = last_id;
        // Nothing is printed within: a reader that is slow must not hold a transaction open.
        let page = match reader.snapshot(READ_LIMIT, |snapshot| page_after(snapshot, after)) {
            Err(ReaderError::Busy) => {
                is_behind = false;
                continue;
            }
            page => page?,
        };
        if let Some(gap) = &page.gap {
            print_gap(&mut output, gap, arguments.json)?;
        }
        for event in &page.events {
            last_id = event.event_id;
            if event.level >= min_level && is_meant(&meant, event) {
                print(&mut output, event, arguments.json)?;
            }
        }
        is_behind = page.events.len() == PAGE;
    }
}

fn newest_id(snapshot: &Snapshot<'_>) -> Result<i64, ReaderError> {
    let filter = EventFilter {
        limit: 1,
        ..EventFilter::default()
    };
    Ok(snapshot
        .events(&filter)?
        .first()
        .map_or(0, |event| event.event_id))
}

/// The newest events of these names, oldest first; else the name that means nobody.
fn newest_of(
    snapshot: &Snapshot<'_>,
    names: &[String],
    min_level: u8,
    limit: usize,
) -> Result<Result<Vec<EventRecord>, String>, ReaderError> {
    let fleet = snapshot.fleet()?;
    let chosen = match choose_by(&fleet, |row| (&row.name, &row.agent), names) {
        Ok(chosen) => chosen,
        Err(name) => return Ok(Err(name)),
    };
    // Everybody includes the coordinator, whose events belong to no instance.
    let of: Vec<Option<i64>> = match Meant::new(names).is_all() {
        true => vec![None],
        false => chosen
            .iter()
            .map(|index| Some(fleet[*index].instance_id))
            .collect(),
    };
    let mut events = Vec::new();
    for instance_id in of {
        events.extend(snapshot.events(&EventFilter {
            instance_id,
            min_level,
            limit,
            ..EventFilter::default()
        })?);
        events.sort_by_key(|event| std::cmp::Reverse(event.event_id));
        events.truncate(limit);
    }
    events.reverse();
    Ok(Ok(events))
}

struct Page {
    gap: Option<Gap>,
    /// Oldest first.
    events: Vec<EventRecord>,
}

/// Events that were deleted by retention before they were read; of all agents, as nobody can tell any more whose they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Gap {
    /// How many.
    events: i64,
    after_event_id: i64,
    before_event_id: i64,
}

/// The first events after this one.
fn page_after(snapshot: &Snapshot<'_>, after: i64) -> Result<Page, ReaderError> {
    // Ids that begin anew are of a new file.
    let after = if newest_id(snapshot)? < after {
        0
    } else {
        after
    };
    let events = snapshot.events_after(after, PAGE)?;
    // Ids are given one after the other, and retention deletes the oldest.
    let gap = events.first().and_then(|first| {
        let events = first.event_id - after - 1;
        (events > 0).then_some(Gap {
            events,
            after_event_id: after,
            before_event_id: first.event_id,
        })
    });
    Ok(Page { gap, events })
}

fn print_gap(output: &mut Output, gap: &Gap, as_json: bool) -> io::Result<()> {
    if as_json {
        return output.print(&serde_json::json!({ "gap": gap }).to_string());
    }
    let count = gap.events;
    output.print(&format!(
        "gap: {count} events of all agents were deleted by retention before they were read here"
    ))
}

fn is_meant(meant: &Meant, event: &EventRecord) -> bool {
    // `:` cannot stand in an agent's name.
    let names = event.instance.as_deref().map(|name| {
        let agent = name.split_once(':').map_or(name, |(agent, _)| agent);
        (name, agent)
    });
    names.map_or(meant.is_all(), |names| meant.includes(names))
}

fn print(output: &mut Output, event: &EventRecord, as_json: bool) -> io::Result<()> {
    let level = level_word(event.level);
    let time = clock::text(event.ts_ms);
    if !as_json {
        let instance = event.instance.as_deref().unwrap_or("coordinator");
        let text = format!(
            "{time} {level:5} {instance} {}: {}",
            event.kind, event.message
        );
        return output.print(&harmless(&text));
    }
    let json = serde_json::to_string(&EventJson {
        event_id: event.event_id,
        ts_ms: event.ts_ms,
        time,
        instance_id: event.instance_id,
        instance: event.instance.as_deref(),
        invocation_id: event.invocation_id,
        level,
        kind: &event.kind,
        message: &event.message,
        data: event.data.as_ref(),
    })?;
    output.print(&json)
}

fn level_word(level: u8) -> &'static str {
    match level {
        0 => "debug",
        1 => "info",
        2 => "warn",
        _ => "error",
    }
}
