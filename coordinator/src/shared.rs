//! What all tasks of the coordinator share, on one thread. It does nothing itself.

use std::cell::RefCell;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use coordinator_config::Settings;
use shared_state::Writer;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::agent_task::Command;
use crate::board::Board;
use crate::cgroup::{Cgroups, Controllers};
use crate::changes::{Changes, Refusal};
use crate::clock::Awake;
use crate::process::Spawner;

/// What one read takes from a pipe at most: the pipe itself holds as much.
const READ_BYTES: usize = 64 * 1024;

/// Somebody wants other agents to run: by agents.toml or beside it.
#[derive(Debug)]
pub(crate) struct ReloadRequest {
    pub(crate) wanted: Wanted,
    /// What has happened, or why nothing has.
    pub(crate) answer: oneshot::Sender<Result<Changes, Refusal>>,
}

/// Which agents should run.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Those of agents.toml, read anew.
    File {
        /// Only to tell what would happen.
        dry_run: bool,
    },
    /// Another number of instances of one, until agents.toml is read again.
    Instances { agent: String, instances: u32 },
}

/// Somebody wants another program to take over in place.
#[derive(Debug, Default)]
pub(crate) struct UpgradeRequest {
    /// Its file; absent: the one that this program was started from.
    pub(crate) binary: Option<PathBuf>,
    /// The connection on which the next program answers.
    pub(crate) asker: Option<OwnedFd>,
    /// Gets why it was not done.
    pub(crate) refused: Option<oneshot::Sender<String>>,
}

/// Shared by all tasks.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Paths in force.
    pub(crate) settings: Settings,
    /// The coordinator's own environment at its start.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Records facts.
    pub(crate) writer: Writer,
    /// What is true of every instance.
    pub(crate) board: Board,
    /// The way to each instance's task, by index; empty once everything is down.
    pub(crate) commands: RefCell<Vec<mpsc::Sender<Command>>>,
    /// The way to the supervisor for whoever wants agents.toml to be read anew.
    pub(crate) reloads: mpsc::Sender<ReloadRequest>,
    /// The way to the supervisor for whoever wants another program to take over.
    pub(crate) upgrades: mpsc::Sender<UpgradeRequest>,
    /// Somebody asked for the end by the control socket.
    pub(crate) shutdown: Notify,
    /// Since when this process is awake.
    pub(crate) awake: Awake,
    /// Where each invocation gets a control group; absent where process groups have to do.
    pub(crate) cgroups: Option<Cgroups>,
    /// Starts processes.
    pub(crate) spawner: RefCell<Spawner>,
    /// For one read at a time: what is read is looked at before anything is awaited.
    pub(crate) buffer: RefCell<Box<[u8]>>,
    /// Set within the handler of TERM and INT: known before any agent that got the same signal is seen to end.
    pub(crate) terminating: Arc<AtomicBool>,
}

impl Shared {
    /// A buffer for [`buffer`](Self::buffer).
    pub(crate) fn new_buffer() -> RefCell<Box<[u8]>> {
        RefCell::new(vec![0; READ_BYTES].into())
    }

    /// Tells an instance's task; one that is gone needs no command.
    pub(crate) async fn send(&self, index: usize, command: Command) {
        let commands = self.commands.borrow().get(index).cloned();
        if let Some(commands) = commands {
            let _ = commands.send(command).await;
        }
    }

    /// Which limits the kernel keeps for agents.
    pub(crate) fn controllers(&self) -> Controllers {
        let cgroups = self.cgroups.as_ref();
        cgroups.map(Cgroups::controllers).unwrap_or_default()
    }

    /// Whether this process was asked to end.
    pub(crate) fn is_terminating(&self) -> bool {
        self.terminating.load(Ordering::Relaxed)
    }
}
