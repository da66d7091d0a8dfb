//! Tells how agents are contained and limited, and has those measured whose memory the kernel does not limit.
//! What too much memory means for an agent is its task's business.

use std::rc::Rc;

use crate::agent_task::Command;
use crate::cgroup::{Enforcement, Limits};
use crate::instance::Instance;
use crate::proc_tree::Processes;

use super::Supervisor;

impl Supervisor {
    /// For the status of this instance.
    pub(super) fn tell_containment(&self, instance: &Instance) {
        let controllers = self.shared.controllers();
        let limits = Limits::of(&instance.config).enforcement(controllers);
        let unkept = limits
            .iter()
            .filter(|(_, by)| *by == Enforcement::NotInForce);
        for (key, _) in unkept {
            let agent = &instance.name;
            tracing::warn!(
                agent,
                "{key} is not in force: there is no controller for it here"
            );
        }
        self.shared.board.change(instance.index, |view| {
            view.containment = match self.shared.cgroups {
                Some(_) => "cgroup",
                None => "process group",
            };
            view.limits = limits;
        });
    }

    /// Each task measures its own; one that has much to do is not waited for.
    pub(super) fn watch_memory(&self) {
        let controllers = self.shared.controllers();
        let commands = self.shared.commands.borrow();
        let mut all = None;
        for (instance, task) in self.instances.iter().zip(commands.iter()) {
            if Limits::of(&instance.config)
                .watched_memory(controllers)
                .is_some()
            {
                let all = all.get_or_insert_with(|| Rc::new(Processes::read()));
                let _ = task.try_send(Command::MeasureMemory(Rc::clone(all)));
            }
        }
    }
}
