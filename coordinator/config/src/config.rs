//! The checked configuration, every default filled in.
//! It knows nothing of how the file spells it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::check::INSTANCES_MAX;
use crate::{AgentConfig, Containment, LogFormat, LogLevel, Synchronous, log_file_name};

/// A whole `agents.toml` without a problem in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file, as it was named.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What concerns the coordinator itself.
    pub coordinator: CoordinatorConfig,
    /// The agents in the order of the file. `depends_on` names only agents in this list and has no cycle.
    pub agents: Vec<AgentConfig>,
}

impl Config {
    /// Another number of instances of an agent than the file says. Its first instance keeps its name.
    ///
    /// # Errors
    /// A text for people: there are too many, or a log file would belong to two.
    pub fn scale(&mut self, name: &str, instances: u32) -> Result<(), String> {
        let Some(agent) = self.agents.iter_mut().find(|agent| agent.name == name) else {
            return Err(format!("there is no agent {name:?}"));
        };
        agent.instances = instances;
        let all: u64 = self
            .agents
            .iter()
            .map(|agent| u64::from(agent.instances))
            .sum();
        if all > INSTANCES_MAX {
            return Err(format!(
                "all agents together would have {all} instances, at most {INSTANCES_MAX} are possible"
            ));
        }
        let mut files = BTreeSet::new();
        for name in self.agents.iter().flat_map(AgentConfig::instance_names) {
            let file = log_file_name(&name);
            if !files.insert(file.clone()) {
                return Err(format!("the log file {file} would belong to two instances"));
            }
        }
        Ok(())
    }

    /// The agent of this name.
    #[must_use]
    pub fn agent(&self, name: &str) -> Option<&AgentConfig> {
        self.agents.iter().find(|agent| agent.name == name)
    }
}

/// The `[coordinator]` table. The three paths are only what the file says: [`Settings`](crate::Settings) decides.
#[derive(Debug, Clone, PartialEq)]
pub struct CoordinatorConfig {
    /// The database file.
    pub database: Option<PathBuf>,
    /// The control socket.
    pub socket: Option<PathBuf>,
    /// The folder of the log files.
    pub log_dir: Option<PathBuf>,
    /// How the coordinator's own log looks on its terminal.
    pub log_format: LogFormat,
    /// What the coordinator's own log leaves out.
    pub log_level: LogLevel,
    /// Daily files kept of the coordinator's own log.
    pub log_files_max: usize,
    /// Heartbeat and metric rows that may wait for the disk.
    pub queue_rows_max: usize,
    /// How long a first row waits for others to share its transaction.
    pub group_commit: Duration,
    /// How long heartbeats and metrics wait for room in the queue before they are dropped and counted.
    pub bulk_wait: Duration,
    /// What a power cut may take.
    pub synchronous: Synchronous,
    /// Where the control groups of agents are.
    pub cgroup: Containment,
    /// What is kept how long.
    pub retention: Retention,
}

/// The `[coordinator.retention]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Raw heartbeats.
    pub heartbeats: Duration,
    /// Metric points, one a second at most.
    pub points: Duration,
    /// Minutes of heartbeats and metrics.
    pub minutes: Duration,
    /// Hours of heartbeats and metrics.
    pub hours: Duration,
    /// Events.
    pub events: Duration,
    /// Events at most.
    pub events_max: u64,
    /// Ended invocations.
    pub invocations: Duration,
    /// The newest invocations of each instance, kept however old.
    pub invocations_kept: u32,
    /// Resolved alerts.
    pub alerts: Duration,
    /// LangSmith runs, by their start.
    pub trace_runs: Duration,
    /// Above this the oldest raw heartbeats go before their time.
    pub database_bytes_max: u64,
}
