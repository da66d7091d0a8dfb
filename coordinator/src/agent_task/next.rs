//! Waits for whatever happens next to one instance and gives it a name. It changes nothing but timers and queues.

use std::time::Instant;

use lifecycle::Cause;

use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use super::invocation::Out;
use super::{AgentTask, Alarm, COMMITS_MAX, Command, Committed, Sending};
use crate::outbox::Outbox;
use crate::process::Ended;

/// Something that happened.
pub(super) enum Happened {
    Command(Command),
    StartFailed(Cause),
    Ended(Ended),
    Readable(Out),
    Writable,
    /// A fact is in the writer's queue, or this many rows of it were dropped and counted there.
    Sent {
        dropped_rows: usize,
    },
    LetGo,
    Committed(Committed),
    LogHasRoom,
    Deadline,
}

impl AgentTask {
    /// `None` once the supervisor has let go and nothing is left to be stored.
    pub(super) async fn next(&mut self) -> Option<Happened> {
        if let Some(cause) = self.failed_start.take() {
            // With no backoff a start may fail again at once: others get their turn in between.
            tokio::task::yield_now().await;
            return Some(Happened::StartFailed(cause));
        }
        self.send_backlog();
        self.alarm.set(self.next_look());
        let log_is_full = self.log.is_full();
        let hears = self.sending.is_none() && self.commits.len() < COMMITS_MAX && !log_is_full;
        let is_open = !self.commands.is_closed() || !self.commands.is_empty();
        if !is_open
            && self.sending.is_none()
            && self.commits.is_empty()
            && self.invocation.is_none()
        {
            return None;
        }
        if std::mem::take(&mut self.has_flooded) {
            tokio::task::yield_now().await;
        }
        let (ended, outbox, stdout, stderr) = match &mut self.invocation {
            Some(living) => (
                Some(&mut living.ended),
                Some(&living.outbox),
                living.stdout.as_ref().filter(|_| hears),
                living.stderr.as_ref().filter(|_| !log_is_full),
            ),
            None => (None, None, None, None),
        };
        let happened = tokio::select! {
            // Rare and important things first: a flood of output must not delay them.
            biased;
            command = self.commands.recv(), if is_open => command.map_or(Happened::LetGo, Happened::Command),
            ended = end_of(ended) => Happened::Ended(ended),
            Some(Ok(committed)) = self.commits.join_next() => Happened::Committed(committed),
            () = self.alarm.rings() => Happened::Deadline,
            dropped_rows = finish(&mut self.sending) => Happened::Sent { dropped_rows },
            () = self.log.room(), if log_is_full => Happened::LogHasRoom,
            () = room_for(outbox) => Happened::Writable,
            () = something_in(stderr) => Happened::Readable(Out::Stderr),
            () = something_in(stdout) => Happened::Readable(Out::Stdout),
        };
        Some(happened)
    }

    pub(super) fn send_backlog(&mut self) {
        if self.sending.is_none()
            && let Some(fact) = self.backlog.pop_front()
        {
            let writer = self.shared.writer.clone();
            self.sending = Some(Box::pin(async move { writer.record_bulk(fact).await }));
        }
    }
}

async fn end_of(ended: Option<&mut oneshot::Receiver<Ended>>) -> Ended {
    match ended {
        // The sender goes only by sending: see `Children`.
        Some(ended) => ended.await.unwrap_or(Ended::Signaled(0)),
        None => std::future::pending().await,
    }
}

async fn room_for(outbox: Option<&Outbox>) {
    match outbox.filter(|outbox| outbox.is_waiting()) {
        Some(outbox) => outbox.writable().await,
        None => std::future::pending().await,
    }
}

async fn something_in(stream: Option<&pipe::Receiver>) {
    match stream {
        // An error shows itself at the next read.
        Some(stream) => drop(stream.readable().await),
        None => std::future::pending().await,
    }
}

pub(super) async fn finish(sending: &mut Option<Sending>) -> usize {
    match sending {
        Some(under_way) => {
            let sent = under_way.await;
            *sending = None;
            sent.err().map_or(0, |dropped| dropped.rows)
        }
        None => std::future::pending().await,
    }
}

impl Alarm {
    /// A timer that rings too early costs less than one that is set anew for each heartbeat.
    fn set(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if self.armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        self.armed = Some(deadline);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline.into()),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(deadline.into()))),
        }
    }

    async fn rings(&mut self) {
        match (&mut self.sleep, self.armed) {
            (Some(sleep), Some(_)) => {
                sleep.await;
                self.armed = None;
            }
            _ => std::future::pending().await,
        }
    }
}
