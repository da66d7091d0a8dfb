//! Everything that the running coordinator knows of an instance. What only files and `/proc` know, the client adds.

use std::time::Instant;

use coordinator_config::{Condition, Dependency};
use serde::{Deserialize, Serialize};
use shared_state::InstanceState;
use tokio::sync::oneshot;

use super::choose::choose;
use super::{AgentStatus, Response};
use crate::agent_task::Command;
use crate::clock::wall_ms;
use crate::instance::Instance;
use crate::registration::log_target;
use crate::shared::Shared;

/// One instance, as it runs and as it is configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Description {
    #[serde(flatten)]
    pub(crate) status: AgentStatus,
    pub(crate) instance_id: i64,
    /// Instances that it waits for, and those that wait for it.
    pub(crate) depends_on: Vec<Neighbour>,
    pub(crate) needed_by: Vec<Neighbour>,
    pub(crate) log_path: String,
    /// Names of its variables: values may be secrets.
    pub(crate) environment: Vec<String>,
    /// Every key with its value in force; secrets are `***`.
    pub(crate) config: serde_json::Value,
}

/// Another instance and how it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Neighbour {
    pub(crate) name: String,
    pub(crate) state: InstanceState,
    /// What has to be true of the one that is needed.
    pub(crate) condition: String,
}

/// The coordinator itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CoordinatorStatus {
    pub(crate) pid: u32,
    pub(crate) version: String,
    pub(crate) database: String,
    pub(crate) log_dir: String,
    /// Its clock, for ages of what it says.
    pub(crate) now_ms: i64,
}

impl CoordinatorStatus {
    pub(super) fn of(shared: &Shared) -> Self {
        let settings = &shared.settings;
        Self {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            database: settings.database.display().to_string(),
            log_dir: settings.log_dir.display().to_string(),
            now_ms: wall_ms(),
        }
    }
}

pub(super) async fn describe(names: &[String], shared: &Shared) -> Response {
    let chosen = choose(&shared.board.views(), names);
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(name) => return Response::NoSuchAgent(name),
    };
    let mut instances = Vec::new();
    let count = shared.commands.borrow().len();
    // Of all, as only they know whom they need.
    for index in 0..count {
        let (answer, answered) = oneshot::channel();
        shared.send(index, Command::Describe(answer)).await;
        if let Ok(instance) = answered.await {
            instances.push(instance);
        }
    }
    let chosen = instances
        .iter()
        .filter(|instance| chosen.contains(&instance.index));
    let agents = chosen
        .map(|instance| description(instance, &instances, shared))
        .collect();
    Response::Described {
        coordinator: CoordinatorStatus::of(shared),
        agents,
    }
}

fn description(instance: &Instance, all: &[std::rc::Rc<Instance>], shared: &Shared) -> Description {
    let views = shared.board.views();
    let neighbours = |condition_of: &dyn Fn(&Instance) -> Option<Condition>| {
        let shown = all.iter().filter(|other| views[other.index].is_shown());
        let found = shown.filter_map(|other| Some((other, condition_of(other)?)));
        found
            .map(|(other, condition)| Neighbour {
                name: other.name.clone(),
                state: views[other.index].state,
                condition: condition.as_str().into(),
            })
            .collect()
    };
    let view = &views[instance.index];
    let invocation_id = view.invocation_id.unwrap_or_default();
    let environment = instance.environment(&shared.environment, invocation_id, &shared.settings);
    Description {
        status: AgentStatus::of(view, Instant::now()),
        instance_id: instance.instance_id,
        depends_on: neighbours(&|other| need(instance, other)),
        needed_by: neighbours(&|other| need(other, instance)),
        log_path: log_target(&shared.settings, instance)
            .path
            .display()
            .to_string(),
        environment: environment
            .keys()
            .map(|name| name.to_string_lossy().into_owned())
            .collect(),
        config: instance.config.masked_json(),
    }
}

/// What has to be true of the other before this one starts, where it waits for it.
fn need(one: &Instance, other: &Instance) -> Option<Condition> {
    let needs = one.config.depends_on.iter();
    let of_other = |need: &&Dependency| need.agent == other.config.name;
    needs.clone().find(of_other).map(|need| need.condition)
}
