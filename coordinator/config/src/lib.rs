//! Reads `agents.toml` into checked types and tells every problem in it with file, line, key and a way out.
//! It starts nothing, opens no database and changes no file.
//!
//! # Layout
//!
//! - `config`, `agent`: what the coordinator gets.
//! - `problem`: what a user gets when the file is wrong.
//! - `settings`: flag, environment, `.env`, file and default put in order.

mod agent;
mod choices;
mod config;
mod environment;
mod problem;
mod settings;

use std::path::Path;

pub use agent::{AgentConfig, EnvValue};
pub use choices::{LogFormat, LogLevel, Protocol, Restart, Signal, Synchronous};
pub use config::{Config, CoordinatorConfig, Retention};
pub use environment::INHERITED;
pub use problem::{ConfigErrors, Place, Problem};
pub use settings::{DotenvError, Overrides, Settings, load_dotenv};

/// Reads and checks the file.
///
/// # Errors
/// All problems of the file at once; also a file that cannot be read.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigErrors::unreadable(path, &error))?;
    parse(&text, path)
}

/// Checks a text as if it stood in the file `path`; relative paths in it begin at that file's folder.
///
/// # Errors
/// All problems of the text at once.
pub fn parse(_text: &str, path: &Path) -> Result<Config, ConfigErrors> {
    Err(ConfigErrors::unreadable(
        path,
        &std::io::Error::other("the parser is not written yet"),
    ))
}
