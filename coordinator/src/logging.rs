//! The coordinator's own log: readable on a terminal and in the journal, JSON lines otherwise, and a daily file in any case.
//! Agents' logs are another matter: see `agent_log`.

use std::io::{self, IsTerminal};
use std::path::Path;

use coordinator_config::{CoordinatorConfig, LogFormat, LogLevel};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::InitError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::journal::{self, JournalFormat};
use crate::own_log::OwnLog;

/// Lines that may wait for a terminal or a disk that hangs; more are left out, as the loop must not wait for them.
const LINES_MAX: usize = 4_096;

/// Writes what is left when dropped.
#[derive(Debug)]
pub(crate) struct LogGuards {
    _workers: Vec<WorkerGuard>,
}

/// Starts the log. `RUST_LOG` wins over the configured level.
pub(crate) fn start(
    config: &CoordinatorConfig,
    format: LogFormat,
    folder: &Path,
) -> Result<LogGuards, InitError> {
    let appender = OwnLog::open(folder, config.log_files_max)?;
    let is_terminal = io::stderr().is_terminal();
    let for_journal = format == LogFormat::Auto && journal::is_stderr();
    let is_text = match format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => is_terminal,
    };
    if !is_text && !for_journal {
        // Both get the same lines: they are made once and written by one thread.
        let (both, guard) = in_background(Both(io::stderr(), appender));
        let lines = json(both).with_filter(filter(config.log_level));
        tracing_subscriber::registry().with(lines).init();
        return Ok(LogGuards {
            _workers: vec![guard],
        });
    }
    let (file, file_guard) = in_background(appender);
    let (terminal, terminal_guard) = in_background(io::stderr());
    let stderr = match for_journal {
        true => fmt::layer()
            .event_format(JournalFormat)
            .with_ansi(false)
            .with_writer(terminal)
            .boxed(),
        false => readable(terminal, is_terminal),
    };
    tracing_subscriber::registry()
        .with(stderr.with_filter(filter(config.log_level)))
        .with(json(file).with_filter(filter(config.log_level)))
        .init();
    Ok(LogGuards {
        _workers: vec![terminal_guard, file_guard],
    })
}

/// Writes the same to both; one that fails does not keep it from the other.
struct Both<A, B>(A, B);

impl<A: io::Write, B: io::Write> io::Write for Both<A, B> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (first, second) = (self.0.write_all(bytes), self.1.write_all(bytes));
        first.and(second).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let (first, second) = (self.0.flush(), self.1.flush());
        first.and(second)
    }
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
