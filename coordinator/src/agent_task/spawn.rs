//! Starts the process of an invocation: looks up its user, makes its control group, and leaves nothing where that fails.
//! Whether and when it is started is decided elsewhere.

use std::io;

use super::AgentTask;
use crate::attributes::{account_of, attributes_of, introduce_user};
use crate::cgroup::{Group, Limits};
use crate::process::{Account, Program, SpawnError, Started};

impl AgentTask {
    pub(super) fn spawn(&self, invocation_id: i64) -> Result<(Started, Option<Group>), SpawnError> {
        let account = account_of(&self.instance.config)?;
        let group = self.make_group(invocation_id)?;
        match self.spawn_in(group.as_ref(), &account, invocation_id) {
            Ok(started) => Ok((started, group)),
            Err(error) => {
                if let Some(group) = group {
                    group.remove();
                }
                Err(error)
            }
        }
    }

    fn spawn_in(
        &self,
        group: Option<&Group>,
        account: &Account,
        invocation_id: i64,
    ) -> Result<Started, SpawnError> {
        let (shared, instance) = (&self.shared, &self.instance);
        let mut environment =
            instance.environment(&shared.environment, invocation_id, &shared.settings);
        introduce_user(&instance.config, account, &mut environment);
        shared.spawner.borrow_mut().start(Program {
            command: &instance.config.command,
            directory: &instance.config.directory,
            environment: &environment,
            has_stdin: instance.speaks(),
            group,
            attributes: &attributes_of(&instance.config, account),
        })
    }

    /// A group with its limits in force, or none where process groups have to do.
    fn make_group(&self, invocation_id: i64) -> Result<Option<Group>, SpawnError> {
        let Some(cgroups) = &self.shared.cgroups else {
            return Ok(None);
        };
        let failed = |doing: String, error: &io::Error| SpawnError::before(doing, error);
        let group = cgroups
            .make(&self.instance.name, invocation_id)
            .map_err(|error| failed("could not make its control group".into(), &error))?;
        let limits = Limits::of(&self.instance.config);
        if let Err((file, error)) = limits.apply(&group, cgroups.controllers()) {
            group.remove();
            let doing = format!("could not set {file} of its control group");
            return Err(failed(doing, &error));
        }
        Ok(Some(group))
    }
}
