//! Everything that an agent's author needs: implement [`Agent`], call [`run()`] from `main`.
//! It knows the wire, not the coordinator: an agent built with it also runs alone in a terminal.
//!
//! ```no_run
//! use std::time::Duration;
//! use agent_sdk::{Agent, AgentError, Beat, Context};
//!
//! /// Counts the files of a folder.
//! struct FolderWatcher { settings: Settings }
//!
//! #[derive(clap::Args)]
//! struct Settings {
//!     /// The folder whose files are counted.
//!     #[arg(long, env = "WATCHED_FOLDER", default_value = ".")]
//!     folder: std::path::PathBuf,
//! }
//!
//! impl Agent for FolderWatcher {
//!     const NAME: &str = "folder-watcher";
//!     const ABOUT: &str = "Counts the files of a folder";
//!     type Settings = Settings;
//!
//!     async fn start(settings: Settings, _context: &Context) -> Result<Self, AgentError> {
//!         Ok(FolderWatcher { settings })
//!     }
//!
//!     async fn cycle(&mut self, _context: &Context) -> Result<Beat, AgentError> {
//!         let files = std::fs::read_dir(&self.settings.folder)?.count();
//!         Ok(Beat::ok(format!("{files} files")).figure("files_count", files as f64))
//!     }
//!
//!     fn interval(&self) -> Duration {
//!         Duration::from_secs(5)
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     agent_sdk::run::<FolderWatcher>()
//! }
//! ```
//!
//! # Layout
//! * `agent`: what an author implements. `error`: what an author returns. `beat`: what one cycle says.
//! * `options`, `settings`: flags, environment, the coordinator's `config` table, defaults. `by_hand`: what stands in for a coordinator.
//! * `input`, `signals` → `stop`: what ends an agent. `input` → `pending`: what answers it.
//! * `context` → `output` → `readable`: what an agent says, as wire or for people. `drawing`: what makes room for it. `records`: what is acknowledged.
//! * `work_loop`: cycles, heartbeats, the end. `run`: the wiring.

mod agent;
mod beat;
mod by_hand;
mod context;
mod drawing;
mod error;
mod exit;
mod input;
mod logging;
mod options;
mod output;
mod pending;
mod readable;
mod records;
mod run;
mod settings;
mod signals;
mod stop;
mod work_loop;

pub use agent::Agent;
pub use agent_protocol::{
    Alert, AlertState, CoordinatorHello, Cursor, Event, Level, Severity, Status,
};
pub use beat::Beat;
pub use by_hand::Given;
pub use context::Context;
pub use drawing::Drawing;
pub use error::AgentError;
pub use exit::Exit;
pub use records::RecordsError;
pub use run::run;
