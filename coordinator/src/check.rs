//! `coordinator check`: every problem in agents.toml, for people or as JSON. It starts nothing.
//! What a problem is, is the matter of `coordinator_config`.

use std::io::{self, Write};
use std::path::Path;

use coordinator_config::{Config, ConfigErrors, Problem, load};
use serde::{Deserialize, Serialize};

use crate::Exit;
use crate::attributes::account_of;
use crate::output::print_json;
use crate::verbs::complain;

/// What `check --json` prints.
#[derive(Debug, Serialize)]
struct CheckJson {
    file: String,
    agents: usize,
    instances: u32,
    problems: Vec<ProblemJson>,
}

/// One problem; line and column count from 1 and are absent where the file as a whole is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProblemJson {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    key: String,
    found: String,
    expected: String,
    help: Option<String>,
}

/// All problems as JSON has them.
pub(crate) fn problems_json(errors: &ConfigErrors) -> Vec<ProblemJson> {
    let json = |problem: &Problem| ProblemJson {
        file: errors.path.display().to_string(),
        line: problem.place.map(|place| place.line),
        column: problem.place.map(|place| place.column),
        key: problem.key.clone(),
        found: problem.found.clone(),
        expected: problem.expected.clone(),
        help: problem.help.clone(),
    };
    errors.problems.iter().map(json).collect()
}

/// What only this machine can tell: whether users and groups exist here. A start does not insist on it, as they may come.
fn find_users(config: Config) -> Result<Config, ConfigErrors> {
    let missing = config.agents.iter().filter_map(|agent| {
        let error = account_of(agent).err()?;
        Some(Problem {
            place: None,
            source_line: String::new(),
            offset: 0,
            width: 0,
            key: format!("agents.{}", agent.name),
            found: error.to_string(),
            expected: "a user and a group of this machine".to_owned(),
            help: Some("make it, or name another by `user` and `group`".to_owned()),
        })
    });
    let problems: Vec<Problem> = missing.collect();
    match problems.is_empty() {
        true => Ok(config),
        false => Err(ConfigErrors {
            path: config.path,
            problems,
        }),
    }
}

/// Tells all problems of the file, or that there are none.
pub(crate) fn check(path: &Path, as_json: bool) -> Exit {
    let loaded = load(path).and_then(find_users);
    let (agents, instances) = loaded.as_ref().map_or((0, 0), |config| {
        let instances = config.agents.iter().map(|agent| agent.instances).sum();
        (config.agents.len(), instances)
    });
    let exit = match &loaded {
        Ok(_) => Exit::Success,
        Err(_) => Exit::Configuration,
    };
    if as_json {
        return print_json(
            &CheckJson {
                file: path.display().to_string(),
                agents,
                instances,
                problems: loaded.as_ref().err().map(problems_json).unwrap_or_default(),
            },
            exit,
        );
    }
    match loaded {
        Ok(config) => {
            let path = config.path.display();
            let _ = writeln!(
                io::stdout(),
                "{path}: no problem; {agents} agents, {instances} instances"
            );
            exit
        }
        Err(errors) => complain(&errors.to_string(), exit),
    }
}
