//! Tells the world what became of one instance: rows, the board, the log. It decides nothing.

use std::time::Instant;

use lifecycle::{Cause, Goal, Left, Phase, Start, Why};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use shared_state::{
    EventRow, Fact, InstanceChange, InstanceState, InvocationEnd, InvocationStart, Outcome, TimeMs,
};
use tracing::{debug, error, info, warn};

use super::invocation::Invocation;
use super::{AgentTask, NextRun};
use crate::agent_log::Stream;
use crate::{clock, proc_stat, words};

/// What was last told, so that only changes are told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Published {
    state: Option<InstanceState>,
    goal_up: bool,
    reason: String,
    invocation_id: Option<i64>,
    next_run: Option<NextRun>,
}

impl AgentTask {
    pub(super) fn record_start(
        &self,
        invocation_id: i64,
        start: Start,
        pid: Option<Pid>,
        now_ms: TimeMs,
    ) {
        self.shared
            .writer
            .record(Fact::InvocationStarted(InvocationStart {
                invocation_id,
                instance_id: self.instance.instance_id,
                attempt: start.attempt,
                is_restart: start.kind.is_restart(),
                pid: pid.map(Pid::as_raw),
                pid_start_ticks: pid.and_then(proc_stat::start_ticks),
                started_ms: now_ms,
            }));
    }

    pub(super) fn record_end(
        &mut self,
        invocation_id: i64,
        cause: Cause,
        living: Option<&Invocation>,
    ) {
        let reason = match (cause, &self.spawn_error) {
            (Cause::SpawnFailed(_), Some(why)) => why.clone(),
            _ => match *self.lifecycle.phase() {
                Phase::Unhealthy { hang, .. } => words::end(cause, Some(hang)),
                _ => words::cause(cause),
            },
        };
        let counters = living
            .map(|living| living.intake.counters())
            .unwrap_or_default();
        let ended_ms = clock::wall_ms();
        self.shared
            .writer
            .record(Fact::InvocationEnded(InvocationEnd {
                invocation_id,
                ended_ms,
                outcome: match cause {
                    Cause::Exited(code) => Outcome::Exited(code),
                    Cause::Signaled(signal) => Outcome::Signaled(signal),
                    Cause::OutOfMemory => Outcome::Signaled(Signal::SIGKILL as i32),
                    Cause::SpawnFailed(_) => Outcome::SpawnFailed,
                },
                reason: reason.clone(),
                heartbeats: counters.heartbeats,
                log_lines: counters.log_lines,
                truncated_lines: counters.truncated_lines,
                dropped_rows: living.map_or(0, |living| living.dropped_rows),
            }));
        if let Some(dropped) = living
            .map(|living| living.outbox.dropped())
            .filter(|dropped| *dropped > 0)
        {
            self.count("dropped_messages", dropped, ended_ms);
        }
        let is_wanted = matches!(self.lifecycle.phase(), Phase::Stopping { .. });
        let is_success = matches!(cause, Cause::Exited(code) if self.instance.policy.success_exit_codes.contains(&code));
        let level = if is_wanted || is_success { 1 } else { 2 };
        let agent = self.instance.name.as_str();
        match level {
            _ if is_wanted => debug!(agent, reason, "agent ended"), // `agent stopped` follows
            1 => info!(agent, reason, "agent ended"),
            _ => warn!(agent, reason, "agent ended"),
        }
        self.event(level, "agent_exited", &reason, Some(invocation_id));
        self.last_exit = Some(reason);
    }

    fn count(&self, name: &'static str, by: u64, ts_ms: TimeMs) {
        let instance_id = self.instance.instance_id;
        self.shared.writer.record(Fact::Counted {
            instance_id,
            name,
            by,
            ts_ms,
        });
    }

    /// An event of the coordinator about this instance: a row, and a line in the agent's own log.
    pub(super) fn event(
        &mut self,
        level: u8,
        kind: &str,
        message: &str,
        invocation_id: Option<i64>,
    ) {
        let ts_ms = clock::wall_ms();
        self.shared.writer.record(Fact::Event(EventRow {
            ts_ms,
            instance_id: Some(self.instance.instance_id),
            invocation_id,
            level,
            kind: kind.into(),
            message: message.into(),
            data: None,
        }));
        let (time, line) = (clock::text(ts_ms), format!("{kind}: {message}"));
        if level > 1 {
            self.log
                .add_line(&time, Stream::Coordinator, line.as_bytes(), false);
        } else {
            self.log.add_note(&time, &line);
        }
    }

    /// A time of the schedule that starts nothing now.
    pub(super) fn tell_left_out(&mut self, left: Left) {
        let (kind, message) = words::left_out(left);
        let agent = self.instance.name.clone();
        info!(agent, "{message}");
        self.event(1, kind, message, self.last_invocation_id);
    }

    /// Tells what is true now, if that has changed.
    pub(super) fn publish(&mut self, now: Instant) {
        let phase = *self.lifecycle.phase();
        let state = words::state(&phase);
        let goal_up = self.lifecycle.goal() == Goal::Up;
        // A heartbeat of a running instance changes nothing, and comes often.
        if state == InstanceState::Running
            && self.published.state == Some(state)
            && self.published.goal_up == goal_up
            && self.published.invocation_id == self.last_invocation_id
        {
            return;
        }
        let reason = match self.was_wanted {
            true => words::reason(&phase, self.spawn_error.as_deref(), &self.waits_for),
            false => "not started: autostart = false".into(),
        };
        let next_run = self.awaited_run();
        let reason = match phase {
            Phase::Exited { .. } if next_run.is_some() => format!("{reason}; next run by schedule"),
            _ => reason,
        };
        let next = Published {
            state: Some(state),
            goal_up,
            reason,
            invocation_id: self.last_invocation_id,
            next_run,
        };
        if next == self.published {
            return;
        }
        self.published = next;
        let change = self.change(now);
        self.show(&change);
        self.shared.writer.record(Fact::InstanceChanged(change));
        self.tell(&phase, now);
    }

    /// What was published last, as the database and the board want it.
    pub(super) fn change(&self, now: Instant) -> InstanceChange {
        let now_ms = clock::wall_ms();
        let next_attempt_ms = match *self.lifecycle.phase() {
            Phase::Backoff { until, .. } => Some(until),
            Phase::Fatal { retry_at, .. } => retry_at,
            _ => None,
        };
        let next_attempt_ms = next_attempt_ms.map(|at| {
            let left_ms = at.saturating_duration_since(now).as_millis();
            now_ms.saturating_add(i64::try_from(left_ms).unwrap_or(i64::MAX))
        });
        let next_attempt_ms = next_attempt_ms.or_else(|| self.awaited_run_ms(now, now_ms));
        let living = self.invocation.as_ref();
        InstanceChange {
            instance_id: self.instance.instance_id,
            goal_up: self.published.goal_up,
            state: words::state(self.lifecycle.phase()),
            reason: self.published.reason.clone(),
            since_ms: now_ms,
            invocation_id: self.last_invocation_id,
            pid: living.map(|living| living.child.pid().as_raw()),
            started_ms: living.map(|living| living.started_ms),
            next_attempt_ms,
            last_exit: self.last_exit.clone(),
            restarts: self.restarts,
        }
    }

    /// Puts it on the board.
    pub(super) fn show(&self, change: &InstanceChange) {
        let codes = &self.instance.policy.success_exit_codes;
        let has_succeeded = matches!(
            *self.lifecycle.phase(),
            Phase::Exited { cause: Cause::Exited(code), hang: None } if codes.contains(&code)
        );
        let living = self.invocation.as_ref();
        self.shared.board.change(self.instance.index, |view| {
            view.state = change.state;
            view.goal_up = change.goal_up;
            view.reason.clone_from(&change.reason);
            view.pid = change.pid;
            view.started = living.map(|living| living.started);
            if view.invocation_id != change.invocation_id {
                view.heartbeat = None;
            }
            view.invocation_id = change.invocation_id;
            view.restarts = change.restarts;
            view.last_exit.clone_from(&change.last_exit);
            view.has_succeeded = has_succeeded;
            view.next_attempt_ms = change.next_attempt_ms;
        });
    }

    /// The coordinator's own log, and the events that people look for.
    fn tell(&mut self, phase: &Phase, now: Instant) {
        let reason = self.published.reason.clone();
        let id = self.last_invocation_id;
        let pid = self
            .invocation
            .as_ref()
            .map(|living| living.child.pid().as_raw());
        let agent = self.instance.name.clone();
        match phase {
            Phase::Starting { .. } => {
                let message = format!("pid {}", pid.unwrap_or_default());
                info!(agent, pid, "agent started");
                self.event(1, "agent_started", &message, id);
            }
            Phase::Running { .. } => {
                info!(agent, pid, "agent ready");
                if let Some(invocation_id) = id {
                    let ts_ms = clock::wall_ms();
                    self.shared.writer.record(Fact::InvocationReady {
                        invocation_id,
                        ts_ms,
                    });
                }
                let message = match &self.invocation {
                    Some(living) => format!(
                        "{} ms after its start",
                        now.saturating_duration_since(living.started).as_millis()
                    ),
                    None => String::new(),
                };
                self.event(1, "agent_ready", &message, id);
            }
            Phase::Unhealthy { killed: false, .. } => {
                warn!(agent, pid, reason, "agent hangs");
                self.event(2, "agent_unhealthy", &reason, id);
            }
            Phase::Unhealthy { .. } | Phase::Stopping { killed: true, .. } => {
                warn!(agent, pid, reason, "agent killed");
                self.event(2, "agent_killed", &reason, id);
            }
            Phase::Stopping {
                why: Why::Old { .. },
                ..
            } => {
                info!(agent, pid, reason, "agent is replaced");
                self.event(1, "agent_replaced", &reason, id);
            }
            Phase::Stopping { .. } => debug!(agent, pid, "agent asked to stop"),
            Phase::Stopped if !self.was_wanted => info!(agent, reason, "agent not started"),
            Phase::Stopped => {
                info!(agent, last_exit = self.last_exit, "agent stopped");
                self.event(1, "agent_stopped", &reason, id);
            }
            Phase::Backoff { until, .. } => {
                let delay = words::time_left(*until, now); // the reason was told with the end
                info!(agent, delay, "agent will be restarted");
            }
            Phase::Exited { .. } => info!(agent, reason, "agent finished"),
            Phase::Fatal { .. } => {
                error!(agent, reason, "agent given up");
                self.event(3, "agent_fatal", &reason, id);
            }
            Phase::Waiting { .. } | Phase::Scheduled => info!(agent, reason, "agent waits"),
            Phase::Spawning => {}
        }
    }
}
