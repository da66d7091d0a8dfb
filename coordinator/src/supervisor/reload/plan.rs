//! What a new agents.toml means for the instances that run: pure, nothing is changed here.

use std::collections::BTreeMap;
use std::rc::Rc;

use coordinator_config::{AgentConfig, Config, CoordinatorConfig};

use crate::changes::{Changes, KeysOf};
use crate::instance::Instance;

/// What has to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    added: Vec<String>,
    removed: BTreeMap<usize, String>,
    /// Name, and the keys for which a process has to be replaced.
    restarted: BTreeMap<usize, (String, Vec<&'static str>)>,
    /// Name, and the keys that apply to a running process.
    applied: Vec<(String, Vec<&'static str>)>,
    unchanged: usize,
    coordinator_changed: bool,
}

/// Compares what runs with what is wanted.
pub(super) fn plan(
    running: &[Rc<Instance>],
    config: &Config,
    coordinator: &CoordinatorConfig,
) -> Plan {
    let mut plan = Plan {
        coordinator_changed: config.coordinator != *coordinator,
        ..Plan::default()
    };
    let mut wanted: BTreeMap<(&str, usize), (String, &AgentConfig)> = BTreeMap::new();
    for agent in &config.agents {
        for (ordinal, name) in agent.instance_names().into_iter().enumerate() {
            wanted.insert((&agent.name, ordinal), (name, agent));
        }
    }
    for instance in running {
        let key = (instance.config.name.as_str(), instance.ordinal);
        match wanted.remove(&key) {
            None => drop(plan.removed.insert(instance.index, instance.name.clone())),
            Some((name, agent)) => plan.compare(instance, name, agent),
        }
    }
    // In the order of the file, not of the names.
    for agent in &config.agents {
        for (ordinal, name) in agent.instance_names().into_iter().enumerate() {
            if wanted.contains_key(&(agent.name.as_str(), ordinal)) {
                plan.added.push(name);
            }
        }
    }
    plan
}

impl Plan {
    fn compare(&mut self, instance: &Instance, name: String, agent: &AgentConfig) {
        let (mut restart, live) = changed_keys(&instance.config, agent);
        if instance.name != name {
            restart.push("instances"); // it learns its name from its environment
        }
        match (restart.is_empty(), live.is_empty()) {
            (true, true) => self.unchanged += 1,
            (true, false) => self.applied.push((name, live)),
            (false, _) => {
                restart.extend(live);
                self.restarted.insert(instance.index, (name, restart));
            }
        }
    }

    /// Indices of those that are wanted no more.
    pub(super) fn removed(&self) -> Vec<usize> {
        self.removed.keys().rev().copied().collect()
    }

    /// Whether its process has to be replaced.
    pub(super) fn restarts(&self, index: usize) -> bool {
        self.restarted.contains_key(&index)
    }

    /// For whoever asked.
    pub(super) fn changes(&self) -> Changes {
        let keys_of = |(name, keys): &(String, Vec<&str>)| KeysOf {
            name: name.clone(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        Changes {
            added: self.added.clone(),
            removed: self.removed.values().cloned().collect(),
            restarted: self.restarted.values().map(keys_of).collect(),
            changed: self.applied.iter().map(keys_of).collect(),
            unchanged: self.unchanged,
            coordinator_changed: self.coordinator_changed,
        }
    }
}

/// Sorts every key of an agent: a key that is in no list, or a list without it, does not compile.
macro_rules! sort_keys {
    ($old:ident, $new:ident, identity: [$($identity:ident),*], restart: [$($restart:ident),* $(,)?], live: [$($live:ident),* $(,)?]) => {{
        // No `..` here: that is the point.
        let AgentConfig { $($identity: _,)* $($restart,)* $($live,)* } = $old;
        let differing = |keys: &[(&'static str, bool)]| -> Vec<&'static str> {
            keys.iter().filter(|(_, differs)| *differs).map(|(key, _)| *key).collect()
        };
        (
            differing(&[$((stringify!($restart), *$restart != $new.$restart)),*]),
            differing(&[$((stringify!($live), *$live != $new.$live)),*]),
        )
    }};
}

/// The keys that differ: those that a process learns at its start, and those that only the coordinator uses.
fn changed_keys(old: &AgentConfig, new: &AgentConfig) -> (Vec<&'static str>, Vec<&'static str>) {
    sort_keys!(
        old,
        new,
        // What makes an instance the same as before is compared by name and ordinal.
        identity: [name, instances, has_plain_first],
        restart: [
            command,
            protocol,
            directory,
            env,
            pass_env,
            config,
            user,
            group,
            umask,
            rlimits,
            nice,
            oom_score_adj,
            line_bytes_max,
        ],
        live: [
            memory_max,
            cpu_max,
            tasks_max,
            depends_on,
            autostart,
            essential,
            schedule,
            time_zone,
            schedule_overlap,
            restart,
            success_exit_codes,
            backoff_initial,
            backoff_factor,
            backoff_max,
            stable_after,
            restarts_max,
            restart_window,
            short_lived_max,
            fatal_retry,
            max_age,
            max_age_variance,
            ready_timeout,
            ready_after,
            heartbeat_timeout,
            watchdog_signal,
            watchdog_grace,
            stop_signal,
            stop_timeout,
            log_bytes_max,
            log_files_max,
        ]
    )
}
