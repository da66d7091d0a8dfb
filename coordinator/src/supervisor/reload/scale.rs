//! Another number of instances than agents.toml says, until it is read again. Those that run are left alone.
//! What has to be done is decided in `plan`, as for a reload.

use std::collections::BTreeMap;

use coordinator_config::{AgentConfig, Config};
use tracing::info;

use super::plan::plan;
use super::{Starts, Supervisor};
use crate::changes::{Changes, Refusal};
use crate::own_events::record_event;

impl Supervisor {
    pub(in crate::supervisor) async fn scale(
        &mut self,
        agent: String,
        instances: u32,
    ) -> Result<Changes, Refusal> {
        let mut config = self.config_in_force();
        config.scale(&agent, instances)?;
        let plan = plan(&self.living(), &config, &self.config);
        self.carry_out(&plan, &config, Starts::All).await?;
        let changes = plan.changes();
        let message = format!("{agent}: {instances} instances, until agents.toml is read again");
        info!("scaled {message}");
        record_event(&self.shared.writer, 1, "scaled", message);
        self.scaled.insert(agent, instances);
        Ok(changes)
    }

    /// What another program has scaled stays so.
    pub(crate) fn keep_scaled(&mut self, scaled: BTreeMap<String, u32>) {
        self.scaled = scaled;
    }

    /// Of the agents as they run now: the file may have been edited since.
    fn config_in_force(&self) -> Config {
        let mut agents: Vec<AgentConfig> = Vec::new();
        for instance in self.living() {
            if agents
                .iter()
                .all(|agent| agent.name != instance.config.name)
            {
                agents.push(AgentConfig::clone(&instance.config));
            }
        }
        Config {
            path: self.config_path.clone(),
            text: self.agents_toml.clone(),
            coordinator: self.config.clone(),
            agents,
        }
    }
}
