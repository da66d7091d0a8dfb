//! Which log files names mean: by agents.toml, else by the database, so that also the logs of a coordinator whose
//! configuration is gone can be read. It opens no log.

use std::path::PathBuf;
use std::time::Duration;

use coordinator_config::{Settings, load, log_file_name};
use shared_state::{Reader, ReaderError};

use crate::Exit;
use crate::cli::Paths;
use crate::control::choose_by;
use crate::verbs::{chain, complain};

/// A read takes milliseconds; longer, and the disk hangs.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// The log of one instance.
#[derive(Debug)]
pub(super) struct Whose {
    pub(super) instance: String,
    agent: String,
    pub(super) path: PathBuf,
}

/// Why no log was found.
#[derive(Debug)]
pub(super) struct NotFound {
    text: String,
    exit: Exit,
}

impl NotFound {
    pub(super) fn tell(&self) -> Exit {
        complain(&self.text, self.exit)
    }
}

/// The logs of these agents and instances.
pub(super) fn find_logs(paths: &Paths, names: &[String]) -> Result<Vec<Whose>, NotFound> {
    let (mut logs, source) = all_logs(paths)?;
    let chosen = choose_by(&logs, |log| (&log.instance, &log.agent), names);
    let chosen = chosen.map_err(|name| NotFound {
        text: format!("there is no agent {name:?} in {}", source.display()),
        exit: Exit::Unknown,
    })?;
    let mut index = 0;
    logs.retain(|_| {
        index += 1;
        chosen.binary_search(&(index - 1)).is_ok()
    });
    Ok(logs)
}

/// All logs, and the file that names them.
fn all_logs(paths: &Paths) -> Result<(Vec<Whose>, PathBuf), NotFound> {
    let config = load(paths.agents());
    let in_file = config.as_ref().ok().map(|config| &config.coordinator);
    let settings = Settings::resolve(paths.overrides(), in_file).map_err(|error| NotFound {
        text: format!("failed to find the working directory: {error}"),
        exit: Exit::Internal,
    })?;
    let errors = match config {
        Ok(config) => {
            let agents = config.agents.iter();
            let named = agents.flat_map(|agent| {
                let instances = agent.instance_names().into_iter();
                instances.map(|instance| (instance, agent.name.clone()))
            });
            let log_of = |(instance, agent): (String, String)| Whose {
                path: settings.log_dir.join(log_file_name(&instance)),
                instance,
                agent,
            };
            return Ok((named.map(log_of).collect(), config.path.clone()));
        }
        Err(errors) => errors,
    };
    match logs_of_database(paths, &settings) {
        Ok(logs) => Ok((logs, settings.database)),
        // A broken file is what its user can mend; without one the database is what is missing.
        Err(_) if paths.agents().exists() => Err(NotFound {
            text: errors.to_string(),
            exit: Exit::Configuration,
        }),
        Err(error) => Err(NotFound {
            text: format!(
                "{}; and there is no {}",
                chain(&error.into()),
                paths.agents().display()
            ),
            exit: Exit::Database,
        }),
    }
}

fn logs_of_database(paths: &Paths, settings: &Settings) -> Result<Vec<Whose>, ReaderError> {
    let reader = Reader::open(&settings.database)?;
    let fleet = reader.snapshot(READ_LIMIT, |snapshot| snapshot.fleet())?;
    let given = paths.overrides().log_dir;
    let is_given = given.is_some_and(|path| !path.as_os_str().is_empty());
    let log_of = |row: shared_state::InstanceRow| Whose {
        // Where the configuration is gone, the coordinator's own note of where it wrote is the best that is left.
        path: match row.log_path {
            Some(path) if !is_given => PathBuf::from(path),
            _ => settings.log_dir.join(log_file_name(&row.name)),
        },
        instance: row.name,
        agent: row.agent,
    };
    Ok(fleet.into_iter().map(log_of).collect())
}
