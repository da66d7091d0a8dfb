//! Starts one task for each instance and looks after all of them together: dependencies, signals, the orderly end.
//! What becomes of a single instance is its task's business.

mod containment;
mod dependencies;
mod reload;
mod stopping;
mod strangers;
mod ticking;
mod upgrading;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use coordinator_config::{Config, CoordinatorConfig};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::agent_log::{AgentLog, LogWriter};
use crate::agent_task::{AgentTask, COMMANDS_MAX, Command};
use crate::board::View;
use crate::handover::SavedInstance;
use crate::instance::Instance;
use crate::process::Children;
use crate::registration::log_target;
use crate::shared::{ReloadRequest, Shared, UpgradeRequest, Wanted};
use crate::systemd::Systemd;
use dependencies::Dependencies;
use ticking::Ticking;
pub(crate) use upgrading::Estate;

/// The owner of all tasks.
pub(crate) struct Supervisor {
    shared: Rc<Shared>,
    children: Rc<Children>,
    instances: Vec<Rc<Instance>>,
    config_path: PathBuf,
    config: CoordinatorConfig,
    log_writer: LogWriter,
    /// The text of agents.toml that is in force.
    agents_toml: String,
    /// Agents with another number of instances than it says.
    scaled: BTreeMap<String, u32>,
    estate: Rc<Estate>,
    requests: Requests,
    tasks: JoinSet<()>,
    dependencies: Dependencies,
    ticking: Ticking,
    systemd: Systemd,
    signals: Signals,
    /// It has been handed agents by another program.
    has_taken_over: bool,
}

/// What clients of the control socket want of all agents together.
pub(crate) struct Requests {
    pub(crate) reloads: mpsc::Receiver<ReloadRequest>,
    pub(crate) upgrades: mpsc::Receiver<UpgradeRequest>,
}

/// What the outside may want by a signal.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user_2: Signal,
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
    Upgrade,
    ChildEnded,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user_2: signal(SignalKind::user_defined2())?,
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
            Some(()) = self.user_2.recv() => Wish::Upgrade,
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
        estate: Rc<Estate>,
        requests: Requests,
    ) -> io::Result<Self> {
        Ok(Self {
            dependencies: Dependencies::default(),
            ticking: Ticking::new(log_writer.clone()),
            systemd: Systemd::new(),
            signals: Signals::listen()?,
            tasks: JoinSet::new(),
            has_taken_over: false,
            instances: Vec::new(),
            config_path: config.path.clone(),
            config: config.coordinator.clone(),
            log_writer,
            agents_toml: config.text.clone(),
            scaled: BTreeMap::new(),
            estate,
            requests,
            shared,
            children,
        })
    }

    /// Makes the task of one instance more, at the end of the order of start.
    pub(crate) fn add(&mut self, instance: Instance, view: View) {
        let (instance, log, commands) = self.enter(instance, view);
        let task = AgentTask::new(instance, Rc::clone(&self.shared), log, commands);
        self.tasks.spawn_local(task.run());
    }

    /// The same for an instance that another program has run until now.
    pub(crate) fn go_on(
        &mut self,
        instance: Instance,
        view: View,
        saved: SavedInstance,
    ) -> anyhow::Result<()> {
        let (instance, log, commands) = self.enter(instance, view);
        let shared = Rc::clone(&self.shared);
        let task = AgentTask::go_on(instance, shared, log, commands, &self.children, saved)?;
        self.tasks.spawn_local(task.run());
        self.has_taken_over = true;
        Ok(())
    }

    fn enter(
        &mut self,
        instance: Instance,
        view: View,
    ) -> (Rc<Instance>, AgentLog, mpsc::Receiver<Command>) {
        let index = self.instances.len();
        let instance = Rc::new(Instance { index, ..instance });
        let log = self
            .log_writer
            .open(log_target(&self.shared.settings, &instance));
        let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
        self.shared.commands.borrow_mut().push(sender);
        self.shared.board.add(view);
        self.tell_containment(&instance);
        self.instances.push(Rc::clone(&instance));
        (instance, log, receiver)
    }

    /// Starts what starts by itself and keeps it up until everything has to end.
    pub(crate) async fn keep_up(&mut self) -> Ending {
        self.renew_dependencies(); // the order of the end needs them too
        if self.shared.is_terminating() {
            return Ending::Asked("a signal was received".into()); // before anybody listened
        }
        self.start_all().await;
        self.reap(); // the program before this one may have left ends to be seen
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
                    Wish::Upgrade => self.upgrade(UpgradeRequest::default()).await,
                    Wish::ChildEnded => self.reap(),
                },
                () = self.shared.shutdown.notified() => return Ending::Asked("shutdown was asked for".into()),
                Some(request) = self.requests.upgrades.recv() => self.upgrade(request).await,
                Some(request) = self.requests.reloads.recv() => {
                    let result = match request.wanted {
                        Wanted::File { dry_run } => self.reload(dry_run).await,
                        Wanted::Instances { agent, instances } => {
                            self.scale(agent, instances).await
                        }
                    };
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
            if self.shared.is_terminating() {
                return Ending::Asked("a signal was received".into()); // while something else was being done
            }
        }
    }

    /// What another program has run until now needs no start.
    async fn start_all(&self) {
        if !self.has_taken_over {
            for index in 0..self.instances.len() {
                self.start_if_wanted(index).await;
            }
        }
    }

    fn tick(&mut self) {
        self.ticking
            .tick(&self.shared, &mut self.systemd, Instant::now());
        self.watch_memory();
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
