//! An agent to start from: counts the files of a folder and says when there are too many. It changes nothing.
//!
//! Run it alone with `cargo run -p agent-sdk --example folder_watcher -- --folder .`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use agent_sdk::{Agent, AgentError, Alert, AlertState, Beat, Context, Level, Severity};
use serde_json::Value;

#[derive(clap::Args)]
struct Settings {
    /// The folder whose files are counted.
    #[arg(long, env = "WATCHED_FOLDER", default_value = ".")]
    folder: PathBuf,
    /// More files than this raise an alert.
    #[arg(long, default_value_t = 1_000)]
    files_max: usize,
    /// Milliseconds from one count to the next.
    #[arg(long, default_value_t = 5_000)]
    interval_ms: u64,
}

struct FolderWatcher {
    settings: Settings,
    too_many: bool,
}

impl Agent for FolderWatcher {
    const NAME: &'static str = "folder-watcher";
    const ABOUT: &'static str = "Counts the files of a folder and says when there are too many";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type Settings = Settings;

    async fn start(settings: Settings, context: &Context) -> Result<Self, AgentError> {
        let folder = settings.folder.display().to_string();
        context.event(Level::Info, "watching", folder);
        Ok(FolderWatcher {
            settings,
            too_many: false,
        })
    }

    async fn cycle(&mut self, context: &Context) -> Result<Beat, AgentError> {
        let (mut files, mut bytes) = (0_usize, 0_u64);
        for entry in fs::read_dir(&self.settings.folder)? {
            let metadata = entry?.metadata()?;
            if metadata.is_file() {
                files += 1;
                bytes += metadata.len();
            }
        }
        self.judge(files, context);
        Ok(Beat::ok(format!(
            "{files} files in {}",
            self.settings.folder.display()
        ))
        .figure("files_count", files as f64)
        .figure("files_bytes", bytes as f64))
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.settings.interval_ms)
    }
}

impl FolderWatcher {
    /// Says once that there are too many files, and once that this is over.
    fn judge(&mut self, files: usize, context: &Context) {
        let too_many = files > self.settings.files_max;
        if too_many == self.too_many {
            return;
        }
        self.too_many = too_many;
        context.alert(Alert {
            key: "files_count".to_owned(),
            severity: Severity::Warning,
            state: if too_many {
                AlertState::Firing
            } else {
                AlertState::Resolved
            },
            message: format!("{files} files, {} are allowed", self.settings.files_max),
            value: Some(files as f64),
            threshold: Some(self.settings.files_max as f64),
            evidence: Value::Null,
            recommendation: too_many.then(|| "Look at what writes there.".to_owned()),
        });
    }
}

fn main() -> ExitCode {
    agent_sdk::run::<FolderWatcher>()
}
