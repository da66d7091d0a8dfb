//! Responsible for what a coordinator would give to the bridge, read from its file of agents: `config`, arguments, environment.
//! It does not start anything; which settings win is not its matter.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use agent_sdk::Given;
use coordinator_config::{AgentConfig, Config};

/// The program whose agents are looked for.
const PROGRAM: &str = "langsmith-bridge";

/// A file of agents without a problem in it.
#[derive(Clone, Debug)]
pub(crate) struct AgentsFile(Arc<Config>);

impl AgentsFile {
    /// Reads the file, or says what is wrong with it, where, and what to do.
    pub(crate) fn load(path: &str) -> Result<Self, String> {
        let config = coordinator_config::load(Path::new(path));
        let config = config.map_err(|errors| format!("it has problems:\n{errors}"))?;
        Ok(Self(Arc::new(config)))
    }

    /// The agent of this name, or the only one that runs this program.
    pub(crate) fn agent(&self, name: Option<&str>) -> Result<&AgentConfig, String> {
        let Self(config) = self;
        let file = config.path.display();
        let named = |agents: &[&AgentConfig]| {
            let names = agents.iter().map(|agent| agent.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        let all: Vec<&AgentConfig> = config.agents.iter().collect();
        if let Some(name) = name {
            let found = config.agent(name);
            return found.ok_or_else(|| {
                format!(
                    "{file}: there is no agents.{name}; there are: {}",
                    named(&all)
                )
            });
        }
        let bridges: Vec<&AgentConfig> = all.iter().copied().filter(runs_bridge).collect();
        match bridges.as_slice() {
            [only] => Ok(only),
            [] => Err(format!(
                "{file}: no agent's `command` is {PROGRAM}; say with --agent which one is meant of: {}",
                named(&all)
            )),
            several => Err(format!(
                "{file}: several agents run {PROGRAM}; say with --agent which one is meant of: {}",
                named(several)
            )),
        }
    }

    /// What the agent is given besides its environment.
    pub(crate) fn given(&self, name: Option<&str>) -> Result<Given, String> {
        let agent = self.agent(name)?;
        // Of a shell or a wrapper the arguments are not the bridge's.
        let arguments = agent.command.iter().skip(1);
        let arguments = arguments.filter(|_| runs_bridge(&agent)).cloned();
        Ok(Given {
            config: agent.config.clone(),
            arguments: arguments.collect(),
            source: self.source(agent),
        })
    }

    /// Where the agent stands, for people.
    pub(crate) fn source(&self, agent: &AgentConfig) -> String {
        format!("{}: agents.{}", self.0.path.display(), agent.name)
    }
}

fn runs_bridge(agent: &&AgentConfig) -> bool {
    let program = agent.command.first().map(Path::new);
    program.and_then(Path::file_name) == Some(PROGRAM.as_ref())
}

/// The variables that the agent would have where the coordinator had `own`: those that pass, its own, and those of the `.env` in
/// its folder, which the agent itself reads.
pub(crate) fn environment_of(
    agent: &AgentConfig,
    own: impl IntoIterator<Item = (OsString, OsString)>,
) -> BTreeMap<OsString, OsString> {
    let mut environment = agent.environment(own);
    let dot_env = dotenvy::from_path_iter(agent.directory.join(".env"));
    for (name, value) in dot_env.into_iter().flatten().flatten() {
        environment
            .entry(name.into())
            .or_insert_with(|| value.into());
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> AgentsFile {
        let config = coordinator_config::parse(text, Path::new("agents.toml"));
        AgentsFile(Arc::new(config.unwrap()))
    }

    const TWO: &str = r#"
        [agents.monitor]
        command = ["performance-monitor"]
        [agents.pull]
        command = ["bin/langsmith-bridge", "--since=7d"]
        pass_env = ["LANGSMITH_*"]
        env = { LANGCHAIN_PROJECT = "mail" }
        config = { page_size = 100 }
    "#;

    #[test]
    fn the_only_agent_that_runs_the_bridge_is_meant() {
        let given = file(TWO).given(None).unwrap();
        assert_eq!(given.source, "agents.toml: agents.pull");
        assert_eq!(given.arguments, ["--since=7d"]);
        assert_eq!(given.config["page_size"], 100);
        let other = file(TWO).given(Some("monitor")).unwrap();
        assert_eq!(other.arguments, [""; 0]);
    }

    #[test]
    fn which_agent_is_meant_has_to_be_said_where_it_is_not_clear() {
        let error = |text: &str, name| file(text).given(name).unwrap_err();
        let none = error("[agents.a]\ncommand = [\"true\"]", None);
        assert!(
            none.starts_with("agents.toml: no agent's `command` is"),
            "{none}"
        );
        let several = format!("{TWO}\n[agents.more]\ncommand = [\"langsmith-bridge\"]");
        let several = error(&several, None);
        assert!(several.ends_with("of: pull, more"), "{several}");
        let missing = error(TWO, Some("pul"));
        assert!(
            missing.contains("no agents.pul; there are: monitor, pull"),
            "{missing}"
        );
    }

    #[test]
    fn the_environment_is_what_a_coordinator_would_give() {
        let file = file(TWO);
        let own = [
            ("LANGSMITH_API_KEY", "k"),
            ("LANGCHAIN_PROJECT", "own"),
            ("OTHER", "o"),
        ];
        let own = own.map(|(name, value)| (name.into(), value.into()));
        let environment = environment_of(file.agent(None).unwrap(), own);
        let get = |name: &str| {
            environment
                .get(&OsString::from(name))
                .and_then(|v| v.to_str())
        };
        assert_eq!(get("LANGSMITH_API_KEY"), Some("k"));
        assert_eq!(get("LANGCHAIN_PROJECT"), Some("mail"));
        assert_eq!(get("OTHER"), None);
    }
}
