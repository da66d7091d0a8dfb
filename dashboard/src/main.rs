//! The dashboard's binary: reads the settings, serves, maps the error to an exit code.
//! 0: ended as asked; 1: could not serve; 2: settings that cannot be used.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use dashboard::settings::{Options, Settings};
use dashboard::{environment, serve};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let settings = match read_settings() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("dashboard: failed to {error:#}");
            return ExitCode::from(2);
        }
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    match run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn read_settings() -> anyhow::Result<Settings> {
    let dotenv = environment::read_dotenv(Path::new("."))?;
    let set = |name: &str| std::env::var_os(name);
    let options = Options::parse_from(environment::complete(std::env::args_os(), set, &dotenv));
    Ok(options.check()?)
}

/// Two threads serve; at most six more read the database and log files, each for a moment.
fn run(settings: Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(6)
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(async {
        let stop = serve::signalled()?;
        tracing::info!(database = %settings.database.display(), "reading");
        serve::serve(settings, stop, |url| println!("listening on {url}")).await?;
        anyhow::Ok(())
    })
}
