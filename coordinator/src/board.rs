//! What is true of every instance now: written by the instances' tasks, read by the supervisor and by `control`.
//! It decides nothing and stores nothing on disk.

use std::cell::{Cell, Ref, RefCell};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_with::serde_as;
use shared_state::{InstanceState, TimeMs};
use tokio::sync::watch;

use crate::cgroup::Enforcement;
use crate::handover::Monotonic;

/// All instances in the order of start. Everything happens on one thread.
#[derive(Debug, Default)]
pub(crate) struct Board {
    views: RefCell<Vec<View>>,
    /// Counts changes, so that any number of tasks can wait for the next.
    changes: watch::Sender<u64>,
    heartbeats: Cell<u64>,
    given_up: RefCell<Option<String>>,
}

/// One instance.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) agent: String,
    pub(crate) protocol: &'static str,
    pub(crate) state: InstanceState,
    pub(crate) goal_up: bool,
    pub(crate) reason: String,
    pub(crate) pid: Option<i32>,
    pub(crate) started: Option<Instant>,
    pub(crate) invocation_id: Option<i64>,
    pub(crate) restarts: u64,
    pub(crate) last_exit: Option<String>,
    /// The last invocation finished with a success code, and none has begun since.
    pub(crate) has_succeeded: bool,
    pub(crate) next_attempt_ms: Option<TimeMs>,
    /// Since the coordinator was started.
    pub(crate) heartbeats: u64,
    pub(crate) heartbeat: Option<Heartbeat>,
    /// How its processes are held together: `cgroup` or `process group`.
    pub(crate) containment: &'static str,
    /// How each of its limits is kept, by its key.
    pub(crate) limits: Vec<(&'static str, Enforcement)>,
    /// agents.toml no longer asks for it.
    pub(crate) is_removed: bool,
}

impl View {
    /// Whether people should see it: one that was removed only until it is down.
    pub(crate) fn is_shown(&self) -> bool {
        !self.is_removed || self.pid.is_some()
    }
}

/// The newest heartbeat of the living invocation, or of the last one.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Heartbeat {
    #[serde_as(as = "Monotonic")]
    pub(crate) at: Instant,
    /// 0 ok, 1 degraded, 2 error.
    pub(crate) status: u8,
    pub(crate) message: String,
}

impl Board {
    /// All instances, for as long as nothing is awaited.
    pub(crate) fn views(&self) -> Ref<'_, Vec<View>> {
        self.views.borrow()
    }

    /// One instance more; its index is the next.
    pub(crate) fn add(&self, view: View) {
        self.views.borrow_mut().push(view);
        self.tell_change();
    }

    /// Changes one instance and wakes who waits for that.
    pub(crate) fn change(&self, index: usize, change: impl FnOnce(&mut View)) {
        change(&mut self.views.borrow_mut()[index]);
        self.tell_change();
    }

    /// Notes heartbeats; that wakes nobody.
    pub(crate) fn note_heartbeats(&self, index: usize, count: u64, newest: Heartbeat) {
        self.heartbeats.set(self.heartbeats.get() + count);
        let view = &mut self.views.borrow_mut()[index];
        view.heartbeats += count;
        view.heartbeat = Some(newest);
    }

    /// Heartbeats since the last call.
    pub(crate) fn take_heartbeats(&self) -> u64 {
        self.heartbeats.take()
    }

    /// An essential agent cannot be kept alive.
    pub(crate) fn give_up(&self, why: String) {
        self.given_up.borrow_mut().get_or_insert(why);
        self.tell_change();
    }

    pub(crate) fn given_up(&self) -> Option<String> {
        self.given_up.borrow().clone()
    }

    /// Sees each change after this call, several at once as one.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn tell_change(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}
