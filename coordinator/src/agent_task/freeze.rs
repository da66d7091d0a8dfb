//! Carries one instance into the program that replaces this one: brings it to rest, takes it apart, puts it together again.
//! Pipes stay open meanwhile; what agents write waits in them.

use std::collections::VecDeque;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Context;
use lifecycle::Lifecycle;
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::containment::end_with_group;
use super::invocation::Invocation;
use super::next::{Happened, finish};
use super::{AgentTask, Alarm, Command};
use crate::agent_log::AgentLog;
use crate::cgroup::Group;
use crate::handover::{SavedInstance, SavedInvocation, own};
use crate::instance::Instance;
use crate::intake::Intake;
use crate::outbox::Outbox;
use crate::process::{Children, Ended};
use crate::shared::Shared;

/// Rest until thawed.
#[derive(Debug)]
pub(crate) struct Freeze {
    /// Gets all that the task knows, once nothing is on its way to the disk any more.
    pub(crate) saved: oneshot::Sender<SavedInstance>,
    /// Resolves when the task should go on, as if nothing had been.
    pub(crate) thaw: oneshot::Receiver<()>,
}

impl AgentTask {
    pub(super) async fn freeze(&mut self, freeze: Freeze) {
        self.settle().await;
        let notes = self.log.write_notes();
        // Where the supervisor has given up, the thaw resolves at once too.
        let _ = freeze.saved.send(self.save(notes));
        let _ = freeze.thaw.await;
    }

    /// Nobody reaps meanwhile, so an end that was told before is the last.
    async fn settle(&mut self) {
        loop {
            if let Some(living) = &mut self.invocation
                && living.child.is_reaped()
            {
                // At once, or when nobody else lives in its control group any more, which is being killed.
                let ended = (&mut living.ended).await.unwrap_or(Ended::Signaled(0));
                self.handle(Happened::Ended(ended));
                continue;
            }
            self.send_backlog();
            if self.sending.is_none() && self.commits.is_empty() {
                return;
            }
            let happened = tokio::select! {
                Some(Ok(committed)) = self.commits.join_next() => Happened::Committed(committed),
                dropped_rows = finish(&mut self.sending) => Happened::Sent { dropped_rows },
            };
            self.handle(happened);
        }
    }

    fn save(&self, notes: Vec<u8>) -> SavedInstance {
        let view = &self.shared.board.views()[self.instance.index];
        SavedInstance {
            instance_id: self.instance.instance_id,
            name: self.instance.name.clone(),
            parts: self.lifecycle.parts(),
            was_wanted: self.was_wanted,
            next_run: self.next_run,
            restarts: self.restarts,
            last_invocation_id: self.last_invocation_id,
            last_exit: self.last_exit.clone(),
            spawn_error: self.spawn_error.clone(),
            failed_start: self.failed_start,
            waits_for: self.waits_for.clone(),
            published: self.published.clone(),
            notes,
            heartbeat: view.heartbeat.clone(),
            heartbeats: view.heartbeats,
            invocation: self.invocation.as_ref().map(Invocation::save),
        }
    }

    /// The task of an instance that another program has run until now.
    ///
    /// # Errors
    /// A descriptor of its process is not there.
    pub(crate) fn go_on(
        instance: Rc<Instance>,
        shared: Rc<Shared>,
        log: AgentLog,
        commands: mpsc::Receiver<Command>,
        children: &Rc<Children>,
        saved: SavedInstance,
    ) -> anyhow::Result<Self> {
        let SavedInstance {
            instance_id: _,
            name,
            parts,
            was_wanted,
            next_run,
            restarts,
            last_invocation_id,
            last_exit,
            spawn_error,
            failed_start,
            waits_for,
            published,
            notes,
            heartbeat,
            heartbeats,
            invocation,
        } = saved;
        log.begin_with_notes(notes);
        let invocation = invocation
            .map(|saved| Invocation::go_on(saved, &instance, children, &shared))
            .transpose()
            .with_context(|| format!("go on with {name}"))?;
        shared.board.change(instance.index, |view| {
            view.heartbeat = heartbeat;
            view.heartbeats = heartbeats;
        });
        let task = Self {
            lifecycle: Lifecycle::from_parts(parts),
            instance,
            shared,
            commands,
            log,
            invocation,
            backlog: VecDeque::new(),
            sending: None,
            commits: JoinSet::new(),
            alarm: Alarm::default(),
            has_flooded: false,
            failed_start,
            was_wanted,
            next_run,
            restarts,
            last_invocation_id,
            last_exit,
            spawn_error,
            waits_for,
            published,
        };
        task.show(&task.change(Instant::now()));
        Ok(task)
    }
}

impl Invocation {
    fn save(&self) -> SavedInvocation {
        let (stdout_line, stderr_line) = self.intake.unfinished();
        let raw = |stream: &Option<pipe::Receiver>| stream.as_ref().map(AsRawFd::as_raw_fd);
        SavedInvocation {
            id: self.id,
            pid: self.child.pid().as_raw(),
            stdin: self.outbox.descriptor(),
            stdout: raw(&self.stdout),
            stderr: raw(&self.stderr),
            unsent: self.outbox.unsent().to_vec(),
            dropped_messages: self.outbox.dropped(),
            group: self.group.as_ref().map(|group| group.path().to_owned()),
            has_exceeded_memory: self.has_exceeded_memory,
            dropped_rows: self.dropped_rows,
            stdout_line,
            stderr_line,
            counters: self.intake.counters(),
            started: self.started,
            started_ms: self.started_ms,
        }
    }

    fn go_on(
        saved: SavedInvocation,
        instance: &Instance,
        children: &Rc<Children>,
        shared: &Rc<Shared>,
    ) -> anyhow::Result<Self> {
        let SavedInvocation {
            id,
            pid,
            stdin,
            stdout,
            stderr,
            unsent,
            dropped_messages,
            group,
            has_exceeded_memory,
            dropped_rows,
            stdout_line,
            stderr_line,
            counters,
            started,
            started_ms,
        } = saved;
        let group = group.map(Group::at);
        let reading = |descriptor| -> anyhow::Result<pipe::Receiver> {
            pipe::Receiver::from_owned_fd(own(descriptor)?).context("read from its pipe")
        };
        let writing = |descriptor| -> anyhow::Result<pipe::Sender> {
            pipe::Sender::from_owned_fd(own(descriptor)?).context("write into its pipe")
        };
        let (child, ended) = children.adopt(Pid::from_raw(pid));
        let line_bytes_max = instance.config.line_bytes_max;
        Ok(Self {
            id,
            child,
            ended: match group.clone() {
                Some(group) => end_with_group(ended, group, shared, &instance.name),
                None => ended,
            },
            group,
            has_exceeded_memory,
            outbox: Outbox::go_on(stdin.map(writing).transpose()?, unsent, dropped_messages),
            stdout: stdout.map(reading).transpose()?,
            stderr: stderr.map(reading).transpose()?,
            intake: Intake::new(instance.instance_id, id, instance.speaks(), line_bytes_max).go_on(
                stdout_line,
                stderr_line,
                counters,
            ),
            dropped_rows,
            started,
            started_ms,
        })
    }
}
