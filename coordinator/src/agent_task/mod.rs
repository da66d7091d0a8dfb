//! The task that owns one instance: it alone starts, signals and hears its process.
//! It decides nothing: the lifecycle does. `next` only names what happened, `handle` acts on it.

mod act;
mod containment;
mod freeze;
mod invocation;
mod next;
mod record;
mod schedule;
mod spawn;

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;

use lifecycle::{Cause, Lifecycle};
use shared_state::{Dropped, Fact, WriteError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Sleep;

use crate::agent_log::AgentLog;
use crate::clock;
use crate::instance::Instance;
use crate::proc_tree::Processes;
use crate::shared::Shared;
use invocation::Invocation;
use next::Happened;

pub(crate) use freeze::Freeze;
pub(crate) use record::Published;
pub(crate) use schedule::NextRun;

/// Commands are rare, and the supervisor waits for room.
pub(crate) const COMMANDS_MAX: usize = 16;
/// Batches of records on their way to the disk; more, and the agent's stdout is not read for a while.
const COMMITS_MAX: usize = 16;

/// What is wanted of an instance.
#[derive(Debug)]
pub(crate) enum Command {
    /// It should run.
    Start,
    /// It should not run.
    Stop,
    /// It should not run, without grace.
    Kill,
    /// The coordinator begins: it should run, or wait for its next time.
    Enable,
    /// What earlier failures used up is forgotten; where an attempt is waited for, it is made now.
    Reset,
    /// It should end and run again, whatever it does now.
    Restart,
    /// The kernel does not limit its memory: this is who lives and what each of them has.
    MeasureMemory(Rc<Processes>),
    /// It is configured anew.
    Reconfigure(Box<Reconfiguration>),
    /// Its process group should get this signal.
    Signal(nix::sys::signal::Signal),
    /// An answer once everything before it has been acted on.
    Acknowledge(oneshot::Sender<()>),
    /// How it is configured now.
    Describe(oneshot::Sender<Rc<Instance>>),
    /// What it depends on is ready, or not: then what it waits for.
    Dependencies { ready: bool, waits_for: String },
    /// It should rest and tell all that it knows.
    Freeze(Freeze),
}

/// What a reload changes of an instance.
#[derive(Debug)]
pub(crate) struct Reconfiguration {
    pub(crate) instance: Rc<Instance>,
    /// Another log, where its name or limits have changed.
    pub(crate) log: Option<AgentLog>,
    /// Whether a running process has to be replaced.
    pub(crate) restart: bool,
}

/// The owner of one instance.
pub(crate) struct AgentTask {
    instance: Rc<Instance>,
    shared: Rc<Shared>,
    commands: mpsc::Receiver<Command>,
    lifecycle: Lifecycle,
    log: AgentLog,
    invocation: Option<Invocation>,
    /// Facts that wait for `sending`.
    backlog: VecDeque<Fact>,
    sending: Option<Sending>,
    commits: JoinSet<Committed>,
    alarm: Alarm,
    /// The last read filled the whole buffer: others get their turn before the next.
    has_flooded: bool,
    /// A start that failed, not yet told to the lifecycle.
    failed_start: Option<Cause>,
    /// Whether somebody has wanted it up since the start of the coordinator.
    was_wanted: bool,
    /// Where it has a schedule, the next time of it.
    next_run: Option<NextRun>,
    restarts: u64,
    last_invocation_id: Option<i64>,
    last_exit: Option<String>,
    spawn_error: Option<String>,
    waits_for: String,
    published: Published,
}

/// One fact on its way into the writer's queue.
type Sending = Pin<Box<dyn Future<Output = Result<(), Dropped>>>>;

/// The one timer of a task.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<std::time::Instant>,
}

/// The answer of the disk to a batch of records.
struct Committed {
    invocation_id: i64,
    id: u64,
    cursor: Option<agent_protocol::Cursor>,
    result: Result<(), WriteError>,
}

impl AgentTask {
    pub(crate) fn new(
        instance: Rc<Instance>,
        shared: Rc<Shared>,
        log: AgentLog,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let needs = instance.config.depends_on.iter();
        let names: Vec<&str> = needs.map(|need| need.agent.as_str()).collect();
        let waits_for = names.join("; ");
        let next_run = NextRun::first(
            &instance.config,
            std::time::Instant::now(),
            clock::wall_ms(),
        );
        Self {
            lifecycle: Lifecycle::new(instance.config.depends_on.is_empty()),
            restarts: instance.restarts_before,
            instance,
            shared,
            commands,
            log,
            invocation: None,
            backlog: VecDeque::new(),
            sending: None,
            commits: JoinSet::new(),
            alarm: Alarm::default(),
            has_flooded: false,
            failed_start: None,
            was_wanted: false,
            next_run,
            last_invocation_id: None,
            last_exit: None,
            spawn_error: None,
            waits_for,
            published: Published::default(),
        }
    }

    /// Runs until the supervisor lets go of it and everything that it has heard is on its way.
    pub(crate) async fn run(mut self) {
        if !self.instance.config.autostart {
            self.publish(std::time::Instant::now());
        }
        while let Some(happened) = self.next().await {
            match happened {
                Happened::Command(Command::Freeze(freeze)) => self.freeze(freeze).await,
                other => self.handle(other),
            }
        }
    }
}
