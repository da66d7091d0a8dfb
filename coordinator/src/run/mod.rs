//! Puts everything together: arguments, configuration, lock, database, socket, agents; and takes it apart in reverse.
//! It decides nothing about agents.
//! Its database is opened in `database`; why it did not start is a `failure`.

mod database;
mod failure;

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use coordinator_config::{Config, Settings};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use shared_state::{Fact, Opened, Writer};
use tracing::{error, info, warn};

use crate::agent_log;
use crate::board::Board;
use crate::cgroup::Cgroups;
use crate::cli::Cli;
use crate::clock::{Awake, wall_ms};
use crate::control::{self, Listener};
use crate::handover::{self, Asker, Handed, Takeover, hold_signals};
use crate::lock::Lock;
use crate::own_events::record_event;
use crate::process::{Children, Spawner};
use crate::shared::Shared;
use crate::supervisor::{Ending, Estate, Requests, Supervisor};
use crate::verbs::chain;
use crate::{Exit, logging, registration};

use database::{open_database, report_lost, report_upgrade};
pub(crate) use failure::Failure;

/// How long the last rows may take to get to the disk.
const CLOSE_LIMIT: Duration = Duration::from_secs(30);
/// Clients that wait for a reload or an upgrade; further ones wait for room.
const REQUESTS_MAX: usize = 4;
/// How long the last lines of agents' logs may take.
const LOG_CLOSE_LIMIT: Duration = Duration::from_secs(5);

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
                record_event(writer, 2, "orphan_ended", message);
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
