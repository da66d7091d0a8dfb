//! Reads agents.toml anew and brings the running agents in line with it. An invalid file changes nothing.
//! What has to be done is decided in `plan`.

mod plan;
mod scale;

use std::rc::Rc;
use std::time::Duration;

use coordinator_config::{Config, load};
use tracing::{error, info};

use self::plan::{Plan, plan};
use super::Supervisor;
use crate::agent_task::{Command, Reconfiguration};
use crate::board::View;
use crate::changes::{Changes, Refusal};
use crate::instance::Instance;
use crate::own_events::record_event;
use crate::registration::{log_target, register};

/// Meanwhile the supervisor does nothing else.
const REGISTER_LIMIT: Duration = Duration::from_secs(5);

/// Which of those that are added are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Starts {
    /// Those that start with the coordinator.
    IfWanted,
    /// All: somebody asks for them by name.
    All,
}

impl Supervisor {
    /// What has been done (or would be, with `dry_run`); or all problems of the file.
    pub(super) async fn reload(&mut self, dry_run: bool) -> Result<Changes, Refusal> {
        let config = load(&self.config_path).map_err(|errors| {
            error!("agents.toml was not taken, everything stays as it is:\n{errors}");
            Refusal::from(errors)
        })?;
        let plan = plan(&self.living(), &config, &self.config);
        let changes = plan.changes();
        if dry_run {
            return Ok(changes);
        }
        self.carry_out(&plan, &config, Starts::IfWanted).await?;
        self.agents_toml = config.text;
        self.scaled.clear();
        let lines = changes.lines().join("; ");
        info!("agents.toml was read anew: {lines}");
        record_event(&self.shared.writer, 1, "reloaded", lines);
        Ok(changes)
    }

    fn living(&self) -> Vec<Rc<Instance>> {
        let views = self.shared.board.views();
        let is_there = |instance: &&Rc<Instance>| !views[instance.index].is_removed;
        self.instances.iter().filter(is_there).cloned().collect()
    }

    async fn carry_out(
        &mut self,
        plan: &Plan,
        config: &Config,
        starts: Starts,
    ) -> Result<(), String> {
        let registered = register(config, &self.shared.settings, &self.shared.writer);
        let registered = tokio::time::timeout(REGISTER_LIMIT, registered)
            .await
            .map_err(|_| {
                "the database does not take the agents in time; try again later".to_owned()
            })?
            .map_err(|error| format!("failed to {error:#}"))?;
        self.apply(plan, registered, starts).await;
        Ok(())
    }

    async fn apply(&mut self, plan: &Plan, registered: Vec<(Instance, View)>, starts: Starts) {
        for index in plan.removed() {
            self.shared
                .board
                .change(index, |view| view.is_removed = true);
            self.shared.send(index, Command::Stop).await;
        }
        let mut added = Vec::new();
        for (instance, view) in registered {
            // Also one that was removed earlier: its task is still there, and its process may be.
            let known = self
                .instances
                .iter()
                .position(|known| is_same(known, &instance));
            match known {
                Some(index) => {
                    if self.reconfigure(index, instance, plan).await {
                        added.push(index);
                    }
                }
                None => {
                    self.add(instance, view);
                    added.push(self.instances.len() - 1);
                }
            }
        }
        self.renew_dependencies();
        self.tell_dependents().await;
        for index in added {
            match starts {
                Starts::IfWanted => self.start_if_wanted(index).await,
                Starts::All => self.shared.send(index, Command::Enable).await,
            }
        }
    }

    /// Returns whether it comes back: it had been removed.
    async fn reconfigure(&mut self, index: usize, instance: Instance, plan: &Plan) -> bool {
        let before = Rc::clone(&self.instances[index]);
        let was_removed = self.shared.board.views()[index].is_removed;
        let instance = Rc::new(Instance {
            index,
            cursors: Rc::clone(&before.cursors),
            restarts_before: before.restarts_before,
            ..instance
        });
        let settings = &self.shared.settings;
        let target = log_target(settings, &instance);
        let log = (target != log_target(settings, &before)).then(|| self.log_writer.open(target));
        self.shared.board.change(index, |view| {
            view.name.clone_from(&instance.name);
            view.protocol = instance.config.protocol.as_str();
            view.is_removed = false;
        });
        self.tell_containment(&instance);
        self.instances[index] = Rc::clone(&instance);
        let restart = plan.restarts(index);
        let new = Reconfiguration {
            instance,
            log,
            restart,
        };
        self.shared
            .send(index, Command::Reconfigure(Box::new(new)))
            .await;
        was_removed
    }

    pub(super) async fn start_if_wanted(&self, index: usize) {
        if self.instances[index].config.autostart {
            self.shared.send(index, Command::Enable).await;
        }
    }
}

fn is_same(one: &Instance, other: &Instance) -> bool {
    one.instance_id == other.instance_id
}
