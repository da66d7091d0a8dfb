//! Which instances wait for which, and who has to be told that this changed. It tells nobody itself.

use std::rc::Rc;

use coordinator_config::Condition;
use shared_state::InstanceState;

use crate::agent_task::Command;
use crate::board::View;
use crate::instance::Instance;

/// The needs of all instances, by their index.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    /// Instances of which something has to be true before this one starts.
    needs: Vec<Vec<Need>>,
    /// Instances that need this one.
    needed_by: Vec<Vec<usize>>,
    /// What each was last told to wait for; empty once all is ready.
    told: Vec<Option<String>>,
}

/// One instance, and what has to be true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    index: usize,
    condition: Condition,
}

impl Dependencies {
    /// One that was removed is needed by nobody.
    pub(super) fn new(instances: &[Rc<Instance>], views: &[View]) -> Self {
        let is_there = |other: &&Rc<Instance>| !views[other.index].is_removed;
        let needs: Vec<Vec<Need>> = instances
            .iter()
            .map(|instance| {
                let mut needs = Vec::new();
                for dependency in &instance.config.depends_on {
                    let is_meant = |other: &&Rc<Instance>| other.config.name == dependency.agent;
                    let meant = instances.iter().filter(is_there).filter(is_meant);
                    needs.extend(meant.map(|other| Need {
                        index: other.index,
                        condition: dependency.condition,
                    }));
                }
                needs
            })
            .collect();
        let mut needed_by = vec![Vec::new(); instances.len()];
        for (index, needed) in needs.iter().enumerate() {
            for need in needed {
                needed_by[need.index].push(index);
            }
        }
        Self {
            told: vec![None; needs.len()],
            needs,
            needed_by,
        }
    }

    /// What has to be told to whom, since the last call.
    pub(super) fn changes(&mut self, views: &[View]) -> Vec<(usize, Command)> {
        let mut changes = Vec::new();
        for (index, needs) in self.needs.iter().enumerate() {
            if needs.is_empty() {
                continue;
            }
            let missing: Vec<String> = needs
                .iter()
                .map(|need| (need.condition, &views[need.index]))
                .filter(|(condition, view)| !is_met(*condition, view))
                .map(|(condition, view)| describe(condition, view))
                .collect();
            let waits_for = missing.join("; ");
            if self.told[index].as_ref() != Some(&waits_for) {
                self.told[index] = Some(waits_for.clone());
                changes.push((
                    index,
                    Command::Dependencies {
                        ready: missing.is_empty(),
                        waits_for,
                    },
                ));
            }
        }
        changes
    }

    /// Instances that must be down before this one is stopped.
    pub(super) fn needed_by(&self, index: usize) -> &[usize] {
        &self.needed_by[index]
    }
}

/// Whether it is true now. What was started before does not end when it is no longer.
fn is_met(condition: Condition, view: &View) -> bool {
    match condition {
        Condition::Ready => view.state == InstanceState::Running,
        Condition::Completed => view.state == InstanceState::Exited && view.has_succeeded,
        Condition::Started => match view.state {
            InstanceState::Starting => view.pid.is_some(),
            InstanceState::Running | InstanceState::Unhealthy | InstanceState::Exited => true,
            InstanceState::Stopped
            | InstanceState::Waiting
            | InstanceState::Backoff
            | InstanceState::Stopping
            | InstanceState::Fatal => false,
        },
    }
}

/// The name and what is awaited of it; where waiting alone will not help also its state and what to do.
fn describe(condition: Condition, view: &View) -> String {
    let name = &view.name;
    let awaited = match condition {
        Condition::Ready => name.clone(),
        Condition::Started => format!("the start of {name}"),
        Condition::Completed => format!("the completion of {name}"),
    };
    let by_hand = format!("`coordinator start {name}`");
    let why = match view.state {
        InstanceState::Fatal if view.next_attempt_ms.is_some() => {
            "FATAL until its next attempt".into()
        }
        InstanceState::Fatal => {
            format!("FATAL and not tried again: see `coordinator logs {name}`, then {by_hand}")
        }
        // At the start of everything it is only not started yet.
        InstanceState::Stopped if view.goal_up => return awaited,
        InstanceState::Stopped => format!("STOPPED: {by_hand} starts it"),
        InstanceState::Exited if view.has_succeeded => format!("EXITED: {by_hand} runs it again"),
        InstanceState::Exited => {
            let end = view.last_exit.as_deref().unwrap_or("not as wanted");
            format!("EXITED without success ({end}): mend it, then {by_hand}")
        }
        InstanceState::Waiting => "WAITING itself".into(),
        InstanceState::Starting
        | InstanceState::Running
        | InstanceState::Unhealthy
        | InstanceState::Backoff
        | InstanceState::Stopping => return awaited,
    };
    format!("{awaited}, which is {why}")
}
