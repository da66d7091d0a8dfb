//! Starts one task for each instance and looks after all of them together: dependencies, signals, the orderly end.
//! What becomes of a single instance is its task's business.

mod dependencies;
mod stopping;
mod strangers;
mod ticking;

use std::io;
use std::rc::Rc;
use std::time::Instant;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::warn;

use crate::agent_log::{AgentLog, LogWriter};
use crate::agent_task::{AgentTask, COMMANDS_MAX, Command};
use crate::instance::Instance;
use crate::process::Children;
use crate::shared::Shared;
use crate::systemd::Systemd;
use dependencies::Dependencies;
use ticking::Ticking;

/// The owner of all tasks.
pub(crate) struct Supervisor {
    shared: Rc<Shared>,
    children: Rc<Children>,
    instances: Vec<Rc<Instance>>,
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
    /// Makes a task for each instance; nothing is started yet. On a thread with a `LocalSet`.
    pub(crate) fn new(
        shared: Rc<Shared>,
        children: Rc<Children>,
        instances: Vec<Rc<Instance>>,
        logs: Vec<AgentLog>,
        log_writer: LogWriter,
    ) -> io::Result<Self> {
        let mut tasks = JoinSet::new();
        let mut commands = Vec::with_capacity(instances.len());
        for (instance, log) in instances.iter().zip(logs) {
            let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
            let task = AgentTask::new(Rc::clone(instance), Rc::clone(&shared), log, receiver);
            tasks.spawn_local(task.run());
            commands.push(sender);
        }
        *shared.commands.borrow_mut() = commands;
        Ok(Self {
            dependencies: Dependencies::new(&instances),
            ticking: Ticking::new(log_writer),
            systemd: Systemd::new(),
            signals: Signals::listen()?,
            shared,
            children,
            instances,
            tasks,
        })
    }

    /// Starts what starts by itself and keeps it up until everything has to end.
    pub(crate) async fn keep_up(&mut self) -> Ending {
        if self.shared.is_terminating() {
            return Ending::Asked("a signal was received".into()); // before anybody listened
        }
        for (index, instance) in self.instances.iter().enumerate() {
            if instance.config.autostart {
                self.shared.send(index, Command::Start).await;
            }
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
                    Wish::HangUp => self.refuse_reload(),
                    Wish::ChildEnded => self.reap(),
                },
                () = self.shared.shutdown.notified() => return Ending::Asked("shutdown was asked for".into()),
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

    fn refuse_reload(&self) {
        warn!("HUP is ignored: start the coordinator again to read agents.toml anew");
        ticking::record_event(
            &self.shared,
            2,
            "hang_up_ignored",
            "HUP was received and ignored".into(),
        );
    }

    async fn tell_dependents(&mut self) {
        let changes = self.dependencies.changes(&self.shared.board.views());
        for (index, command) in changes {
            self.shared.send(index, command).await;
        }
    }
}
