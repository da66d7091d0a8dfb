//! Reaps, and finds processes that agents left behind: those that went out of their process group before their agent
//! ended, and that came to the coordinator as subreaper. They are reported; at the end they are killed.

use nix::unistd::Pid;
use tracing::warn;

use super::Supervisor;
use crate::own_events::record_event;

/// Reports are for people: after so many they say nothing new.
const REPORTED_MAX: usize = 1_000;

impl Supervisor {
    pub(super) fn reap(&mut self) {
        for stranger in self.children.reap_ended() {
            self.ticking.reported.remove(&stranger.pid.as_raw());
        }
        self.ticking.looks_for_strangers = true;
    }

    /// Looked at once a second at most, and only after some child has ended.
    pub(super) fn report_left_behind(&mut self) {
        if !std::mem::take(&mut self.ticking.looks_for_strangers) {
            return;
        }
        for stranger in self.children.list_strangers() {
            let pid = stranger.pid;
            let cgroups = self.shared.cgroups.as_ref();
            if cgroups.is_some_and(|cgroups| cgroups.hold(pid)) {
                continue;
            }
            if self.ticking.reported.len() >= REPORTED_MAX
                || !self.ticking.reported.insert(pid.as_raw())
            {
                continue;
            }
            let name = name_of(pid);
            warn!(pid = pid.as_raw(), name, "an agent left a process behind");
            let message = format!("process {pid} ({name}) outlived the agent that started it");
            record_event(&self.shared.writer, 2, "left_behind", message);
        }
    }

    /// At the end nothing may remain.
    pub(super) fn kill_left_behind(&self) {
        for stranger in self.children.list_strangers() {
            stranger.kill();
        }
    }
}

fn name_of(pid: Pid) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "?".into(), |name| name.trim_end().to_owned())
}
