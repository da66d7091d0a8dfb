//! Responsible for what a user can set: flags, environment, the coordinator's `config` table, defaults; in this order.
//! It does not act on any of it. The API key is no setting: it comes from the environment alone.

use agent_sdk::Given;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use coordinator_config::AgentConfig;

use crate::client::Timeouts;
use crate::endpoint::DEFAULT_ENDPOINT;
use crate::environment::Environment;
use crate::flags::{Api, Flags};
use crate::plan::Policy;
use crate::request_class::RateLimits;
use crate::selection::Selection;

/// The bridge's settings as given, before LangSmith's own variables have their say.
#[derive(Clone, Debug)]
pub struct Settings {
    given: Flags,
    /// Settings whose value stands on the command line. What comes from the coordinator's `config` table looks the same to the
    /// parser but for its source, and has to give way to the variables.
    on_command_line: Vec<&'static str>,
}

/// Settings that LangSmith's own variables give too.
const ALSO_IN_ENVIRONMENT: [&str; 4] = ["project", "projects", "endpoint", "workspace_id"];

/// Settings that hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Configuration {
    /// Names of the projects to read, each once, at least one.
    pub(crate) projects: Vec<String>,
    pub(crate) endpoint: String,
    pub(crate) workspace_id: Option<String>,
    pub(crate) policy: Policy,
    pub(crate) timeouts: Timeouts,
    pub(crate) page_size: u32,
    pub(crate) limits: RateLimits,
    /// Nothing is stored.
    pub(crate) is_dry_run: bool,
    pub(crate) api: Api,
    pub(crate) selection: Selection,
    /// Largest content of a run that is kept, as JSON.
    pub(crate) content_bytes_max: usize,
}

impl Settings {
    /// Whether a check is asked for instead of work.
    pub(crate) fn is_check(&self) -> bool {
        self.given.check
    }

    /// The agent of a file that stands in for a coordinator, where one is named, and where it stands.
    pub(crate) fn agent_by_hand(&self) -> Result<Option<(&AgentConfig, String)>, String> {
        let Some(file) = &self.given.agents else {
            return Ok(None);
        };
        let agent = file.agent(self.given.agent.as_deref())?;
        Ok(Some((agent, file.source(agent))))
    }

    /// What that agent is given besides its environment.
    pub(crate) fn given_by_hand(&self) -> Result<Option<Given>, String> {
        let file = self.given.agents.as_ref();
        file.map(|file| file.given(self.given.agent.as_deref()))
            .transpose()
    }

    /// What holds, together with the environment.
    pub(crate) fn resolve(self, environment: &Environment) -> Configuration {
        let Self {
            given,
            on_command_line,
        } = self;
        let switches = [
            (given.inputs, "INPUTS"),
            (given.outputs, "OUTPUTS"),
            (given.events, "EVENTS"),
            (given.extra, "EXTRA"),
        ];
        let switched_on = switches.into_iter().filter(|(is_on, _)| *is_on);
        let switched_on: Vec<&str> = switched_on.map(|(_, name)| name).collect();
        let selection = Selection::resolve(&given.selects, &switched_on);
        let text = |name, given: Option<String>, environment: &Option<String>| {
            let given = given.filter(|text| !text.trim().is_empty());
            let first = given.clone().filter(|_| on_command_line.contains(&name));
            first.or_else(|| environment.clone()).or(given)
        };
        let projects =
            resolve_projects(given.project, given.projects, &on_command_line, environment);
        let endpoint = text("endpoint", given.endpoint, &environment.endpoint);
        let workspace_id = text(
            "workspace_id",
            given.workspace_id,
            &environment.workspace_id,
        );
        Configuration {
            projects,
            endpoint: endpoint
                .or_else(|| environment.profile.endpoint.clone())
                .unwrap_or_else(|| DEFAULT_ENDPOINT.into()),
            workspace_id: workspace_id.or_else(|| environment.profile.workspace_id.clone()),
            policy: Policy {
                since: given.since,
                overlap: given.overlap,
                safety_lag: given.safety_lag,
                settle: given.settle,
                abandon_after: given.abandon_after,
                poll_interval: given.poll_interval,
                ended_interval: given.ended_interval,
                feedback_interval: given.feedback_interval,
                day_check_after: given.day_check_after,
            },
            timeouts: Timeouts {
                connect: given.connect_timeout,
                request: given.request_timeout,
            },
            page_size: given.page_size,
            limits: RateLimits {
                runs_v2: given.requests_per_10s,
                runs_v1: given.runs_v1_per_10s,
                runs_v1_long: given.runs_v1_long_per_10s,
                runs_v1_unbounded: given.runs_v1_unbounded_per_10s,
                stats: given.stats_per_10s,
                sessions: given.sessions_per_10s,
                others: given.others_per_10s,
            },
            is_dry_run: given.dry_run,
            api: given.api,
            selection,
            content_bytes_max: given.content_bytes_max as usize,
        }
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_flag = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
        let on_command_line = ALSO_IN_ENVIRONMENT.into_iter().filter(is_flag).collect();
        Ok(Self {
            given: Flags::from_arg_matches(matches)?,
            on_command_line,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}

/// The projects to read. The two settings count as one: what stands on the command line in either wins over the
/// environment, which names one project, and that over the `config` table.
fn resolve_projects(
    one_by_one: Vec<String>,
    listed: Vec<String>,
    on_command_line: &[&'static str],
    environment: &Environment,
) -> Vec<String> {
    // A list in the `config` table has its elements apart already, so a comma in one is part of the name.
    let listed = if on_command_line.contains(&"projects") {
        listed
            .iter()
            .flat_map(|names| names.split(','))
            .map(str::to_owned)
            .collect()
    } else {
        listed
    };
    let both = [("project", one_by_one), ("projects", listed)];
    let (by_flag, by_config): (Vec<_>, Vec<_>) = both
        .into_iter()
        .partition(|(name, _)| on_command_line.contains(name));
    let names = |given: Vec<(&str, Vec<String>)>| {
        let mut names: Vec<String> = Vec::new();
        for name in given.into_iter().flat_map(|(_, names)| names) {
            let name = name.trim();
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        (!names.is_empty()).then_some(names)
    };
    names(by_flag)
        .or_else(|| environment.project.clone().map(|name| vec![name]))
        .or_else(|| names(by_config))
        .unwrap_or_else(|| vec!["default".into()])
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
