//! Makes the database and the running coordinator agree with agents.toml. It starts nothing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::{Context, anyhow};
use coordinator_config::{AgentConfig, Config, Protocol, Settings, log_file_name};
use shared_state::{AgentRegistration, InstanceState, RegisteredInstance, Writer};
use tracing::info;

use crate::agent_log::LogTarget;
use crate::board::View;
use crate::clock::wall_ms;
use crate::instance::Instance;
use crate::policy::policy_of;

/// The log file of an instance.
fn log_path(settings: &Settings, instance: &str) -> PathBuf {
    settings.log_dir.join(log_file_name(instance))
}

/// Registers all agents; the instances in the order of start, each with how it stands on the board.
pub(crate) async fn register(
    config: &Config,
    settings: &Settings,
    writer: &Writer,
) -> anyhow::Result<Vec<(Instance, View)>> {
    let agents = config
        .agents
        .iter()
        .map(|agent| registration(agent, settings))
        .collect();
    let rows = writer
        .register_agents(agents, wall_ms())
        .await
        .context("register the agents")?;
    let mut rows: HashMap<String, RegisteredInstance> = rows
        .into_iter()
        .map(|row| (row.instance.clone(), row))
        .collect();
    let mut instances = Vec::new();
    for agent in &config.agents {
        let (shared, policy) = (Rc::new(agent.clone()), Rc::new(policy_of(agent)));
        let mut cursors = None;
        for (ordinal, name) in agent.instance_names().into_iter().enumerate() {
            let row = rows
                .remove(&name)
                .ok_or_else(|| anyhow!("register {name}: the database did not take it"))?;
            let cursors = cursors.get_or_insert_with(|| Rc::new(RefCell::new(row.cursors)));
            let view = view(agent, &name, row.restarts);
            let instance = Instance {
                index: instances.len(),
                ordinal,
                name,
                instance_id: row.instance_id,
                config: Rc::clone(&shared),
                policy: Rc::clone(&policy),
                cursors: Rc::clone(cursors),
                restarts_before: row.restarts,
            };
            instances.push((instance, view));
        }
        info!(agent = agent.name, instances = agent.instances, command = ?agent.masked_command(), "agent registered");
    }
    Ok(instances)
}

/// The log of an instance, as it is configured.
pub(crate) fn log_target(settings: &Settings, instance: &Instance) -> LogTarget {
    LogTarget {
        path: log_path(settings, &instance.name),
        bytes_max: instance.config.log_bytes_max,
        files_max: instance.config.log_files_max,
    }
}

fn registration(agent: &AgentConfig, settings: &Settings) -> AgentRegistration {
    let heartbeat_timeout = agent
        .heartbeat_timeout
        .filter(|_| agent.protocol == Protocol::Json);
    AgentRegistration {
        name: agent.name.clone(),
        protocol: agent.protocol.as_str().into(),
        command: agent.masked_command(),
        config: agent.masked_json(),
        instances: agent.instances,
        has_plain_first: agent.has_plain_first,
        heartbeat_timeout_ms: heartbeat_timeout
            .and_then(|timeout| i64::try_from(timeout.as_millis()).ok()),
        log_paths: agent
            .instance_names()
            .iter()
            .map(|name| log_path(settings, name).to_string_lossy().into_owned())
            .collect(),
    }
}

fn view(agent: &AgentConfig, name: &str, restarts: u64) -> View {
    View {
        name: name.to_owned(),
        agent: agent.name.clone(),
        protocol: agent.protocol.as_str(),
        state: InstanceState::Stopped,
        goal_up: agent.autostart,
        reason: "not started yet".into(),
        pid: None,
        started: None,
        invocation_id: None,
        restarts,
        last_exit: None,
        has_succeeded: false,
        next_attempt_ms: None,
        heartbeats: 0,
        heartbeat: None,
        // Until it has a task.
        containment: "process group",
        limits: Vec::new(),
        is_removed: false,
    }
}
