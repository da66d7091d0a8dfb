//! Acts on what happened to one instance: asks the lifecycle, performs what it says, and passes on what was heard.
//! How that is recorded stands in `record`.

use std::rc::Rc;
use std::time::Instant;

use agent_protocol::{Ack, CoordinatorMessage, Nack, Records, Stop};
use lifecycle::{Cause, Effect, Event, Goal, Phase, Start};
use nix::sys::signal::Signal;
use shared_state::{Fact, RecordsBatch};

use super::containment::end_with_group;
use super::invocation::{Invocation, Out, Way};
use super::next::Happened;
use super::{AgentTask, Command, Committed, Reconfiguration};
use crate::board::Heartbeat;
use crate::cgroup::Group;
use crate::clock;
use crate::instance::kernel_signal;
use crate::intake::{Heard, Intake};
use crate::outbox::Outbox;
use crate::process::{Ended, Started};

impl AgentTask {
    pub(super) fn handle(&mut self, happened: Happened) {
        match happened {
            Happened::Command(command) => self.obey(command),
            Happened::StartFailed(cause) => self.step(gone(cause)),
            Happened::Ended(ended) => self.end_invocation(ended),
            Happened::Readable(out) => self.read(out, Way::Readiness),
            Happened::Writable => {
                if let Some(living) = &mut self.invocation {
                    living.outbox.flush();
                }
            }
            // `next` looks at what has become possible.
            Happened::Sent { dropped_rows } => {
                if let Some(living) = &mut self.invocation {
                    living.dropped_rows += dropped_rows as u64;
                }
            }
            Happened::LogHasRoom | Happened::LetGo => {}
            Happened::Committed(committed) => self.answer_records(committed),
            Happened::Deadline => self.meet_deadline(),
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start => {
                self.was_wanted = true;
                self.step(Event::Start);
            }
            Command::Enable => {
                self.was_wanted = true;
                self.step(Event::Enable);
            }
            Command::Reset => self.step(Event::Reset),
            Command::Stop => self.step(Event::Stop),
            Command::Kill => self.step(Event::Kill),
            Command::Restart => {
                self.was_wanted = true;
                self.step(Event::Stop);
                self.step(Event::Start);
            }
            Command::MeasureMemory(all) => self.judge_memory(&all),
            Command::Reconfigure(new) => self.reconfigure(*new),
            Command::Signal(signal) => {
                if let Some(living) = &self.invocation {
                    living.child.signal_group(signal);
                }
            }
            // Whoever asked may have gone.
            Command::Acknowledge(answer) => drop(answer.send(())),
            Command::Describe(answer) => drop(answer.send(Rc::clone(&self.instance))),
            // Taken care of where tasks can wait: see `run`.
            Command::Freeze(_) => {}
            Command::Dependencies { ready, waits_for } => {
                self.waits_for = waits_for;
                self.step(Event::Dependencies { ready });
            }
        }
    }

    /// Rules apply at once: the lifecycle asks for them at each step.
    fn reconfigure(&mut self, new: Reconfiguration) {
        let before = std::mem::replace(&mut self.instance, new.instance);
        self.follow_schedule(&before.config);
        self.limit_anew();
        if let Some(log) = new.log {
            self.log = log;
        }
        if self.instance.config.depends_on.is_empty() {
            self.step(Event::Dependencies { ready: true });
        }
        self.step(Event::Reconfigured);
        // One that waits for its time starts with what is new then.
        let is_idle = self.awaited_run().is_some();
        if new.restart && self.lifecycle.goal() == Goal::Up && !is_idle {
            self.step(Event::Stop);
            self.step(Event::Start);
        }
    }

    fn meet_deadline(&mut self) {
        self.meet_schedule();
        if self
            .lifecycle
            .deadline()
            .is_none_or(|deadline| Instant::now() < deadline)
        {
            return;
        }
        // What the agent has said in time may still wait in its pipe.
        if matches!(
            self.lifecycle.phase(),
            Phase::Starting { .. } | Phase::Running { .. }
        ) {
            self.read(Out::Stdout, Way::Kernel);
        }
        self.shared.awake.note(Instant::now());
        let awake_since = self.shared.awake.since();
        self.step(Event::Deadline { awake_since });
    }

    /// Asks the lifecycle and does what it says.
    pub(super) fn step(&mut self, event: Event) {
        let now = Instant::now();
        let mut event = Some(event);
        while let Some(happened) = event.take() {
            if let Some(effect) = self.lifecycle.step(happened, now, &self.instance.policy) {
                event = self.perform(effect);
            }
        }
        self.publish(now);
    }

    fn perform(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Spawn(start) => return self.start(start),
            Effect::RequestStop => self.request_stop(),
            Effect::SignalHang => self.signal(kernel_signal(self.instance.config.watchdog_signal)),
            Effect::Kill => self.signal(Signal::SIGKILL),
            Effect::LeaveOut(left) => self.tell_left_out(left),
            Effect::GiveUp => {
                let name = &self.instance.name;
                self.shared
                    .board
                    .give_up(format!("the essential agent {name} is FATAL"));
            }
        }
        None
    }

    /// A stopped process cannot react to a signal until it is continued.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(living) = &self.invocation {
            living.child.signal_group(signal);
            living.child.signal_group(Signal::SIGCONT);
            if let (Signal::SIGKILL, Some(group)) = (signal, &living.group) {
                group.kill(); // also who has left the process group
            }
        }
    }

    fn request_stop(&mut self) {
        let grace = self.instance.config.stop_timeout;
        if let Some(living) = &mut self.invocation {
            let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            living
                .outbox
                .send(&CoordinatorMessage::Stop(Stop { grace_ms }));
        }
        self.signal(kernel_signal(self.instance.config.stop_signal));
    }

    fn start(&mut self, start: Start) -> Option<Event> {
        if start.kind.is_restart() {
            self.restarts += 1;
        }
        let id = self.shared.writer.next_invocation_id();
        self.last_invocation_id = Some(id);
        let (now, now_ms) = (Instant::now(), clock::wall_ms());
        match self.spawn(id) {
            Ok((started, group)) => {
                self.spawn_error = None;
                self.record_start(id, start, Some(started.child.pid()), now_ms);
                self.begin_invocation(id, started, group, (now, now_ms));
                Some(Event::Spawned {
                    random: fastrand::f64(),
                })
            }
            Err(error) => {
                let cause = Cause::SpawnFailed(error.errno as i32);
                self.spawn_error = Some(error.to_string());
                self.record_start(id, start, None, now_ms);
                self.record_end(id, cause, None);
                self.failed_start = Some(cause);
                None
            }
        }
    }

    fn begin_invocation(
        &mut self,
        id: i64,
        started: Started,
        group: Option<Group>,
        (now, now_ms): (Instant, i64),
    ) {
        let instance = &self.instance;
        let line_bytes_max = instance.config.line_bytes_max;
        let mut outbox = Outbox::new(started.stdin);
        outbox.send(&CoordinatorMessage::Hello(
            instance.hello(id, &self.shared.settings),
        ));
        self.invocation = Some(Invocation {
            id,
            child: started.child,
            ended: match group.clone() {
                Some(group) => end_with_group(started.ended, group, &self.shared, &instance.name),
                None => started.ended,
            },
            group,
            has_exceeded_memory: false,
            outbox,
            stdout: Some(started.stdout),
            stderr: Some(started.stderr),
            dropped_rows: 0,
            intake: Intake::new(instance.instance_id, id, instance.speaks(), line_bytes_max),
            started: now,
            started_ms: now_ms,
        });
    }

    fn end_invocation(&mut self, ended: Ended) {
        let Some(mut living) = self.invocation.take() else {
            return;
        };
        let cause = match ended {
            Ended::Signaled(9) if living.has_exceeded_memory => Cause::OutOfMemory,
            ended => Cause::from(ended),
        };
        for heard in living.read_last(&self.shared, &mut self.log) {
            self.pass_on(living.id, heard);
        }
        self.record_end(living.id, cause, Some(&living));
        if self.shared.is_terminating() {
            // The signal went to the agents too: their ends are no failures and nothing is started again.
            self.step(Event::Stop);
        }
        self.step(gone(cause));
    }

    fn read(&mut self, out: Out, way: Way) {
        let Some(living) = &mut self.invocation else {
            return;
        };
        let Some((bytes, heard)) = living.read(out, way, &self.shared, &mut self.log) else {
            return;
        };
        let id = living.id;
        self.has_flooded = bytes == self.shared.buffer.borrow().len();
        self.pass_on(id, heard);
    }

    fn pass_on(&mut self, invocation_id: i64, heard: Heard) {
        self.backlog.extend(heard.facts);
        for records in heard.records {
            self.store_records(invocation_id, records);
        }
        for nack in heard.refused {
            self.say(invocation_id, &CoordinatorMessage::Nack(nack));
        }
        if let Some((status, message)) = heard.heartbeat {
            let newest = Heartbeat {
                at: Instant::now(),
                status,
                message,
            };
            self.shared
                .board
                .note_heartbeats(self.instance.index, heard.heartbeats, newest);
            self.step(Event::Heartbeat);
        } else if heard.is_ready {
            self.step(Event::Ready);
        }
    }

    /// Only to the invocation that is meant.
    fn say(&mut self, invocation_id: i64, message: &CoordinatorMessage) {
        if let Some(living) = self
            .invocation
            .as_mut()
            .filter(|living| living.id == invocation_id)
        {
            living.outbox.send(message);
        }
    }

    fn store_records(&mut self, invocation_id: i64, records: Records) {
        let Records {
            id,
            kind,
            rows,
            cursor,
        } = records;
        let fact = Fact::Records(RecordsBatch {
            instance_id: self.instance.instance_id,
            kind,
            rows,
            cursor: cursor.clone().map(|cursor| (cursor.name, cursor.value)),
            ts_ms: clock::wall_ms(),
        });
        let writer = self.shared.writer.clone();
        self.commits.spawn_local(async move {
            let result = writer.commit(fact).await;
            Committed {
                invocation_id,
                id,
                cursor,
                result,
            }
        });
    }

    fn answer_records(&mut self, committed: Committed) {
        let Committed {
            invocation_id,
            id,
            cursor,
            result,
        } = committed;
        let answer = match result {
            Ok(()) => {
                if let Some(cursor) = cursor {
                    self.instance
                        .cursors
                        .borrow_mut()
                        .insert(cursor.name, cursor.value);
                }
                CoordinatorMessage::Ack(Ack { id })
            }
            Err(error) => CoordinatorMessage::Nack(Nack {
                id,
                reason: format!("failed to {error}"),
                retry: error.is_retryable(),
            }),
        };
        self.say(invocation_id, &answer);
    }
}

impl From<Ended> for Cause {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Exited(code) => Self::Exited(code),
            Ended::Signaled(signal) => Self::Signaled(signal),
            Ended::OutOfMemory => Self::OutOfMemory,
        }
    }
}

fn gone(cause: Cause) -> Event {
    Event::Gone {
        cause,
        random: fastrand::f64(),
    }
}
