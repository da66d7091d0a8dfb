//! One checked agent, every default filled in.
//! How its text became this stands in `resolve`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Dependency, Overlap, Protocol, ResourceLimits, Restart, Schedule, Signal, Zone};

/// One `[agents.NAME]` table over `[defaults]` over the built-in defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentConfig {
    /// The name, the last part of the table's.
    pub name: String,
    /// Program and arguments, never empty. A program without `/` is looked up beside the coordinator, then in PATH;
    /// a relative one with `/` begins at `directory`.
    pub command: Vec<String>,
    /// What it prints.
    pub protocol: Protocol,
    /// Its working directory; the folder of `agents.toml` unless configured, absolute if that file's path was.
    pub directory: PathBuf,
    /// `env_file` and `env` together; `env` wins.
    pub env: BTreeMap<String, EnvValue>,
    /// Variables handed on from the coordinator's own environment; a last `*` stands for any rest of a name.
    pub pass_env: Vec<String>,
    /// Handed to the agent as it is in the coordinator's `hello`.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// The user that it runs as, by name or number.
    pub user: Option<String>,
    /// Its group, by name or number.
    pub group: Option<String>,
    /// The permissions that its new files do not get.
    pub umask: Option<u32>,
    /// Resource limits that differ from the coordinator's own.
    pub rlimits: ResourceLimits,
    /// Its place where processors are short.
    pub nice: Option<i32>,
    /// Its place where memory runs out.
    pub oom_score_adj: Option<i32>,
    /// Bytes of memory of all its processes together.
    pub memory_max: Option<u64>,
    /// Processors that all its processes together may use.
    pub cpu_max: Option<f64>,
    /// Processes and threads that it may have.
    pub tasks_max: Option<u32>,
    /// How many replicas run.
    pub instances: u32,
    /// Whether its first instance is called as the agent itself: where the file asks for one.
    pub has_plain_first: bool,
    /// What must be true of other agents before this one starts.
    pub depends_on: Vec<Dependency>,
    /// Whether it starts with the coordinator.
    pub autostart: bool,
    /// Whether its giving up ends the coordinator.
    pub essential: bool,
    /// It runs at these times only; `None`: all the time.
    pub schedule: Option<Schedule>,
    /// Of `schedule`; `None`: the machine's.
    pub time_zone: Option<Zone>,
    /// What happens if a time of `schedule` comes while the run before is still going.
    pub schedule_overlap: Overlap,
    /// When it is started again.
    pub restart: Restart,
    /// Exit codes that mean that it finished.
    pub success_exit_codes: Vec<i32>,
    /// The first delay; zero restarts at once.
    pub backoff_initial: Duration,
    /// By how much each next delay is longer.
    pub backoff_factor: f64,
    /// The longest delay.
    pub backoff_max: Duration,
    /// An invocation healthy for this long makes the next delay the first one again.
    pub stable_after: Duration,
    /// Restarts that `restart_window` may hold.
    pub restarts_max: u32,
    /// The window of `restarts_max`.
    pub restart_window: Duration,
    /// Invocations in a row that ended before `stable_after`.
    pub short_lived_max: u32,
    /// After this long FATAL is tried again; `None` for never.
    pub fatal_retry: Option<Duration>,
    /// How old a process may become on average; `None` for as old as it likes.
    pub max_age: Option<Duration>,
    /// The share of `max_age` by which one may at random be younger or older.
    pub max_age_variance: f64,
    /// How long it may take to become ready (`protocol = "json"`).
    pub ready_timeout: Duration,
    /// Ready when alive for this long (`protocol = "none"`).
    pub ready_after: Duration,
    /// How long it may be silent; `None` for ever (always with `protocol = "none"`).
    pub heartbeat_timeout: Option<Duration>,
    /// Sent to a silent agent, for a core dump or a stack trace.
    pub watchdog_signal: Signal,
    /// From `watchdog_signal` to KILL.
    pub watchdog_grace: Duration,
    /// Asks it to end.
    pub stop_signal: Signal,
    /// From `stop_signal` to KILL.
    pub stop_timeout: Duration,
    /// The longest line that is read whole.
    pub line_bytes_max: usize,
    /// At this size a log file is rotated.
    pub log_bytes_max: u64,
    /// Rotated log files kept beside the current one.
    pub log_files_max: u32,
}

impl AgentConfig {
    /// `NAME` for a single instance, `NAME:0`, `NAME:1` … for several. One that was scaled later keeps the name of its first.
    #[must_use]
    pub fn instance_names(&self) -> Vec<String> {
        let name = |ordinal| match ordinal {
            0 if self.has_plain_first => self.name.clone(),
            _ => format!("{}:{ordinal}", self.name),
        };
        (0..self.instances).map(name).collect()
    }
}

/// The value of an environment variable, masked wherever it is printed if it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvValue {
    value: String,
    is_secret: bool,
}

impl EnvValue {
    /// A value that may be shown.
    #[must_use]
    pub fn plain(value: String) -> Self {
        Self {
            value,
            is_secret: false,
        }
    }

    /// A value that must not be shown.
    #[must_use]
    pub fn secret(value: String) -> Self {
        Self {
            value,
            is_secret: true,
        }
    }

    /// The value itself, for the agent's environment and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// What may be shown.
    #[must_use]
    pub fn masked(&self) -> &str {
        if self.is_secret { "***" } else { &self.value }
    }
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.masked(), f)
    }
}
