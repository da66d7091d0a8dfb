//! An agent's configuration as what its processes get besides their program. It starts nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;

use coordinator_config::{AgentConfig, Resource};
use nix::sys::resource::Resource as Kernel;

use crate::process::{Account, Attributes, Limit, SpawnError};

/// Looks up the agent's user and group.
pub(crate) fn account_of(agent: &AgentConfig) -> Result<Account, SpawnError> {
    Account::find(agent.user.as_deref(), agent.group.as_deref())
}

/// All that the child has to change of itself.
pub(crate) fn attributes_of(agent: &AgentConfig, account: &Account) -> Attributes {
    let limits = agent.rlimits.iter().map(|(resource, limit)| Limit {
        name: resource.as_str(),
        resource: kernel_resource(*resource),
        soft: limit.soft,
        hard: limit.hard,
    });
    Attributes {
        credentials: account.credentials.clone(),
        umask: agent.umask,
        nice: agent.nice,
        oom_score_adj: agent.oom_score_adj,
        limits: limits.collect(),
    }
}

/// What the user of an agent is known by in its environment, in place of what the coordinator's own user is.
pub(crate) fn introduce_user(
    agent: &AgentConfig,
    account: &Account,
    environment: &mut BTreeMap<OsString, OsString>,
) {
    if account.environment.is_empty() {
        return;
    }
    let is_given = |name: &str| agent.env.contains_key(name);
    // A folder of the coordinator's user, which nobody else may enter.
    if !is_given("XDG_RUNTIME_DIR") && account.credentials.is_some() {
        environment.remove(std::ffi::OsStr::new("XDG_RUNTIME_DIR"));
    }
    for (name, value) in &account.environment {
        if !is_given(name) {
            environment.insert((*name).into(), value.clone());
        }
    }
}

fn kernel_resource(resource: Resource) -> Kernel {
    match resource {
        Resource::As => Kernel::RLIMIT_AS,
        Resource::Core => Kernel::RLIMIT_CORE,
        Resource::Cpu => Kernel::RLIMIT_CPU,
        Resource::Data => Kernel::RLIMIT_DATA,
        Resource::Fsize => Kernel::RLIMIT_FSIZE,
        Resource::Memlock => Kernel::RLIMIT_MEMLOCK,
        Resource::Msgqueue => Kernel::RLIMIT_MSGQUEUE,
        Resource::Nofile => Kernel::RLIMIT_NOFILE,
        Resource::Nproc => Kernel::RLIMIT_NPROC,
        Resource::Rtprio => Kernel::RLIMIT_RTPRIO,
        Resource::Sigpending => Kernel::RLIMIT_SIGPENDING,
        Resource::Stack => Kernel::RLIMIT_STACK,
    }
}
