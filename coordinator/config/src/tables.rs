//! Every table and key of `agents.toml` with its type and meaning, once: reader, suggestions and schema come from here.
//! The defaults stand in `defaults.toml`; which values fit together is checked in `resolve`.

use std::borrow::Cow;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::de::DeValue;

use crate::attributes::{Account, Containment, Cores, Signed, Umask};
use crate::command::Command;
use crate::dependency::Dependency;
use crate::free::{EnvTable, FreeTable, VariablePattern};
use crate::problems::{Origin, Problems};
use crate::quantity::{Bytes, DAY, Factor, HOUR, MINUTE, SECOND, Share, Span, SpanOrNever, Whole};
use crate::rlimits::LimitsTable;
use crate::schedule::{Schedule, Zone};
use crate::value::{Found, FromToml, read_found, table, unknown_key};
use crate::{Condition, LogFormat, LogLevel, Overlap, Protocol, Restart, Signal, Synchronous};

/// Declares a table: a struct with one optional field for each key, how it is read, and its schema.
macro_rules! tables {
    ($($(#[doc = $about:literal])* $name:ident { $($(#[doc = $doc:literal])* $key:ident: $type:ty,)+ })+) => {$(
        $(#[doc = $about])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub(crate) struct $name {
            $($(#[doc = $doc])* pub(crate) $key: Option<Found<$type>>,)+
        }

        impl $name {
            pub(crate) const KEYS: &[&str] = &[$(stringify!($key)),+];
        }

        impl FromToml for $name {
            fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
                let mut read = Self::default();
                for (key, value) in table(value, origin, problems)? {
                    let name = key.get_ref().as_ref();
                    let here = origin.entry(name, value.span());
                    match name {
                        $(stringify!($key) => read.$key = read_found(value, here, problems),)+
                        _ => unknown_key(&origin.entry(name, key.span()), name, Self::KEYS, problems),
                    }
                }
                Some(read)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let mut properties = serde_json::Map::new();
                $(
                    let mut schema = generator.subschema_for::<$type>();
                    schema.insert("description".to_owned(), concat!($($doc),+).trim().into());
                    properties.insert(stringify!($key).to_owned(), schema.into());
                )+
                json_schema!({
                    "description": concat!($($about),+).trim(),
                    "type": "object",
                    "properties": properties,
                    "additionalProperties": false,
                })
            }
        }
    )+};
}

tables! {
    /// The agents that a coordinator keeps alive.
    FileTable {
        /// What concerns the coordinator itself.
        coordinator: CoordinatorTable,
        /// What every agent has unless its own table says otherwise.
        defaults: DefaultsTable,
        /// The agents, a table for each.
        agents: AgentTables,
    }

    /// What concerns the coordinator itself.
    CoordinatorTable {
        /// The database file; a flag and the environment win over it.
        database: PathBuf,
        /// The control socket; a flag and the environment win over it.
        socket: PathBuf,
        /// The folder of all log files; a flag and the environment win over it.
        log_dir: PathBuf,
        /// How the coordinator's own log looks on its terminal.
        log_format: LogFormat,
        /// What the coordinator's own log leaves out.
        log_level: LogLevel,
        /// Daily files kept of the coordinator's own log.
        log_files_max: Whole<1, 10_000>,
        /// Heartbeat and metric rows that may wait for the disk.
        queue_rows_max: Whole<1_024, 16_777_216>,
        /// How long a first row waits for others to share its transaction.
        group_commit: Span<0, SECOND>,
        /// How long heartbeats and metrics wait for room in the queue before they are dropped and counted.
        bulk_wait: Span<0, { 10 * SECOND }>,
        /// What a power cut may take: the last commits, or nothing.
        synchronous: Synchronous,
        /// Where the control groups of agents are made: below the coordinator's own, not at all, or below this one.
        cgroup: Containment,
        /// What is kept how long.
        retention: RetentionTable,
    }

    /// What is kept how long.
    RetentionTable {
        /// Raw heartbeats.
        heartbeats: Span<MINUTE, { 36_500 * DAY }>,
        /// Metric points, one a second at most.
        points: Span<MINUTE, { 36_500 * DAY }>,
        /// Heartbeats, metrics and LangSmith runs by the minute.
        minutes: Span<HOUR, { 36_500 * DAY }>,
        /// Heartbeats and metrics by the hour, LangSmith runs by the hour and the day.
        hours: Span<DAY, { 36_500 * DAY }>,
        /// Events.
        events: Span<MINUTE, { 36_500 * DAY }>,
        /// Events at most.
        events_max: Whole<1_000, 1_000_000_000>,
        /// Ended invocations.
        invocations: Span<MINUTE, { 36_500 * DAY }>,
        /// The newest invocations of each instance, kept however old.
        invocations_kept: Whole<1, 1_000_000>,
        /// Resolved alerts.
        alerts: Span<MINUTE, { 36_500 * DAY }>,
        /// LangSmith runs, by their start.
        trace_runs: Span<DAY, { 36_500 * DAY }>,
        /// Above this size the oldest raw heartbeats go before their time.
        database_bytes_max: Bytes<{ 16 << 20 }, { 1 << 50 }>,
    }

    /// Another agent, and what has to be true of it.
    DependencyTable {
        /// Its name.
        agent: String,
        /// What has to be true of it; "ready" if nothing is said.
        condition: Condition,
    }

    /// One agent.
    AgentTable {
        /// Program and arguments.
        command: Command,
        /// What it prints on its stdout: messages, or anything.
        protocol: Protocol,
        /// Its working directory, from the folder of this file.
        directory: PathBuf,
        /// Variables of its environment.
        env: EnvTable,
        /// A file of NAME=value lines for its environment, from the folder of this file.
        env_file: PathBuf,
        /// Variables of the coordinator's own environment that it gets too; `*` at the end stands for any rest.
        pass_env: Vec<VariablePattern>,
        /// Handed to the agent as it is.
        config: FreeTable,
        /// The user that it runs as; only root may choose another than its own.
        user: Account,
        /// Its group; that of `user` unless given.
        group: Account,
        /// The permissions that its new files do not get, in octal.
        umask: Umask,
        /// Resource limits; what is not given is as the coordinator has it.
        rlimits: LimitsTable,
        /// From first (-20) to last (19) where processors are short.
        nice: Signed<-20, 19>,
        /// From last (-1000) to first (1000) where memory runs out and the kernel has to kill.
        oom_score_adj: Signed<-1000, 1000>,
        /// Memory of all its processes together; above it they are killed.
        memory_max: Bytes<{ 1 << 20 }, { 1 << 50 }>,
        /// Processors that all its processes together may use.
        cpu_max: Cores,
        /// Processes and threads that it may have.
        tasks_max: Whole<1, 4_194_304>,
        /// How many replicas run.
        instances: Whole<1, 10_000>,
        /// Agents that must be ready before it starts, or started, or completed.
        depends_on: Vec<Dependency>,
        /// Whether it starts with the coordinator.
        autostart: bool,
        /// Whether the coordinator ends, with exit code 4, when it gives this agent up.
        essential: bool,
        /// It runs at these times only: an expression of cron with five fields, or \"every 10m\".
        schedule: Schedule,
        /// The time zone of the expression; the machine's if nothing is said.
        time_zone: Zone,
        /// What happens if such a time comes while the run before is still going.
        schedule_overlap: Overlap,
        /// When it is started again after it ended.
        restart: Restart,
        /// Exit codes that mean that it finished its work.
        success_exit_codes: Vec<Whole<0, 255>>,
        /// The longest first delay before a restart; the delay is drawn at random below it.
        backoff_initial: Span<0, HOUR>,
        /// By how much each next delay is longer.
        backoff_factor: Factor,
        /// The longest delay of all.
        backoff_max: Span<0, DAY>,
        /// Once it was healthy for this long, the next delay is the first one again.
        stable_after: Span<0, DAY>,
        /// Restarts within `restart_window` before it is given up.
        restarts_max: Whole<1, 1_000_000>,
        /// The window in which restarts are counted.
        restart_window: Span<SECOND, { 7 * DAY }>,
        /// Invocations in a row that ended before `stable_after` before it is given up.
        short_lived_max: Whole<1, 1_000_000>,
        /// How long after it was given up it is tried again.
        fatal_retry: SpanOrNever<SECOND, { 365 * DAY }>,
        /// How old a process may become before another takes its place.
        max_age: SpanOrNever<SECOND, { 365 * DAY }>,
        /// The share of `max_age` by which a process may at random be younger or older.
        max_age_variance: Share,
        /// How long it may take to say that it is ready; only with protocol "json".
        ready_timeout: Span<100, DAY>,
        /// It is ready once it has lived for this long; only with protocol "none".
        ready_after: Span<0, HOUR>,
        /// How long it may be silent before it is taken for hung; only with protocol "json".
        heartbeat_timeout: SpanOrNever<100, { 30 * DAY }>,
        /// The signal to an agent that hangs, before it is killed.
        watchdog_signal: Signal,
        /// How long it has after that signal.
        watchdog_grace: Span<0, HOUR>,
        /// The signal that asks it to end.
        stop_signal: Signal,
        /// How long it has to end before it is killed.
        stop_timeout: Span<0, DAY>,
        /// The longest line of its output that is read whole.
        line_bytes_max: Bytes<1_024, { 16 << 20 }>,
        /// The size at which its log file is rotated.
        log_bytes_max: Bytes<{ 4 << 10 }, { 1 << 40 }>,
        /// Rotated log files kept beside the current one.
        log_files_max: Whole<0, 1_000>,
    }
}

/// Every `[agents.NAME]` in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct AgentTables(pub(crate) Vec<(Found<String>, AgentTable)>);

impl FromToml for AgentTables {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let mut agents = Vec::new();
        for (key, value) in table(value, origin, problems)? {
            let name = key.get_ref().as_ref();
            let here = origin.entry(name, value.span());
            if let Some(agent) = AgentTable::read(value.get_ref(), &here, problems) {
                let name = Found {
                    value: name.to_owned(),
                    origin: Some(origin.entry(name, key.span())),
                };
                agents.push((name, agent));
            }
        }
        Some(Self(agents))
    }
}

impl JsonSchema for AgentTables {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Agents".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let agent = generator.subschema_for::<AgentTable>();
        json_schema!({ "type": "object", "additionalProperties": agent })
    }
}

/// `[defaults]`: an agent without what belongs to one agent alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DefaultsTable(pub(crate) AgentTable);

impl DefaultsTable {
    const REFUSED: &[&str] = &["command", "config", "depends_on", "schedule"];
}

impl FromToml for DefaultsTable {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        for (key, _) in table(value, origin, problems)? {
            let name = key.get_ref().as_ref();
            if Self::REFUSED.contains(&name) {
                let help = Some(format!(
                    "move it to [agents.NAME]: every agent has its own `{name}`"
                ));
                let here = origin.entry(name, key.span());
                problems.add(
                    &here,
                    "it cannot be shared",
                    "keys that many agents can have in common",
                    help,
                );
            }
        }
        AgentTable::read(value, origin, problems).map(Self)
    }
}

impl JsonSchema for DefaultsTable {
    fn schema_name() -> Cow<'static, str> {
        "DefaultsTable".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = AgentTable::json_schema(generator);
        if let Some(properties) = schema
            .get_mut("properties")
            .and_then(|value| value.as_object_mut())
        {
            properties.retain(|key, _| !Self::REFUSED.contains(&key.as_str()));
        }
        schema.insert(
            "description".to_owned(),
            "What every agent has unless its own table says otherwise.".into(),
        );
        schema
    }
}
