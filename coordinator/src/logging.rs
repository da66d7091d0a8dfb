//! The coordinator's own log: readable on a terminal and in the journal, JSON lines otherwise, and a daily file in any case.
//! Agents' logs are another matter: see `agent_log`.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use coordinator_config::{CoordinatorConfig, LogFormat, LogLevel};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::InitError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::journal::{self, JournalFormat};
use crate::own_log::OwnLog;

/// Lines that may wait for a terminal or a disk that hangs; more are left out, as the loop must not wait for them.
const LINES_MAX: usize = 4_096;

/// How long lines may take to be written when that is waited for.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
/// Between two looks whether they are, in milliseconds.
const FLUSH_LOOK_MS: u8 = 1;

/// Writes what is left when dropped.
#[derive(Debug)]
pub(crate) struct LogGuards {
    workers: Vec<(Background, WorkerGuard)>,
}

/// One destination and the thread that writes there.
#[derive(Clone, Debug)]
struct Background {
    lines: NonBlocking,
    /// Lines given to the thread, and lines that it has written.
    given: Arc<AtomicUsize>,
    written: Arc<AtomicUsize>,
}

impl LogGuards {
    /// Waits until the lines so far are written; not for long, as a terminal may hang.
    pub(crate) fn flush(&self) {
        let deadline = Instant::now() + FLUSH_LIMIT;
        while Instant::now() < deadline && self.workers.iter().any(|(worker, _)| worker.is_behind())
        {
            let _ = nix::poll::poll(&mut [], FLUSH_LOOK_MS); // a rest, nothing to wait for
        }
    }
}

impl Background {
    fn start(writer: impl io::Write + Send + 'static) -> (Self, WorkerGuard) {
        let written = Arc::new(AtomicUsize::new(0));
        let counting = Counting {
            writer,
            written: Arc::clone(&written),
        };
        let (lines, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_MAX)
            .finish(counting);
        let background = Self {
            lines,
            given: Arc::default(),
            written,
        };
        (background, guard)
    }

    fn is_behind(&self) -> bool {
        let left_out = self.lines.error_counter().dropped_lines();
        let given = self.given.load(Ordering::Relaxed);
        self.written.load(Ordering::Relaxed) + left_out < given
    }
}

impl<'a> MakeWriter<'a> for Background {
    type Writer = NonBlocking;

    /// Called once for each line, which is then written at once.
    fn make_writer(&'a self) -> NonBlocking {
        self.given.fetch_add(1, Ordering::Relaxed);
        self.lines.clone()
    }
}

/// Counts the lines that it has passed on, also those that were refused.
struct Counting<W> {
    writer: W,
    written: Arc<AtomicUsize>,
}

impl<W: io::Write> io::Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = self.writer.write_all(bytes);
        self.written.fetch_add(1, Ordering::Relaxed);
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
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
        let both = Background::start(Both(io::stderr(), appender));
        let lines = json(both.0.clone()).with_filter(filter(config.log_level));
        tracing_subscriber::registry().with(lines).init();
        return Ok(LogGuards {
            workers: vec![both],
        });
    }
    let file = Background::start(appender);
    let terminal = Background::start(io::stderr());
    let stderr = match for_journal {
        true => fmt::layer()
            .event_format(JournalFormat)
            .with_ansi(false)
            .with_writer(terminal.0.clone())
            .boxed(),
        false => readable(terminal.0.clone(), is_terminal),
    };
    tracing_subscriber::registry()
        .with(stderr.with_filter(filter(config.log_level)))
        .with(json(file.0.clone()).with_filter(filter(config.log_level)))
        .init();
    Ok(LogGuards {
        workers: vec![terminal, file],
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

type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

fn readable<S>(writer: Background, colours: bool) -> BoxedLayer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fmt::layer()
        .with_writer(writer)
        .with_ansi(colours)
        .with_target(false)
        .boxed()
}

fn json<S>(writer: Background) -> BoxedLayer<S>
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
