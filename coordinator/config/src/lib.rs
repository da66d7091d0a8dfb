//! Reads `agents.toml` into checked types and tells every problem in it with file, line, key and a way out.
//! It starts nothing, opens no database and changes no file.
//!
//! # Layout
//!
//! - `tables` with `value`, `quantity`, `command`, `dependency`, `schedule`, `free`, `attributes`, `rlimits`: every key with its type, read one by one.
//! - `resolve` with `check`, `names`, `dependencies`, `env_file`: the layers put over each other and checked together.
//! - `config`, `agent`, `choices`: what the coordinator gets.
//! - `problems`, `problem`: what a user gets when the file is wrong.
//! - `masked`, `environment`: what others get of an agent: the database, the process.
//! - `settings`: flag, environment, `.env`, file and default put in order.
//! - `schema`, `inline_schema`: the same tables for editors.

mod agent;
mod attributes;
mod check;
mod choices;
mod command;
mod config;
mod dependencies;
mod dependency;
mod env_file;
mod environment;
mod free;
mod inline_schema;
mod masked;
mod names;
mod problem;
mod problems;
mod quantity;
mod resolve;
mod rlimits;
mod schedule;
mod schema;
mod settings;
mod tables;
mod value;

use std::io;
use std::path::Path;

use toml::de::{DeTable, DeValue};

pub use agent::{AgentConfig, EnvValue};
pub use attributes::Containment;
pub use choices::{
    Condition, LogFormat, LogLevel, Overlap, Protocol, Restart, Signal, Synchronous,
};
pub use config::{Config, CoordinatorConfig, Retention};
pub use dependency::Dependency;
pub use environment::INHERITED;
pub use names::log_file_name;
pub use problem::{ConfigErrors, Place, Problem};
pub use quantity::{duration_from_text, duration_text};
pub use rlimits::{Resource, ResourceLimit, ResourceLimits, UNLIMITED};
pub use schedule::{Schedule, Zone};
pub use schema::json_schema;
pub use settings::{DotenvError, Overrides, Settings, load_dotenv};

use problems::{Origin, Problems};
use value::FromToml as _;

/// Ten thousand agents with every key fit; a database named by mistake does not.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Reads and checks the file.
///
/// # Errors
/// All problems of the file at once; also a file that cannot be read.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    let text = read_file(path).map_err(|error| ConfigErrors::unreadable(path, &error))?;
    parse(&text, path)
}

fn read_file(path: &Path) -> io::Result<String> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it has {bytes} bytes, at most {FILE_BYTES_MAX} are read"
        )));
    }
    std::fs::read_to_string(path)
}

/// Checks a text as if it stood in the file `path`; relative paths in it begin at that file's folder.
///
/// # Errors
/// All problems of the text at once.
pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigErrors> {
    let mut problems = Problems::new(text);
    let config = parse_into(text, path, &mut problems);
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(ConfigErrors {
            path: path.to_owned(),
            problems: problems.into_sorted(),
        }),
    }
}

fn parse_into(text: &str, path: &Path, problems: &mut Problems<'_>) -> Option<Config> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let root = Origin {
        span: document.span(),
        key: String::new(),
    };
    for error in &errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let origin = Origin {
            span,
            key: String::new(),
        };
        problems.add(&origin, error.message(), "TOML", None);
    }
    // What was recovered may be half a value; complaints about it would only distract.
    if !errors.is_empty() {
        return None;
    }
    let document = DeValue::Table(document.into_inner());
    let file = tables::FileTable::read(&document, &root, problems)?;
    Some(resolve::resolve(file, text, path, problems))
}
