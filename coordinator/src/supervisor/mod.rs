//! Starts one task for each instance and looks after all of them together: dependencies, signals, the orderly end.
//! What becomes of a single instance is its task's business.

mod dependencies;
mod reload;
mod stopping;
mod strangers;
mod ticking;

use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use coordinator_config::{Config, CoordinatorConfig};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::agent_log::LogWriter;
use crate::agent_task::{AgentTask, COMMANDS_MAX};
use crate::board::View;
use crate::instance::Instance;
use crate::process::Children;
use crate::registration::log_target;
use crate::shared::{ReloadRequest, Shared};
use crate::systemd::Systemd;
use dependencies::Dependencies;
use ticking::Ticking;

/// The owner of all tasks.
pub(crate) struct Supervisor {
    shared: Rc<Shared>,
    children: Rc<Children>,
    instances: Vec<Rc<Instance>>,
    config_path: PathBuf,
    config: CoordinatorConfig,
    log_writer: LogWriter,
    reloads: mpsc::Receiver<ReloadRequest>,
    tasks: JoinSet<()>,
    dependencies: Dependencies,
    ticking: Ticking,
    systemd: Systemd,
    signals: Signals,
}

/// What the outside may want by a signal.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    child: Signal,
}

/// Why everything ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Somebody asked for it: how.
    Asked(String),
    /// An essential agent cannot be kept alive: why.
    GaveUp(String),
}

enum Wish {
    End(&'static str),
    HangUp,
    ChildEnded,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            child: signal(SignalKind::child())?,
        })
    }

    /// Cancel-safe.
    async fn next(&mut self) -> Wish {
        tokio::select! {
            biased;
            Some(()) = self.terminate.recv() => Wish::End("TERM"),
            Some(()) = self.interrupt.recv() => Wish::End("INT"),
            Some(()) = self.child.recv() => Wish::ChildEnded,
            Some(()) = self.hang_up.recv() => Wish::HangUp,
            else => std::future::pending().await,
        }
    }
}

impl Supervisor {
    /// Nothing is started yet. On a thread with a `LocalSet`.
    pub(crate) fn new(
        shared: Rc<Shared>,
        children: Rc<Children>,
        config: &Config,
        log_writer: LogWriter,
        reloads: mpsc::Receiver<ReloadRequest>,
    ) -> io::Result<Self> {
        Ok(Self {
            dependencies: Dependencies::default(),
            ticking: Ticking::new(log_writer.clone()),
            systemd: Systemd::new(),
            signals: Signals::listen()?,
            tasks: JoinSet::new(),
            instances: Vec::new(),
            config_path: config.path.clone(),
            config: config.coordinator.clone(),
            log_writer,
            reloads,
            shared,
            children,
        })
    }

    /// Makes the task of one instance more, at the end of the order of start.
    pub(crate) fn add(&mut self, instance: Instance, view: View) {
        let index = self.instances.len();
        let instance = Rc::new(Instance { index, ..instance });
        let log = self
            .log_writer
            .open(log_target(&self.shared.settings, &instance));
        let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
        let task = AgentTask::new(Rc::clone(&instance), Rc::clone(&self.shared), log, receiver);
        self.tasks.spawn_local(task.run());
        self.shared.commands.borrow_mut().push(sender);
        self.shared.board.add(view);
        self.instances.push(instance);
    }

    /// Starts what starts by itself and keeps it up until everything has to end.
    pub(crate) async fn keep_up(&mut self) -> Ending {
        self.renew_dependencies(); // the order of the end needs them too
        if self.shared.is_terminating() {
            return Ending::Asked("a signal was received".into()); // before anybody listened
        }
        for index in 0..self.instances.len() {
            self.start_if_wanted(index).await;
        }
        self.systemd.tell_ready();
        let mut ticks = ticking::ticks();
        let mut changes = self.shared.board.watch();
        changes.mark_changed(); // what was started above has changed already
        loop {
            tokio::select! {
                biased;
                wish = self.signals.next() => match wish {
                    Wish::End(signal) => return Ending::Asked(format!("{signal} was received")),
                    Wish::HangUp => drop(self.reload(false).await), // it has told the log
                    Wish::ChildEnded => self.reap(),
                },
                () = self.shared.shutdown.notified() => return Ending::Asked("shutdown was asked for".into()),
                Some(request) = self.reloads.recv() => {
                    let result = self.reload(request.dry_run).await;
                    let _ = request.answer.send(result); // whoever asked may have gone
                }
                _ = changes.changed() => {
                    if let Some(why) = self.shared.board.given_up() {
                        return Ending::GaveUp(why);
                    }
                    self.tell_dependents().await;
                }
                _ = ticks.tick() => self.tick(),
            }
        }
    }

    fn tick(&mut self) {
        self.ticking
            .tick(&self.shared, &mut self.systemd, Instant::now());
        self.report_left_behind();
    }

    fn renew_dependencies(&mut self) {
        self.dependencies = Dependencies::new(&self.instances, &self.shared.board.views());
    }

    async fn tell_dependents(&mut self) {
        let changes = self.dependencies.changes(&self.shared.board.views());
        for (index, command) in changes {
            self.shared.send(index, command).await;
        }
    }
}
