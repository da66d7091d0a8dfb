//! The control group of an invocation while it lives and at its end; and its memory where nobody else limits that.
//! How it is made stands in `spawn`, what a group can do in `cgroup`.

use std::collections::BTreeMap;
use std::rc::Rc;

use nix::sys::signal::Signal;
use tokio::sync::oneshot;
use tracing::warn;

use super::AgentTask;
use crate::cgroup::{Group, Limits};
use crate::clock;
use crate::proc_tree::{Process, Processes};
use crate::process::Ended;
use crate::shared::Shared;

impl AgentTask {
    /// Limits that have changed hold for those who live, too.
    pub(super) fn limit_anew(&self) {
        let group = self
            .invocation
            .as_ref()
            .and_then(|living| living.group.as_ref());
        let limits = Limits::of(&self.instance.config);
        if let Some(Err((file, error))) =
            group.map(|group| limits.apply(group, self.shared.controllers()))
        {
            let agent = &self.instance.name;
            warn!(agent, "failed to set {file} of its control group: {error}");
        }
    }

    /// Kills an invocation that has more memory than it may have.
    pub(super) fn judge_memory(&mut self, all: &Processes) {
        let limits = Limits::of(&self.instance.config);
        let allowed = limits.watched_memory(self.shared.controllers());
        let (Some(living), Some(allowed)) = (&mut self.invocation, allowed) else {
            return;
        };
        let used = resident_bytes(all, living.child.pid().as_raw(), living.group.as_ref());
        if used <= allowed || living.has_exceeded_memory {
            return;
        }
        living.has_exceeded_memory = true;
        let message = format!(
            "its processes have {used} bytes of memory, memory_max is {allowed}; they are killed"
        );
        let id = living.id;
        warn!(agent = self.instance.name, "{message}");
        self.event(2, "memory_exceeded", &message, Some(id));
        self.signal(Signal::SIGKILL);
    }
}

/// Tells the end of the process once nobody else of its group lives, so that nothing works on beside its successor.
pub(super) fn end_with_group(
    ended: oneshot::Receiver<Ended>,
    group: Group,
    shared: &Rc<Shared>,
    instance: &str,
) -> oneshot::Receiver<Ended> {
    let (tell, told) = oneshot::channel();
    let (shared, name) = (Rc::clone(shared), instance.to_owned());
    tokio::task::spawn_local(async move {
        let Ok(ended) = ended.await else { return };
        let lacked_memory =
            ended == Ended::Signaled(Signal::SIGKILL as i32) && group.out_of_memory_kills() > 0;
        if !group.end().await {
            report_undead(&shared, &name, &group);
        }
        let ended = if lacked_memory {
            Ended::OutOfMemory
        } else {
            ended
        };
        let _ = tell.send(ended); // the task may have gone
    });
    told
}

fn report_undead(shared: &Shared, agent: &str, group: &Group) {
    let pids: Vec<String> = group.processes().iter().map(ToString::to_string).collect();
    let message = format!(
        "killed processes of {agent} do not end: {}",
        pids.join(", ")
    );
    warn!("{message}");
    shared
        .writer
        .record(shared_state::Fact::Event(shared_state::EventRow {
            ts_ms: clock::wall_ms(),
            instance_id: None,
            invocation_id: None,
            level: 2,
            kind: "left_behind".into(),
            message,
            data: None,
        }));
}

/// Of the process, all that descends from it and all others of its groups. What several of them share counts for each.
fn resident_bytes(all: &Processes, root: i32, group: Option<&Group>) -> u64 {
    let others = group.map(Group::processes).unwrap_or_default();
    let others = others.iter().filter_map(|pid| all.find(pid.as_raw()));
    let tree = all.tree_of(root).into_iter().map(|(_, process)| process);
    // Most belong to both.
    let all: BTreeMap<i32, &Process> = tree.chain(others).map(|one| (one.pid, one)).collect();
    all.values().map(|process| process.rss_bytes).sum()
}
