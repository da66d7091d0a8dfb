//! What an agent's code sees of the world: who it is, whether it has to end, and how it says things.
//! It does not run the agent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use agent_protocol::{
    AgentMessage, Alert, CoordinatorHello, Delete, Event, Heartbeat, Level, Metrics, Put,
};
use serde_json::Value;
use tracing::error;

use crate::Beat;
use crate::drawing::is_drawing;
use crate::output::{Form, WriteError};
use crate::pending::Pending;
use crate::stop::{Stop, StopRequest, Why};

/// The agent's way to the outside. Cheap to clone; may be used from any thread.
///
/// Saying something writes a line to stdout at once and blocks while its reader has no room. A line that nobody reads
/// ends the agent (see [`Context::stopping`]); so saying something returns nothing.
#[derive(Clone, Debug)]
pub struct Context(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) form: Form,
    pub(crate) supervised: bool,
    pub(crate) stop: Stop,
    pub(crate) pending: Pending,
    pub(crate) hello: OnceLock<CoordinatorHello>,
    heartbeats: AtomicU64,
    latest: Mutex<Beat>,
}

impl Shared {
    pub(crate) fn new(form: Form, supervised: bool) -> Self {
        Shared {
            form,
            supervised,
            stop: Stop::new(),
            pending: Pending::default(),
            hello: OnceLock::new(),
            heartbeats: AtomicU64::new(0),
            latest: Mutex::new(Beat::default()),
        }
    }
}

impl Context {
    /// What the coordinator said in its first message; nothing when the agent runs alone.
    pub fn hello(&self) -> Option<&CoordinatorHello> {
        self.0.hello.get()
    }

    /// A cursor as last acknowledged; nothing when there is none or the agent runs alone.
    pub fn cursor(&self, name: &str) -> Option<&Value> {
        self.hello()?.cursors.get(name)
    }

    /// Whether a coordinator has started this process.
    pub fn is_supervised(&self) -> bool {
        self.0.supervised
    }

    /// Resolves once the agent has to end. A long round of work should wait for it beside whatever else it awaits.
    pub async fn stopping(&self) {
        self.0.stop.wait().await;
    }

    /// Whether the agent has to end.
    pub fn is_stopping(&self) -> bool {
        self.0.stop.requested().is_some()
    }

    pub(crate) fn stop_request(&self) -> Option<StopRequest> {
        self.0.stop.requested()
    }

    /// Sends a heartbeat from within a long round of work: status and figures as in the last one, with this message.
    /// Where the agent draws its progress for a person, that is shown instead.
    pub fn progress(&self, message: impl Into<String>) {
        if is_drawing() {
            return;
        }
        let mut beat = self.latest();
        beat.message = Beat::ok(message).message;
        self.heartbeat(&beat);
    }

    /// Something happened that a person may want to read. `kind` is a stable word for machines.
    pub fn event(&self, level: Level, kind: impl Into<String>, message: impl Into<String>) {
        self.event_with_data(level, kind, message, Value::Null);
    }

    /// An event with anything more.
    pub fn event_with_data(
        &self,
        level: Level,
        kind: impl Into<String>,
        message: impl Into<String>,
        data: Value,
    ) {
        self.send(&AgentMessage::Event(Event {
            level,
            kind: kind.into(),
            message: message.into(),
            data,
        }));
    }

    /// A condition began, changed or ended.
    pub fn alert(&self, alert: Alert) {
        self.send(&AgentMessage::Alert(alert));
    }

    /// Figures between heartbeats, or about something else: `host`, `agent:NAME`, or any other word.
    pub fn metrics(&self, subject: Option<&str>, metrics: BTreeMap<String, f64>) {
        self.send(&AgentMessage::Metrics(Metrics {
            subject: subject.map(str::to_owned),
            metrics,
        }));
    }

    /// Sets a key of the shared state: the last value wins. A key has 1 to 512 bytes.
    pub fn put(&self, key: impl Into<String>, value: Value) {
        self.send(&AgentMessage::Put(Put {
            key: key.into(),
            value,
        }));
    }

    /// Removes a key of the shared state.
    pub fn delete(&self, key: impl Into<String>) {
        self.send(&AgentMessage::Delete(Delete { key: key.into() }));
    }

    pub(crate) fn latest(&self) -> Beat {
        let latest = self.0.latest.lock();
        latest.expect("no code that holds the lock panics").clone()
    }

    pub(crate) fn heartbeat(&self, beat: &Beat) {
        let seq = self.0.heartbeats.fetch_add(1, Ordering::Relaxed) + 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        self.send(&AgentMessage::Heartbeat(Heartbeat {
            seq,
            status: beat.status,
            message: beat.message.clone(),
            metrics: beat.metrics.clone(),
            ts_ms: now.and_then(|since| i64::try_from(since.as_millis()).ok()),
        }));
        let mut latest = self
            .0
            .latest
            .lock()
            .expect("no code that holds the lock panics");
        latest.clone_from(beat);
    }

    pub(crate) fn send(&self, message: &AgentMessage) {
        match self.0.form.write(message) {
            Ok(()) => {}
            Err(WriteError::Encode(source)) => {
                error!(
                    "a `{}` message was not sent: failed to {source}",
                    message.kind()
                );
            }
            Err(WriteError::Closed(source)) => {
                error!("failed to write to stdout: {source}");
                self.0.stop.request(Why::OutputClosed, None);
            }
        }
    }
}
