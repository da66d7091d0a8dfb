//! Performs actions one after the other.
//! How each is done stands in the file of its topic.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use agent_protocol::{
    AgentHello, AgentMessage, Cursor, Delete, Event, Heartbeat, Level, Metrics, PROTOCOL_VERSION,
    Put, Records, Stopping,
};
use anyhow::{Context, Result, bail};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal, raise, signal};
use serde_json::json;
use serde_json::value::to_raw_value;

use crate::action::Action;
use crate::family;
use crate::input::{Ears, Heard};
use crate::output::{self, ERR, OUT, put_bytes, put_lines, say};
use crate::report::{Start, mark};
use crate::squat::{squat, tell_whether_alive};
use crate::starve::starve;

/// How often a file is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The performing process.
pub(crate) struct Puppet {
    start: Start,
    ears: Ears,
    seq: u64,
}

impl Puppet {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            start,
            ears: Ears::new(),
            seq: 0,
        }
    }

    /// Performs all; returns the exit code.
    pub(crate) fn perform_all(&mut self, actions: &[Action]) -> Result<u8> {
        let mut actions = actions.iter();
        while let Some(action) = actions.next() {
            if let Action::Once(file) = action {
                // In one step: several puppets may come to it at once, and one of them is the first.
                match File::create_new(file) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => drop(actions.next()),
                    made => drop(made?),
                }
                continue;
            }
            let done = self
                .perform(action)
                .with_context(|| format!("perform {action:?}"))?;
            if let ControlFlow::Break(code) = done {
                return Ok(code);
            }
        }
        Ok(0)
    }

    fn perform(&mut self, action: &Action) -> Result<ControlFlow<u8>> {
        match action {
            Action::Beat(count, interval) => self.beat(*count, *interval)?,
            Action::Count(interval) => self.count(*interval)?,
            Action::Live(interval) => self.live(*interval)?,
            Action::Idle => self.idle()?,
            Action::Records(id) => self.send_records(*id)?,
            Action::Rows(file) => self.send_rows(file)?,
            Action::Burst(count) => (1..=*count).try_for_each(put_records)?,
            Action::AwaitAcks(count) => self.await_acks(*count)?,
            Action::AwaitAck(id) => self.await_answer(*id, true)?,
            Action::AwaitNack(id) => self.await_answer(*id, false)?,
            Action::Listen(file) => self.ears.record(file)?,
            Action::Wait(time) => wait(*time)?,
            Action::WaitFor(file) => wait_for(file)?,
            Action::Hang => loop {
                wait(Duration::from_secs(3600))?;
            },
            Action::Exit(code) => return Ok(ControlFlow::Break(*code)),
            Action::Report(file) => self.start.report(file)?,
            Action::Once(_) => bail!("once needs an action that is not once"),
            _ if self.speak(action)? => {}
            _ => act(action)?,
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The actions that are one message each; says whether this was one.
    fn speak(&mut self, action: &Action) -> Result<bool> {
        let message = match action.clone() {
            Action::Hello(name) => AgentMessage::Hello(AgentHello {
                protocol: PROTOCOL_VERSION,
                name,
                ..AgentHello::default()
            }),
            Action::Ready => AgentMessage::Ready,
            Action::Heartbeat(message) => {
                self.seq += 1;
                AgentMessage::Heartbeat(Heartbeat {
                    seq: self.seq,
                    message,
                    ..Heartbeat::default()
                })
            }
            Action::Event(kind, message) => AgentMessage::Event(Event {
                level: Level::Info,
                kind,
                message,
                ..Event::default()
            }),
            Action::Metrics(name, value) => AgentMessage::Metrics(Metrics {
                subject: None,
                metrics: [(name, value)].into(),
            }),
            Action::Put(key, value) => AgentMessage::Put(Put { key, value }),
            Action::Delete(key) => AgentMessage::Delete(Delete { key }),
            Action::Stopping(reason) => AgentMessage::Stopping(Stopping { reason }),
            _ => return Ok(false),
        };
        say(&message)?;
        Ok(true)
    }

    fn beat(&mut self, count: u64, interval: Duration) -> Result<()> {
        for _ in 0..count {
            self.speak(&Action::Heartbeat(String::new()))?;
            wait(interval)?;
        }
        Ok(())
    }

    fn live(&mut self, interval: Duration) -> Result<()> {
        self.ears.obey()?;
        loop {
            self.speak(&Action::Heartbeat(String::new()))?;
            let next = Instant::now() + interval;
            while let Some(heard) = self.ears.listen(Some(next))? {
                if matches!(heard, Heard::Stop) {
                    return Ok(());
                }
            }
        }
    }

    /// Everything that an agent can send, numbered, so that what is missing or double is seen.
    fn count(&mut self, interval: Duration) -> Result<()> {
        self.ears.obey()?;
        let (mut sent, mut answered, mut is_stopped) = (0, 0, false);
        while !is_stopped || answered < sent {
            let next = Instant::now() + interval;
            if !is_stopped {
                sent += 1;
                self.speak(&Action::Heartbeat(String::new()))?;
                put_records(sent)?;
                put_bytes(ERR, format!("line {sent}\n").as_bytes())?;
                put_bytes(OUT, b"li")?;
                wait(interval / 2)?;
                put_bytes(OUT, format!("ne {sent}\n").as_bytes())?;
            }
            while let Some(heard) = self.ears.listen(Some(next))? {
                match heard {
                    Heard::Stop => is_stopped = true,
                    Heard::Answer(_, accepted) => answered += u64::from(accepted),
                }
            }
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<()> {
        self.ears.obey()?;
        while !matches!(self.ears.listen(None)?, Some(Heard::Stop)) {}
        Ok(())
    }

    /// One run with a cursor that names the batch, acknowledged before anything else happens.
    fn send_records(&mut self, id: u64) -> Result<()> {
        put_records(id)?;
        self.await_answer(id, true)?;
        self.speak(&Action::Event("acknowledged".to_owned(), id.to_string()))?;
        Ok(())
    }

    /// Rows of the test's own, whatever they look like.
    fn send_rows(&mut self, file: &Path) -> Result<()> {
        for (line, id) in std::fs::read_to_string(file)?.lines().zip(1..) {
            let (kind, rows) = serde_json::from_str(line)?;
            say(&AgentMessage::Records(Records {
                id,
                kind,
                rows,
                cursor: None,
            }))?;
            self.await_answer(id, true)?;
        }
        Ok(())
    }

    fn await_acks(&mut self, count: u64) -> Result<()> {
        let mut accepted = 0;
        while accepted < count {
            match self.ears.listen(None)? {
                Some(Heard::Answer(_, true)) => accepted += 1,
                Some(Heard::Answer(id, false)) => bail!("get {id} acknowledged"),
                _ => bail!("get {count} acks before the stop: there were {accepted}"),
            }
        }
        Ok(())
    }

    fn await_answer(&mut self, id: u64, accepted: bool) -> Result<()> {
        loop {
            match self.ears.listen(None)? {
                Some(Heard::Answer(answered, verdict)) if answered == id => {
                    if verdict != accepted {
                        bail!("get the wanted answer to {id}: accepted was {verdict}");
                    }
                    return Ok(());
                }
                Some(Heard::Stop) => bail!("get an answer to {id} before the stop"),
                _ => {}
            }
        }
    }
}

/// One run with a cursor that names the batch.
fn put_records(id: u64) -> Result<()> {
    let run = format!("00000000-0000-7000-8000-{id:012}");
    say(&AgentMessage::Records(Records {
        id,
        kind: "langsmith_run".to_owned(),
        rows: vec![to_raw_value(&json!({
            "id": run, "run_id": run, "project_id": "11111111-1111-4111-8111-111111111111",
            "name": "chat", "run_type": "llm", "status": "success", "start_us": 1_795_420_800_000_000_i64,
        })).expect("plain data")],
        cursor: Some(Cursor {
            name: "runs".to_owned(),
            value: json!({ "batch": id }),
        }),
    }))
}

/// The actions that need nothing of the puppet's own.
fn act(action: &Action) -> Result<()> {
    match action {
        Action::Print(text) => put_bytes(OUT, format!("{text}\n").as_bytes()),
        Action::Eprint(text) => put_bytes(ERR, format!("{text}\n").as_bytes()),
        Action::Raw(bytes) => put_bytes(OUT, bytes),
        Action::Lines(count) => put_lines(OUT, *count),
        Action::Elines(count) => put_lines(ERR, *count),
        Action::LongLine(bytes) => output::put_long_line(*bytes),
        Action::Deep(depth) => {
            let line = format!(
                "{{\"type\":\"put\",\"key\":\"deep\",\"value\":{}{}}}\n",
                "[".repeat(*depth),
                "]".repeat(*depth)
            );
            put_bytes(OUT, line.as_bytes())
        }
        Action::Flood => output::flood(),
        Action::CloseStdout => {
            output::close(OUT);
            Ok(())
        }
        Action::CloseStderr => {
            output::close(ERR);
            Ok(())
        }
        Action::Raise(which) => {
            raise(*which)?;
            Ok(())
        }
        Action::Crash => std::process::abort(),
        Action::Ignore(which) => ignore(*which),
        Action::Survive => Ok(prctl::set_pdeathsig(None)?),
        Action::Child(file) => family::leave_child(file),
        Action::Leave(file) => family::leave_session(file),
        Action::LeaveBeating(file) => family::leave_session_beating(file),
        Action::Orphans(count) => family::leave_orphans(*count),
        Action::Squat(pid_file, out) => squat(pid_file, out),
        Action::Allocate(bytes) => {
            vec![1_u8; *bytes].leak(); // not zero: that would be no memory yet
            Ok(())
        }
        Action::Starve(program) => match starve(program)? {},
        Action::Alive(pid_file, out) => tell_whether_alive(pid_file, out),
        Action::Mark(file) => mark(file),
        other => bail!("perform {other:?} here"),
    }
}

fn ignore(which: Signal) -> Result<()> {
    // SAFETY: ignoring a signal installs no handler that could run at a bad time.
    unsafe { signal(which, SigHandler::SigIgn) }?;
    Ok(())
}

/// Silent for this long: stdin is not read, so that a `stop` message is not heard either.
fn wait(time: Duration) -> Result<()> {
    Ears::new_deaf().listen(Some(Instant::now() + time))?;
    Ok(())
}

fn wait_for(file: &Path) -> Result<()> {
    while !file.exists() {
        wait(LOOK_EVERY)?;
    }
    Ok(())
}
