//! Puts the layers over each other (an agent's table, `[defaults]`, the built-in defaults) and checks what belongs together.
//! Single values were checked when they were read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use toml::de::{DeTable, DeValue};

use crate::agent::{AgentConfig, EnvValue};
use crate::check::{check_agent, check_fleet};
use crate::config::{Config, CoordinatorConfig, Retention};
use crate::env_file::read_env_file;
use crate::masked::is_secret_name;
use crate::problems::{Origin, Problems};
use crate::rlimits::ResourceLimits;
use crate::tables::{AgentTable, CoordinatorTable, FileTable, RetentionTable};
use crate::value::{Found, FromToml};

/// The text of the built-in defaults.
pub(crate) const DEFAULTS_TEXT: &str = include_str!("defaults.toml");

static BUILT_IN: LazyLock<FileTable> = LazyLock::new(|| {
    let document =
        DeTable::parse(DEFAULTS_TEXT).expect("the built-in defaults are TOML, a test reads them");
    let mut problems = Problems::new(DEFAULTS_TEXT);
    let root = Origin {
        span: 0..0,
        key: String::new(),
    };
    let value = DeValue::Table(document.into_inner());
    let file = FileTable::read(&value, &root, &mut problems).unwrap_or_default();
    assert!(
        problems.is_empty(),
        "the built-in defaults are valid, a test reads them"
    );
    file
});

/// Takes the value of the first layer that has one; the built-in layer has every key that this is used for.
macro_rules! layered {
    ($key:ident, $($layer:expr),+) => {
        None$(.or_else(|| $layer.$key.clone()))+
            .expect(concat!("the built-in defaults have a value for ", stringify!($key)))
            .value
    };
}

/// The whole file, checked; problems are added, and what is returned is only to be used if there are none.
pub(crate) fn resolve(
    file: FileTable,
    text: &str,
    path: &Path,
    problems: &mut Problems<'_>,
) -> Config {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let coordinator = file
        .coordinator
        .map(|found| found.value)
        .unwrap_or_default();
    let defaults = file.defaults.map(|found| found.value.0).unwrap_or_default();
    let tables = file.agents.map(|found| found.value.0).unwrap_or_default();
    let mut agents = Vec::with_capacity(tables.len());
    for (name, table) in &tables {
        check_agent(name, table, &defaults, problems);
        let layers = Layers {
            agent: table,
            defaults: &defaults,
            folder: &folder,
        };
        agents.extend(layers.resolve(name, problems));
    }
    check_fleet(&tables, &agents, problems);
    Config {
        path: path.to_owned(),
        text: text.to_owned(),
        coordinator: resolve_coordinator(&coordinator, &folder),
        agents,
    }
}

/// The built-in values of an agent.
pub(crate) fn built_in_agent() -> &'static AgentTable {
    let found = BUILT_IN
        .defaults
        .as_ref()
        .expect("the built-in defaults have [defaults]");
    &found.value.0
}

fn resolve_coordinator(file: &CoordinatorTable, folder: &Path) -> CoordinatorConfig {
    let built_in = BUILT_IN
        .coordinator
        .as_ref()
        .expect("the built-in defaults have [coordinator]");
    let built_in = &built_in.value;
    let path =
        |found: &Option<Found<PathBuf>>| found.as_ref().map(|found| folder.join(&found.value));
    let retention = file.retention.as_ref().map(|found| &found.value);
    CoordinatorConfig {
        database: path(&file.database),
        socket: path(&file.socket),
        log_dir: path(&file.log_dir),
        log_format: layered!(log_format, file, built_in),
        log_level: layered!(log_level, file, built_in),
        log_files_max: layered!(log_files_max, file, built_in).0 as usize,
        queue_rows_max: layered!(queue_rows_max, file, built_in).0 as usize,
        group_commit: layered!(group_commit, file, built_in).0,
        bulk_wait: layered!(bulk_wait, file, built_in).0,
        synchronous: layered!(synchronous, file, built_in),
        cgroup: layered!(cgroup, file, built_in),
        retention: resolve_retention(retention.unwrap_or(&RetentionTable::default()), built_in),
    }
}

fn resolve_retention(file: &RetentionTable, built_in: &CoordinatorTable) -> Retention {
    let built_in = built_in
        .retention
        .as_ref()
        .expect("the built-in defaults have [coordinator.retention]");
    let built_in = &built_in.value;
    Retention {
        heartbeats: layered!(heartbeats, file, built_in).0,
        points: layered!(points, file, built_in).0,
        minutes: layered!(minutes, file, built_in).0,
        hours: layered!(hours, file, built_in).0,
        events: layered!(events, file, built_in).0,
        events_max: layered!(events_max, file, built_in).0.into(),
        invocations: layered!(invocations, file, built_in).0,
        invocations_kept: layered!(invocations_kept, file, built_in).0,
        alerts: layered!(alerts, file, built_in).0,
        trace_runs: layered!(trace_runs, file, built_in).0,
        database_bytes_max: layered!(database_bytes_max, file, built_in).0,
    }
}

/// What one agent is made of.
struct Layers<'a> {
    agent: &'a AgentTable,
    defaults: &'a AgentTable,
    folder: &'a Path,
}

impl Layers<'_> {
    fn resolve(&self, name: &Found<String>, problems: &mut Problems<'_>) -> Option<AgentConfig> {
        let Self {
            agent,
            defaults,
            folder,
        } = *self;
        let built_in = built_in_agent();
        macro_rules! pick {
            ($key:ident) => {
                layered!($key, agent, defaults, built_in)
            };
        }
        macro_rules! optional {
            ($key:ident) => {
                agent
                    .$key
                    .as_ref()
                    .or(defaults.$key.as_ref())
                    .map(|found| found.value.0.clone())
            };
        }
        let env = self.environment(problems);
        // A missing command was reported by `check_agent`, an unreadable one when it was read.
        let command = agent.command.as_ref()?.value.0.clone();
        let protocol = pick!(protocol);
        let heartbeat_timeout = pick!(heartbeat_timeout).0;
        let schedule = agent.schedule.as_ref().map(|found| found.value.clone());
        let restart = agent.restart.as_ref().or(defaults.restart.as_ref());
        // A run by schedule that has finished is over.
        let restart = match restart {
            None if schedule.is_some() => crate::Restart::OnFailure,
            _ => pick!(restart),
        };
        Some(AgentConfig {
            name: name.value.clone(),
            command,
            protocol,
            directory: self.directory(folder),
            env,
            pass_env: self.pass_env(),
            config: agent
                .config
                .as_ref()
                .map(|found| found.value.0.clone())
                .unwrap_or_default(),
            user: optional!(user),
            group: optional!(group),
            umask: optional!(umask),
            rlimits: self.rlimits(),
            nice: optional!(nice),
            oom_score_adj: optional!(oom_score_adj),
            memory_max: optional!(memory_max),
            cpu_max: optional!(cpu_max),
            tasks_max: optional!(tasks_max),
            instances: pick!(instances).0,
            has_plain_first: pick!(instances).0 == 1,
            depends_on: agent
                .depends_on
                .as_ref()
                .map(|found| found.value.clone())
                .unwrap_or_default(),
            autostart: pick!(autostart),
            essential: pick!(essential),
            schedule,
            time_zone: agent
                .time_zone
                .as_ref()
                .or(defaults.time_zone.as_ref())
                .map(|found| found.value.clone()),
            schedule_overlap: pick!(schedule_overlap),
            restart,
            success_exit_codes: exit_codes(&pick!(success_exit_codes)),
            backoff_initial: pick!(backoff_initial).0,
            backoff_factor: pick!(backoff_factor).0,
            backoff_max: pick!(backoff_max).0,
            stable_after: pick!(stable_after).0,
            restarts_max: pick!(restarts_max).0,
            restart_window: pick!(restart_window).0,
            short_lived_max: pick!(short_lived_max).0,
            fatal_retry: pick!(fatal_retry).0,
            max_age: pick!(max_age).0,
            max_age_variance: pick!(max_age_variance).0,
            ready_timeout: pick!(ready_timeout).0,
            ready_after: pick!(ready_after).0,
            heartbeat_timeout: heartbeat_timeout.filter(|_| protocol == crate::Protocol::Json),
            watchdog_signal: pick!(watchdog_signal),
            watchdog_grace: pick!(watchdog_grace).0,
            stop_signal: pick!(stop_signal),
            stop_timeout: pick!(stop_timeout).0,
            line_bytes_max: usize::try_from(pick!(line_bytes_max).0)
                .expect("its range ends far below"),
            log_bytes_max: pick!(log_bytes_max).0,
            log_files_max: pick!(log_files_max).0,
        })
    }

    fn directory(&self, folder: &Path) -> PathBuf {
        let configured = self
            .agent
            .directory
            .as_ref()
            .or(self.defaults.directory.as_ref());
        let joined =
            configured.map_or_else(|| folder.to_owned(), |found| folder.join(&found.value));
        if joined.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            joined
        }
    }

    /// `env_file` below `env` of `[defaults]` below `env` of the agent.
    fn environment(&self, problems: &mut Problems<'_>) -> BTreeMap<String, EnvValue> {
        let file = self
            .agent
            .env_file
            .as_ref()
            .or(self.defaults.env_file.as_ref());
        let mut env: BTreeMap<String, EnvValue> = file
            .map(|file| read_env_file(file, self.folder, problems))
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| (name, EnvValue::secret(value)))
            .collect();
        let tables = [&self.defaults.env, &self.agent.env];
        for (name, value) in tables
            .into_iter()
            .flatten()
            .flat_map(|found| &found.value.0)
        {
            let value = value.clone();
            let value = if is_secret_name(name) {
                EnvValue::secret(value)
            } else {
                EnvValue::plain(value)
            };
            env.insert(name.clone(), value);
        }
        env
    }

    /// Each limit of the agent above that of `[defaults]`.
    fn rlimits(&self) -> ResourceLimits {
        let tables = [&self.defaults.rlimits, &self.agent.rlimits];
        let limits = tables
            .into_iter()
            .flatten()
            .flat_map(|found| &found.value.0);
        limits
            .map(|(resource, limit)| (*resource, *limit))
            .collect()
    }

    fn pass_env(&self) -> Vec<String> {
        let lists = [&self.defaults.pass_env, &self.agent.pass_env];
        let patterns = lists.into_iter().flatten().flat_map(|found| &found.value);
        patterns.map(|pattern| pattern.0.clone()).collect()
    }
}

fn exit_codes(codes: &[crate::quantity::Whole<0, 255>]) -> Vec<i32> {
    codes
        .iter()
        .map(|code| i32::try_from(code.0).expect("an exit code is at most 255"))
        .collect()
}
