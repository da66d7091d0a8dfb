//! Which instances wait for which, and who has to be told that this changed. It tells nobody itself.

use std::rc::Rc;

use shared_state::InstanceState;

use crate::agent_task::Command;
use crate::board::View;
use crate::instance::Instance;

/// The needs of all instances, by their index.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    /// Instances that have to be ready before this one.
    needs: Vec<Vec<usize>>,
    /// Instances that need this one.
    needed_by: Vec<Vec<usize>>,
    /// What each was last told to wait for; empty once all is ready.
    told: Vec<Option<String>>,
}

impl Dependencies {
    /// One that was removed is needed by nobody.
    pub(super) fn new(instances: &[Rc<Instance>], views: &[View]) -> Self {
        let is_there = |other: &&Rc<Instance>| !views[other.index].is_removed;
        let needs: Vec<Vec<usize>> = instances
            .iter()
            .map(|instance| {
                let names = &instance.config.depends_on;
                let is_needed = |other: &&Rc<Instance>| names.contains(&other.config.name);
                match names.is_empty() {
                    true => Vec::new(),
                    false => instances
                        .iter()
                        .filter(is_there)
                        .filter(is_needed)
                        .map(|other| other.index)
                        .collect(),
                }
            })
            .collect();
        let mut needed_by = vec![Vec::new(); instances.len()];
        for (index, needed) in needs.iter().enumerate() {
            for other in needed {
                needed_by[*other].push(index);
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
                .map(|other| &views[*other])
                .filter(|view| view.state != InstanceState::Running)
                .map(describe)
                .collect();
            let waits_for = missing.join(", ");
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

/// The name; with the state where waiting alone will not help.
fn describe(view: &View) -> String {
    let why = match view.state {
        InstanceState::Fatal => " (FATAL)",
        // At the start of everything it is only not started yet.
        InstanceState::Stopped if !view.goal_up => " (STOPPED)",
        InstanceState::Exited => " (EXITED)",
        _ => "",
    };
    format!("{}{why}", view.name)
}
