//! What a control group may use, and who enforces it: the kernel by its controllers, or somebody else.
//! It measures nothing.

use std::io;
use std::path::Path;

use coordinator_config::AgentConfig;

use super::{Controllers, Group};

/// The kernel's default period, in which a share of processors is counted.
const CPU_PERIOD_US: f64 = 100_000.0;

/// Limits of an agent; absent ones are none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    pub(crate) memory_max: Option<u64>,
    pub(crate) cpu_max: Option<f64>,
    pub(crate) tasks_max: Option<u32>,
}

/// Who sees to it that a limit is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enforcement {
    /// The kernel, by the control group.
    ControlGroup,
    /// The coordinator, which looks now and then.
    Watched,
    /// Nobody.
    NotInForce,
}

impl Enforcement {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ControlGroup => "cgroup",
            Self::Watched => "watched",
            Self::NotInForce => "not in force",
        }
    }
}

impl Limits {
    pub(crate) fn of(agent: &AgentConfig) -> Self {
        Self {
            memory_max: agent.memory_max,
            cpu_max: agent.cpu_max,
            tasks_max: agent.tasks_max,
        }
    }

    /// How each limit that is configured is kept, by its key.
    pub(crate) fn enforcement(&self, controllers: Controllers) -> Vec<(&'static str, Enforcement)> {
        let by = |is_there, otherwise| match is_there {
            true => Enforcement::ControlGroup,
            false => otherwise,
        };
        let memory = by(controllers.memory, Enforcement::Watched);
        let cpu = by(controllers.cpu, Enforcement::NotInForce);
        let tasks = by(controllers.pids, Enforcement::NotInForce);
        let all = [
            self.memory_max.map(|_| ("memory_max", memory)),
            self.cpu_max.map(|_| ("cpu_max", cpu)),
            self.tasks_max.map(|_| ("tasks_max", tasks)),
        ];
        all.into_iter().flatten().collect()
    }

    /// What the coordinator has to look after itself.
    pub(crate) fn watched_memory(&self, controllers: Controllers) -> Option<u64> {
        self.memory_max.filter(|_| !controllers.memory)
    }

    /// Writes them into a group, as far as there are controllers. The error has the file that did not take it.
    pub(crate) fn apply(
        &self,
        group: &Group,
        controllers: Controllers,
    ) -> Result<(), (&'static str, io::Error)> {
        let write = |file, text: String| group.write(file, &text).map_err(|error| (file, error));
        let or_max = |value: Option<String>| value.unwrap_or_else(|| "max".into());
        if controllers.memory {
            write(
                "memory.max",
                or_max(self.memory_max.map(|bytes| bytes.to_string())),
            )?;
            // One process less would leave an agent that does not know that it lacks a part.
            write("memory.oom.group", "1".into())?;
        }
        if controllers.cpu {
            let quota = self
                .cpu_max
                .map(|cores| format!("{:.0} {CPU_PERIOD_US}", cores * CPU_PERIOD_US));
            write("cpu.max", or_max(quota))?;
        }
        if controllers.pids {
            write(
                "pids.max",
                or_max(self.tasks_max.map(|tasks| tasks.to_string())),
            )?;
        }
        Ok(())
    }
}

/// Hands controllers down from the parent to the groups of invocations; those that cannot be are not there.
pub(super) fn enable_controllers(parent: &Path, folder: &Path) -> Controllers {
    let enable = |name: &str| {
        [parent, folder].iter().all(|group| {
            std::fs::write(group.join("cgroup.subtree_control"), format!("+{name}")).is_ok()
        })
    };
    Controllers {
        memory: enable("memory"),
        cpu: enable("cpu"),
        pids: enable("pids"),
    }
}
