//! The coordinator's own log: readable on a terminal, JSON lines otherwise, and a daily file in any case.
//! Agents' logs are another matter: see `agent_log`.

use std::io::{self, IsTerminal};
use std::path::Path;

use coordinator_config::{CoordinatorConfig, LogFormat, LogLevel};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Lines that may wait for a terminal or a disk that hangs; more are left out, as the loop must not wait for them.
const LINES_MAX: usize = 4_096;

/// Writes what is left when dropped.
#[derive(Debug)]
pub(crate) struct LogGuards {
    _terminal: WorkerGuard,
    _file: WorkerGuard,
}

/// Starts the log. `RUST_LOG` wins over the configured level.
pub(crate) fn start(
    config: &CoordinatorConfig,
    format: LogFormat,
    folder: &Path,
) -> Result<LogGuards, InitError> {
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("coordinator")
        .filename_suffix("log")
        .max_log_files(config.log_files_max)
        .build(folder)?;
    let (file, file_guard) = in_background(appender);
    let (terminal, terminal_guard) = in_background(io::stderr());
    let is_terminal = io::stderr().is_terminal();
    let terminal_layer = match format {
        LogFormat::Text => readable(terminal, is_terminal),
        LogFormat::Json => json(terminal),
        LogFormat::Auto if is_terminal => readable(terminal, true),
        LogFormat::Auto => json(terminal),
    };
    tracing_subscriber::registry()
        .with(terminal_layer.with_filter(filter(config.log_level)))
        .with(json(file).with_filter(filter(config.log_level)))
        .init();
    Ok(LogGuards {
        _terminal: terminal_guard,
        _file: file_guard,
    })
}

fn in_background(writer: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_MAX)
        .finish(writer)
}

type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

fn readable<S>(writer: NonBlocking, colours: bool) -> BoxedLayer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fmt::layer()
        .with_writer(writer)
        .with_ansi(colours)
        .with_target(false)
        .boxed()
}

fn json<S>(writer: NonBlocking) -> BoxedLayer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_writer(writer)
        .boxed()
}

fn filter(level: LogLevel) -> EnvFilter {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env_lossy()
}
