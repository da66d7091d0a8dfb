//! Puts everything together: arguments, configuration, lock, database, socket, agents; and takes it apart in reverse.
//! It decides nothing about agents.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use coordinator_config::{Config, Settings};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::unistd::Pid;
use shared_state::{
    EventRow, Fact, Identity, OpenError, Opened, Retention, Writer, WriterOptions, open_writer,
};
use tracing::{error, info, warn};

use crate::agent_log;
use crate::board::Board;
use crate::cgroup::Cgroups;
use crate::cli::Cli;
use crate::clock::{Awake, wall_ms};
use crate::control::{self, ListenError, Listener};
use crate::handover::{self, Asker, Handed, Takeover, hold_signals};
use crate::lock::{Lock, LockError};
use crate::process::{Children, Spawner};
use crate::shared::Shared;
use crate::supervisor::{Ending, Estate, Requests, Supervisor};
use crate::verbs::{chain, complain};
use crate::{Exit, logging, proc_stat, registration, survivors};

/// How long a program that has taken over tries to open the database.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(300);
/// Between two tries, in milliseconds.
const TAKEOVER_REST_MS: u8 = 100;
/// How long the last rows may take to get to the disk.
const CLOSE_LIMIT: Duration = Duration::from_secs(30);
/// Clients that wait for a reload or an upgrade; further ones wait for room.
const REQUESTS_MAX: usize = 4;
/// How long the last lines of agents' logs may take.
const LOG_CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Why the coordinator did not start, and with which code it ends.
pub(crate) struct Failure {
    error: anyhow::Error,
    exit: Exit,
}

impl Failure {
    pub(crate) fn tell(self) -> Exit {
        let text = chain(&self.error);
        error!("{text}"); // for the file, where the log is up already
        complain(&text, self.exit)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self {
            error,
            exit: Exit::Internal,
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        let exit = match error {
            LockError::Held { .. } => Exit::Locked,
            LockError::File { .. } => Exit::Database,
        };
        Self {
            error: error.into(),
            exit,
        }
    }
}

impl From<ListenError> for Failure {
    fn from(error: ListenError) -> Self {
        let exit = match error {
            ListenError::InUse(_) => Exit::Locked,
            ListenError::Occupied(_) | ListenError::Bind { .. } => Exit::Configuration,
        };
        Self {
            error: error.into(),
            exit,
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self {
            error: error.into(),
            exit: Exit::Database,
        }
    }
}

/// Runs until everything has to end; where there is a takeover, in place of the program that has prepared it.
pub(crate) fn run_coordinator(
    cli: &Cli,
    config: &Config,
    takeover: Option<Takeover>,
) -> Result<Exit, Failure> {
    // No thread but this one ever gets a signal, and this one not before it listens: then none is lost in an upgrade.
    hold_signals();
    // The file may be another one by the time of an upgrade.
    let program = std::env::current_exe().context("find this program's own file")?;
    let terminating = note_termination().context("listen for signals")?;
    let settings = Settings::resolve(cli.paths.overrides(), Some(&config.coordinator))
        .context("find the working directory")?;
    make_folders(&settings)?;
    let (inherited, handed) = takeover.map(Takeover::split).unzip();
    let (lock, listener, asker) = match inherited {
        Some(inherited) => (
            Lock::go_on(inherited.lock)?,
            Listener::go_on(inherited.socket, &settings.socket),
            inherited.asker,
        ),
        None => (
            Lock::take(&settings.database)?,
            control::listen(&settings.socket)?,
            None,
        ),
    };
    let format = cli
        .log_format
        .map_or(config.coordinator.log_format, Into::into);
    let logs = logging::start(&config.coordinator, format, &settings.log_dir)
        .with_context(|| format!("write logs into {} (--log-dir)", settings.log_dir.display()))?;
    let opened = open_database(config, &settings, handed.as_ref())?;
    info!(database = %settings.database.display(), incarnation = opened.incarnation_id, "database initialised");
    match &handed {
        Some(handed) => report_upgrade(&opened, &handed.from_version),
        None => report_lost(&opened, &settings),
    }
    let file_limit = match &handed {
        Some(handed) => handed.file_limit,
        None => raise_file_limit(),
    };
    let estate = Rc::new(Estate {
        logs,
        listener,
        lock,
        program,
        file_limit,
    });
    // The main thread never ends before the process does: agents that it starts live as long as it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let local = tokio::task::LocalSet::new();
    let Opened { writer, thread, .. } = opened;
    let ending = local.block_on(
        &runtime,
        supervise(
            config,
            settings,
            writer.clone(),
            &estate,
            terminating,
            handed.map(|handed| (handed, asker)),
        ),
    );
    drop(local);
    drop(runtime);
    let (exit, reason) = match &ending {
        Ok(Ending::Asked(why)) => (Exit::Success, why.clone()),
        Ok(Ending::GaveUp(why)) => (Exit::EssentialFatal, why.clone()),
        Err(error) => (Exit::Internal, chain(error)),
    };
    writer.record(Fact::IncarnationEnded {
        ts_ms: wall_ms(),
        reason: reason.clone(),
    });
    if let Err(unwritten) = thread.join(CLOSE_LIMIT) {
        error!("failed to {unwritten}");
    }
    ending?;
    info!("stopped: {reason}");
    Ok(exit)
}

/// Known within the signal handler, before anything else can be seen of the same signal.
fn note_termination() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

fn make_folders(settings: &Settings) -> Result<(), Failure> {
    let database = settings.database.parent();
    let folder = database.ok_or_else(|| anyhow!("use / as a database"))?;
    let make = |folder: &Path, flag| {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("make the folder {} ({flag})", folder.display()))
    };
    make(folder, "--database").map_err(|error| Failure {
        error,
        exit: Exit::Database,
    })?;
    make(&settings.log_dir, "--log-dir")?;
    Ok(())
}

fn identity() -> Identity {
    let host = nix::unistd::gethostname().unwrap_or_else(|_| OsString::from("unknown"));
    Identity {
        host: host.to_string_lossy().into_owned(),
        pid: Pid::this().as_raw(),
        pid_start_ticks: proc_stat::start_ticks(Pid::this()).unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION").into(),
        now_ms: wall_ms(),
    }
}

fn writer_options(config: &Config) -> WriterOptions {
    let (coordinator, kept) = (&config.coordinator, &config.coordinator.retention);
    WriterOptions {
        queue_rows_max: coordinator.queue_rows_max,
        group_commit: coordinator.group_commit,
        bulk_wait: coordinator.bulk_wait,
        synchronous_full: coordinator.synchronous == coordinator_config::Synchronous::Full,
        retention: Retention {
            heartbeats: kept.heartbeats,
            points: kept.points,
            minutes: kept.minutes,
            hours: kept.hours,
            events: kept.events,
            events_max: kept.events_max,
            invocations: kept.invocations,
            invocations_kept: kept.invocations_kept,
            alerts: kept.alerts,
            trace_runs: kept.trace_runs,
            database_bytes_max: kept.database_bytes_max,
        },
        ..WriterOptions::default()
    }
}

/// A program that takes over must not give up for a database that somebody else has locked for a while: all agents would
/// end with it.
fn open_database(
    config: &Config,
    settings: &Settings,
    handed: Option<&Handed>,
) -> Result<Opened, OpenError> {
    let carried_on = handed.map(Handed::invocations);
    let deadline = Instant::now() + TAKEOVER_LIMIT;
    loop {
        let options = WriterOptions {
            carried_on: carried_on.clone(),
            ..writer_options(config)
        };
        match open_writer(&settings.database, identity(), options) {
            Err(OpenError::Sqlite { path, source })
                if handed.is_some() && Instant::now() < deadline =>
            {
                warn!("failed to open the database {path}, trying again: {source}");
                let _ = nix::poll::poll(&mut [], TAKEOVER_REST_MS); // a rest, nothing to wait for
            }
            other => return other,
        }
    }
}

fn report_upgrade(opened: &Opened, from: &str) {
    let to = env!("CARGO_PKG_VERSION");
    info!("upgraded from version {from} to {to}; every agent runs on");
    let message = format!("from version {from} to {to}, pid {}", Pid::this());
    record(
        &opened.writer,
        1,
        "coordinator_upgraded",
        message,
        (None, None),
    );
}

/// What the last coordinator left: its invocations are closed as lost already, their processes are ended now.
fn report_lost(opened: &Opened, settings: &Settings) {
    for lost in &opened.lost {
        let (agent, pid) = (&lost.instance_name, lost.pid);
        warn!(
            agent,
            pid, "invocation lost: the last coordinator died while it was running"
        );
    }
    for survivor in survivors::end_survivors(&opened.lost_lately, &settings.database) {
        let (pid, invocation) = (survivor.pid.as_raw(), survivor.invocation_id);
        warn!(
            pid,
            invocation, "ended a process that the last coordinator left"
        );
        let message = format!("process {pid}, which the last coordinator left, was killed");
        record(
            &opened.writer,
            2,
            "orphan_ended",
            message,
            (None, invocation),
        );
    }
    let message = format!("version {}, pid {}", env!("CARGO_PKG_VERSION"), Pid::this());
    record(
        &opened.writer,
        1,
        "coordinator_started",
        message,
        (None, None),
    );
}

fn record(
    writer: &Writer,
    level: u8,
    kind: &str,
    message: String,
    (instance_id, invocation_id): (Option<i64>, Option<i64>),
) {
    writer.record(Fact::Event(EventRow {
        ts_ms: wall_ms(),
        instance_id,
        invocation_id,
        level,
        kind: kind.into(),
        message,
        data: None,
    }));
}

async fn supervise(
    config: &Config,
    settings: Settings,
    writer: Writer,
    estate: &Rc<Estate>,
    terminating: Arc<AtomicBool>,
    handed: Option<(Handed, Option<Asker>)>,
) -> anyhow::Result<Ending> {
    nix::sys::prctl::set_child_subreaper(true).context("become the parent of what agents leave")?;
    let children = Rc::new(Children::default());
    let spawner =
        Spawner::new(Rc::clone(&children), estate.file_limit).context("open /dev/null")?;
    let (log_writer, log_thread) =
        agent_log::start().context("start the thread of agents' logs")?;
    let instances = registration::register(config, &settings, &writer).await?;
    let (reloads, asked_reloads) = tokio::sync::mpsc::channel(REQUESTS_MAX);
    let (upgrades, asked_upgrades) = tokio::sync::mpsc::channel(REQUESTS_MAX);
    let requests = Requests {
        reloads: asked_reloads,
        upgrades: asked_upgrades,
    };
    let cgroups = contain(config, &settings, &writer, handed.is_some());
    let shared = Rc::new(Shared {
        settings,
        environment: handover::own_environment(),
        writer,
        board: Board::default(),
        reloads,
        upgrades,
        commands: std::cell::RefCell::default(),
        shutdown: tokio::sync::Notify::new(),
        awake: Awake::new(Instant::now()),
        cgroups,
        spawner: spawner.into(),
        buffer: Shared::new_buffer(),
        terminating,
    });
    let mut supervisor = Supervisor::new(
        Rc::clone(&shared),
        children,
        config,
        log_writer,
        Rc::clone(estate),
        requests,
    )
    .context("listen for signals")?;
    let (mut saved, asker) = match handed {
        Some((handed, asker)) => {
            supervisor.keep_scaled(handed.scaled);
            (handed.instances, asker)
        }
        None => Default::default(),
    };
    for (instance, view) in instances {
        match saved.remove(&instance.instance_id) {
            Some(saved) => supervisor.go_on(instance, view, saved)?,
            None => supervisor.add(instance, view),
        }
    }
    if let Some(asker) = asker {
        asker.tell();
    }
    handover::release_signals();
    let ending = keep_up(&shared, &mut supervisor, estate).await;
    supervisor.end_all(&ending).await;
    drop(supervisor);
    if let Some(cgroups) = &shared.cgroups {
        cgroups.close();
    }
    log_thread.close(LOG_CLOSE_LIMIT);
    Ok(ending)
}

/// Finds out how agents are contained, and ends what is left in the groups of a dead coordinator.
fn contain(
    config: &Config,
    settings: &Settings,
    writer: &Writer,
    is_taking_over: bool,
) -> Option<Cgroups> {
    match Cgroups::open(&config.coordinator.cgroup, &settings.database) {
        Ok(cgroups) => {
            let (folder, controllers) = (cgroups.folder().display(), cgroups.controllers());
            info!(%folder, %controllers, "each invocation gets a control group of its own");
            // Where it takes over, those who live there are its own.
            let left = if is_taking_over {
                0
            } else {
                cgroups.end_leftovers()
            };
            if left > 0 {
                let message = format!(
                    "{left} control groups of lost invocations had processes, which were killed"
                );
                warn!("{message}");
                record(writer, 2, "orphan_ended", message, (None, None));
            }
            Some(cgroups)
        }
        Err(why) => {
            info!("agents are contained by their process groups: {why}");
            None
        }
    }
}

/// Answers clients beside everything else, also while agents are being stopped.
async fn keep_up(shared: &Rc<Shared>, supervisor: &mut Supervisor, estate: &Rc<Estate>) -> Ending {
    let (estate, shared) = (Rc::clone(estate), Rc::clone(shared));
    tokio::task::spawn_local(async move { estate.listener.serve(shared).await });
    supervisor.keep_up().await
}

/// A thousand agents take four descriptors each. Returns the limit that agents get: the one this process had.
fn raise_file_limit() -> Option<(rlim_t, rlim_t)> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if let Err(errno) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        warn!("failed to raise the limit of open files from {soft}: {errno}");
    }
    Some((soft, hard))
}
