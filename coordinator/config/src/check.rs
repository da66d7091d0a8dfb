//! Checks of values that are right alone and wrong together.
//! A key that would have no effect is a problem too: whoever wrote it expects something of it.

use std::collections::BTreeMap;

use crate::agent::AgentConfig;
use crate::dependencies::check_dependencies;
use crate::names::{check_name, log_file_name};
use crate::problems::{Origin, Problems};
use crate::quantity::duration_text;
use crate::resolve::built_in_agent;
use crate::tables::AgentTable;
use crate::value::Found;
use crate::{Protocol, Restart, Schedule};

/// What one process table and one dashboard page hold.
pub(crate) const INSTANCES_MAX: u64 = 10_000;

/// Checks one agent by itself.
pub(crate) fn check_agent(
    name: &Found<String>,
    agent: &AgentTable,
    defaults: &AgentTable,
    problems: &mut Problems<'_>,
) {
    let Some(origin) = &name.origin else { return };
    if let Err(why) = check_name(&name.value) {
        let expected = "a name of 1 to 64 bytes without `: * ? [ ] { }`, control characters, and `-` or blanks at its ends";
        problems.add(origin, why, expected, None);
    }
    let command_was_unreadable = problems.mentions(&origin.entry("command", 0..0).key);
    if agent.command.is_none() && !command_was_unreadable {
        let help = Some("add command = [\"PROGRAM\", \"ARGUMENT\"]".to_owned());
        problems.add(
            origin,
            "it has no command",
            "a table with the key `command`",
            help,
        );
    }
    check_effect(agent, defaults, problems);
    let schedule_key = origin.entry("schedule", 0..0).key;
    check_schedule(&schedule_key, agent, defaults, problems);
    check_backoff(agent, defaults, problems);
}

pub(crate) fn origin_of<T>(found: &Option<Found<T>>) -> Option<&Origin> {
    found.as_ref().and_then(|found| found.origin.as_ref())
}

fn no_effect(keys: &[Option<&Origin>], why: &str, problems: &mut Problems<'_>) {
    for origin in keys.iter().flatten() {
        let help = Some("remove it".to_owned());
        let found = format!("it has no effect {why}");
        problems.add(origin, found, "a key that has one", help);
    }
}

/// A schedule needs runs that end, and the keys beside it need a schedule.
fn check_schedule(
    key: &str,
    agent: &AgentTable,
    defaults: &AgentTable,
    problems: &mut Problems<'_>,
) {
    let zone = origin_of(&agent.time_zone);
    let Some(schedule) = &agent.schedule else {
        if !problems.mentions(key) {
            let keys = [zone, origin_of(&agent.schedule_overlap)];
            no_effect(&keys, "without schedule", problems);
        }
        return;
    };
    if matches!(schedule.value, Schedule::Every(_)) {
        no_effect(&[zone], "with schedule = \"every …\"", problems);
    }
    let restart = agent.restart.as_ref().or(defaults.restart.as_ref());
    if restart.is_some_and(|restart| restart.value == Restart::Always) {
        let why = "with restart = \"always\": a run never ends";
        no_effect(&[origin_of(&agent.schedule)], why, problems);
    }
}

/// Keys of the agent's own table that another key makes meaningless.
fn check_effect(agent: &AgentTable, defaults: &AgentTable, problems: &mut Problems<'_>) {
    let protocol = agent.protocol.as_ref().or(defaults.protocol.as_ref());
    if protocol.is_some_and(|protocol| protocol.value == Protocol::None) {
        let keys = [
            origin_of(&agent.ready_timeout),
            origin_of(&agent.heartbeat_timeout),
            origin_of(&agent.watchdog_signal),
            origin_of(&agent.watchdog_grace),
            origin_of(&agent.config),
        ];
        no_effect(&keys, "with protocol = \"none\"", problems);
    } else {
        no_effect(
            &[origin_of(&agent.ready_after)],
            "with protocol = \"json\"",
            problems,
        );
    }
    if agent
        .essential
        .as_ref()
        .is_some_and(|essential| essential.value)
    {
        no_effect(
            &[origin_of(&agent.fatal_retry)],
            "with essential = true",
            problems,
        );
    }
    if agent
        .restart
        .as_ref()
        .is_some_and(|restart| restart.value == Restart::Never)
    {
        let keys = [
            origin_of(&agent.backoff_initial),
            origin_of(&agent.backoff_factor),
            origin_of(&agent.backoff_max),
        ];
        no_effect(&keys, "with restart = \"never\"", problems);
    }
}

/// The first delay is not longer than the longest one.
fn check_backoff(agent: &AgentTable, defaults: &AgentTable, problems: &mut Problems<'_>) {
    let built_in = built_in_agent();
    let initial = agent
        .backoff_initial
        .as_ref()
        .or(defaults.backoff_initial.as_ref());
    let longest = agent.backoff_max.as_ref().or(defaults.backoff_max.as_ref());
    let origin = longest.and_then(|found| found.origin.as_ref());
    let origin = origin.or_else(|| initial.and_then(|found| found.origin.as_ref()));
    let initial = initial
        .or(built_in.backoff_initial.as_ref())
        .map(|found| found.value.0);
    let longest = longest
        .or(built_in.backoff_max.as_ref())
        .map(|found| found.value.0);
    let (Some(origin), Some(initial), Some(longest)) = (origin, initial, longest) else {
        return;
    };
    if initial > longest {
        let (initial, longest) = (duration_text(initial), duration_text(longest));
        let found = format!("backoff_initial is \"{initial}\" and backoff_max is \"{longest}\"");
        problems.add(
            origin,
            found,
            "a backoff_max of at least backoff_initial",
            None,
        );
    }
}

/// Checks the agents beside each other.
pub(crate) fn check_fleet(
    tables: &[(Found<String>, AgentTable)],
    agents: &[AgentConfig],
    problems: &mut Problems<'_>,
) {
    let instances: u64 = agents.iter().map(|agent| u64::from(agent.instances)).sum();
    if instances > INSTANCES_MAX {
        let last = tables.last().and_then(|(name, _)| name.origin.as_ref());
        if let Some(origin) = last {
            let found = format!("all agents together have {instances} instances");
            problems.add(origin, found, format!("at most {INSTANCES_MAX}"), None);
        }
    } else {
        check_log_files(tables, agents, problems);
    }
    check_dependencies(tables, agents, problems);
}

/// `worker:0` and an agent called `worker.0` would share a log file.
fn check_log_files(
    tables: &[(Found<String>, AgentTable)],
    agents: &[AgentConfig],
    problems: &mut Problems<'_>,
) {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for agent in agents {
        for instance in agent.instance_names() {
            let file = log_file_name(&instance);
            let Some(owner) = owners.insert(file.clone(), &agent.name) else {
                continue;
            };
            let table = tables.iter().find(|(name, _)| name.value == agent.name);
            if let Some(origin) = table.and_then(|(name, _)| name.origin.as_ref()) {
                let found = format!("its log file {file} is that of {owner:?} too");
                problems.add(
                    origin,
                    found,
                    "a name of its own",
                    Some("rename one of them".to_owned()),
                );
            }
        }
    }
}
