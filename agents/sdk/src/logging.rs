//! Sends the log to stderr. It does not touch stdout, which belongs to the messages.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::drawing::LogWriter;

/// Logs from now on. Under a coordinator without times, since its log file adds them. `Targets` instead of the usual
/// `EnvFilter` keeps regular expressions, and a megabyte, out of every agent.
pub(crate) fn init(supervised: bool) {
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    let targets = if wanted.is_empty() {
        None
    } else {
        wanted.parse::<Targets>().ok()
    };
    let filter = targets.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| LogWriter)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    // A subscriber that the agent's author has set stays.
    let _ = if supervised {
        tracing_subscriber::registry()
            .with(filter)
            .with(lines.without_time())
            .try_init()
    } else {
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .try_init()
    };
}
