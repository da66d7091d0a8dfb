//! Holds the table in `docs/ARCHITECTURE.md` to the machine: every cell is driven by real events.
//! What the phases' times are is not its business; `decisions` and `sequences` judge them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lifecycle::{
    Cause, Effect, Event, Goal, Left, Lifecycle, MaxAge, Overlap, Phase, Policy, Readiness, Restart,
};

const DOCUMENT: &str = include_str!("../../../docs/ARCHITECTURE.md");

const COLUMNS: [&str; 13] = [
    "Stopped",
    "Scheduled",
    "Waiting",
    "Spawning",
    "Spawning (unwanted)",
    "Backoff",
    "Exited",
    "Fatal",
    "Starting",
    "Running",
    "Unhealthy",
    "Stopping",
    "Stopping (wanted)",
];

const ROWS: [&str; 30] = [
    "Start",
    "Start, dependencies not ready",
    "Enable",
    "Enable, no schedule",
    "Due",
    "Due, queue",
    "Due, no schedule",
    "Reset",
    "Reconfigured",
    "Reconfigured, no schedule",
    "Stop",
    "Kill",
    "Dependencies ready",
    "Dependencies not ready",
    "Spawned",
    "Gone, finished",
    "Gone, restart is never",
    "Gone, failed",
    "Gone, failed, no delay",
    "Gone, failed, no delay, dependencies not ready",
    "Gone, failed too often",
    "Gone, failed too often, essential",
    "Ready",
    "Heartbeat",
    "Deadline",
    "Deadline, slept until now",
    "Deadline, dependencies not ready",
    "Deadline, ready by being alive",
    "Deadline, too old",
    "Deadline, too early",
];

const SOME: Duration = Duration::from_secs(10);

fn policy() -> Policy {
    Policy {
        restart: Restart::OnFailure,
        success_exit_codes: vec![0],
        backoff_initial: SOME,
        backoff_factor: 2.0,
        backoff_max: SOME * 6,
        stable_after: SOME,
        restarts_max: 10,
        restart_window: SOME * 60,
        short_lived_max: 10,
        fatal_retry: Some(SOME),
        essential: false,
        readiness: Readiness::Says { within: SOME },
        heartbeat_timeout: Some(SOME),
        watchdog_grace: SOME,
        stop_timeout: SOME,
        max_age: None,
        schedule: Some(Overlap::Skip),
    }
}

fn gone(code: i32) -> Event {
    Event::Gone {
        cause: Cause::Exited(code),
        random: 0.5,
    }
}

/// Brings a fresh machine into the phase of a column; gives the time of its last event, too.
fn machine_in(column: &str, start: Instant) -> (Lifecycle, Instant) {
    let mut now = start;
    let mut machine = Lifecycle::new(column != "Waiting");
    let mut policy = policy();
    if column == "Fatal" {
        policy.short_lived_max = 1;
    }
    let deadline = Event::Deadline { awake_since: start };
    let spawned = Event::Spawned { random: 0.5 };
    let running = [Event::Start, spawned, Event::Heartbeat];
    let events: Vec<Event> = match column {
        "Stopped" => vec![],
        "Scheduled" => vec![Event::Enable],
        "Waiting" | "Spawning" => vec![Event::Start],
        "Spawning (unwanted)" => vec![Event::Start, Event::Stop],
        "Starting" => vec![Event::Start, spawned],
        "Running" => running.to_vec(),
        "Unhealthy" => [&running[..], &[deadline]].concat(),
        "Stopping" => [&running[..], &[Event::Stop]].concat(),
        "Stopping (wanted)" => [&running[..], &[Event::Stop, Event::Start]].concat(),
        "Backoff" | "Fatal" => [&running[..], &[gone(1)]].concat(),
        "Exited" => [&running[..], &[gone(0)]].concat(),
        other => panic!("there is no phase {other}"),
    };
    for event in events {
        if matches!(event, Event::Deadline { .. }) {
            now = machine.deadline().expect("there is something to wait for");
        }
        machine.step(event, now, &policy);
    }
    assert_eq!(label(&machine), column, "the way into the phase");
    (machine, now)
}

/// The event of a row and the policy that makes its condition true.
fn event_of(row: &str, machine: &Lifecycle, now: Instant) -> (Event, Instant, Policy) {
    let mut policy = policy();
    // Without a deadline of its own, a late one.
    let due = machine.deadline().unwrap_or(now + SOME * 1000);
    let long_ago = now - SOME * 100;
    let event = match row.split(',').next().unwrap_or(row) {
        "Start" => Event::Start,
        "Enable" => Event::Enable,
        "Due" => Event::Due,
        "Reset" => Event::Reset,
        "Reconfigured" => Event::Reconfigured,
        "Stop" => Event::Stop,
        "Kill" => Event::Kill,
        "Dependencies ready" => Event::Dependencies { ready: true },
        "Dependencies not ready" => Event::Dependencies { ready: false },
        "Spawned" => Event::Spawned { random: 0.5 },
        "Ready" => Event::Ready,
        "Heartbeat" => Event::Heartbeat,
        "Gone" => gone(i32::from(row != "Gone, finished")),
        "Deadline" => Event::Deadline {
            awake_since: if row.contains("slept") { due } else { long_ago },
        },
        other => panic!("there is no event {other}"),
    };
    let at = match row {
        "Deadline, too early" => due - Duration::from_nanos(1),
        _ if row.starts_with("Deadline") => due,
        // A little later, so that a time that moved shows.
        _ => now + Duration::from_millis(1),
    };
    if row.contains("restart is never") {
        policy.restart = Restart::Never;
    }
    if row.contains("no delay") {
        policy.backoff_initial = Duration::ZERO;
    }
    if row.contains("too often") {
        policy.short_lived_max = 1;
    }
    policy.essential = row.contains("essential");
    if row.contains("no schedule") {
        policy.schedule = None;
    }
    if row.contains("queue") {
        policy.schedule = Some(Overlap::Queue);
    }
    if row.contains("too old") {
        policy.heartbeat_timeout = None;
        policy.max_age = Some(MaxAge {
            after: Duration::ZERO,
            variance: 0.0,
        });
    }
    if row.contains("being alive") {
        policy.readiness = Readiness::Lives { after: SOME };
    }
    (event, at, policy)
}

/// What the machine does in a cell, in the document's words.
fn outcome(row: &str, column: &str) -> String {
    let (mut machine, now) = machine_in(column, Instant::now());
    if row.ends_with(", dependencies not ready") {
        machine.step(Event::Dependencies { ready: false }, now, &policy());
    }
    let before = (*machine.phase(), machine.goal());
    let (event, at, policy) = event_of(row, &machine, now);
    let effect = machine.step(event, at, &policy);
    if effect.is_none() && (machine.phase(), machine.goal()) == (&before.0, before.1) {
        return "–".to_owned();
    }
    let words = match effect {
        None => "",
        Some(Effect::Spawn(_)) => ", spawn",
        Some(Effect::RequestStop) => ", request stop",
        Some(Effect::SignalHang) => ", signal hang",
        Some(Effect::Kill) => ", kill",
        Some(Effect::GiveUp) => ", give up",
        Some(Effect::LeaveOut(Left::Queued)) => ", queue",
        Some(Effect::LeaveOut(_)) => ", leave out",
    };
    label(&machine) + words
}

fn label(machine: &Lifecycle) -> String {
    let up = machine.goal() == Goal::Up;
    let (name, goal) = match machine.phase() {
        Phase::Stopped => ("Stopped", Goal::Down),
        Phase::Scheduled => ("Scheduled", Goal::Up),
        Phase::Waiting { .. } => ("Waiting", Goal::Up),
        Phase::Spawning if up => ("Spawning", Goal::Up),
        Phase::Spawning => ("Spawning (unwanted)", Goal::Down),
        Phase::Starting { .. } => ("Starting", Goal::Up),
        Phase::Running { .. } => ("Running", Goal::Up),
        Phase::Unhealthy { .. } => ("Unhealthy", Goal::Up),
        Phase::Stopping { .. } if up => ("Stopping (wanted)", Goal::Up),
        Phase::Stopping { .. } => ("Stopping", Goal::Down),
        Phase::Backoff { .. } => ("Backoff", Goal::Up),
        Phase::Exited { .. } => ("Exited", Goal::Up),
        Phase::Fatal { .. } => ("Fatal", Goal::Up),
    };
    assert_eq!(machine.goal(), goal, "{name} says what is wanted");
    name.to_owned()
}

/// Row, column and text of every cell in the document's tables.
fn documented_cells() -> Vec<(String, String, String)> {
    let section = DOCUMENT
        .split("\n## ")
        .find(|section| section.starts_with("The lifecycle\n"))
        .expect("the document has a section on the lifecycle");
    let mut cells = Vec::new();
    let mut columns: Vec<String> = Vec::new();
    for line in section.lines() {
        let Some(line) = line.strip_prefix('|') else {
            columns.clear();
            continue;
        };
        let mut texts = line
            .trim_end()
            .trim_end_matches('|')
            .split('|')
            .map(|text| text.trim().to_owned());
        let first = texts.next().expect("split gives at least one");
        match first.as_str() {
            "event" => columns = texts.collect(),
            rule if rule.starts_with("--") => {}
            row => {
                let texts: Vec<String> = texts.collect();
                assert_eq!(
                    texts.len(),
                    columns.len(),
                    "as many cells as columns in: {line}"
                );
                for (column, text) in columns.iter().zip(texts) {
                    cells.push((row.to_owned(), column.clone(), text));
                }
            }
        }
    }
    cells
}

#[test]
fn every_cell_of_the_documented_table_is_what_the_machine_does() {
    let mut wrong = Vec::new();
    for (row, column, text) in documented_cells() {
        let does = outcome(&row, &column);
        if does != text {
            wrong.push(format!(
                "{row} in {column}: documented `{text}`, but it does `{does}`"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_documented_table_has_every_cell_once() {
    let cells = documented_cells();
    let documented: BTreeSet<(&str, &str)> = cells
        .iter()
        .map(|(row, column, _)| (row.as_str(), column.as_str()))
        .collect();
    assert_eq!(documented.len(), cells.len(), "no cell stands twice");
    let expected = ROWS
        .iter()
        .flat_map(|row| COLUMNS.iter().map(move |column| (*row, *column)))
        .collect();
    assert_eq!(documented, expected);
}
