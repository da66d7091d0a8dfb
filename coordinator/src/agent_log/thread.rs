//! The one thread that writes agents' log files. What cannot be written is counted and told once for each failure.
//! It decides nothing about content.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::LogTarget;
use super::buffer::{AgentLog, Slot};

/// What the tasks and the thread share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    idle: Condvar,
    lost_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Each slot at most once: bounded by the number of instances.
    queue: VecDeque<Arc<Slot>>,
    is_writing: bool,
    is_closed: bool,
    is_done: bool,
}

impl Shared {
    pub(super) fn queue(&self, slot: Arc<Slot>) {
        self.lock().queue.push_back(slot);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes logs for instances.
#[derive(Clone, Debug)]
pub(crate) struct LogWriter {
    shared: Arc<Shared>,
}

impl LogWriter {
    /// The log of one instance.
    pub(crate) fn open(&self, target: LogTarget) -> AgentLog {
        AgentLog::new(target, Arc::clone(&self.shared))
    }

    /// Waits until everything is written, at most for `limit`; returns whether it is.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let is_busy = |state: &mut State| state.is_writing || !state.queue.is_empty();
        let state = self.shared.lock();
        let waited = self.shared.idle.wait_timeout_while(state, limit, is_busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Bytes that no file took since the start.
    pub(crate) fn lost_bytes(&self) -> u64 {
        self.shared.lost_bytes.load(Ordering::Relaxed)
    }
}

/// The joinable end.
#[derive(Debug)]
pub(crate) struct LogThread {
    shared: Arc<Shared>,
    handle: JoinHandle<()>,
}

/// Starts the thread.
pub(crate) fn start() -> io::Result<(LogWriter, LogThread)> {
    let shared = Arc::new(Shared::default());
    let seen = Arc::clone(&shared);
    let handle = std::thread::Builder::new()
        .name("agent-logs".into())
        .spawn(move || write_until_closed(&seen))?;
    Ok((
        LogWriter {
            shared: Arc::clone(&shared),
        },
        LogThread { shared, handle },
    ))
}

impl LogThread {
    /// Waits until everything is written, at most for `limit`: a hanging disk must not keep the process.
    pub(crate) fn close(self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.lock();
        state.is_closed = true;
        self.shared.wake.notify_all();
        while !state.is_done {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self
                .shared
                .wake
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        drop(state);
        let _ = self.handle.join();
    }
}

fn write_until_closed(shared: &Shared) {
    let mut failing = false;
    while let Some(slot) = next(shared) {
        let (lines, dropped) = slot.take();
        let mut file = slot.file.lock().unwrap_or_else(PoisonError::into_inner);
        let result = file.append(&lines, dropped);
        match &result {
            Ok(()) if failing => {
                tracing::info!("agents' logs are written again");
                failing = false;
            }
            Ok(()) => {}
            Err(error) => {
                shared
                    .lost_bytes
                    .fetch_add(lines.len() as u64, Ordering::Relaxed);
                if !failing {
                    tracing::error!("failed to write {}: {error}", file.path().display());
                    failing = true;
                }
            }
        }
        drop(file);
        slot.tell_room();
    }
    shared.lock().is_done = true;
    shared.wake.notify_all();
}

fn next(shared: &Shared) -> Option<Arc<Slot>> {
    let mut state = shared.lock();
    state.is_writing = false;
    loop {
        if let Some(slot) = state.queue.pop_front() {
            state.is_writing = true;
            return Some(slot);
        }
        shared.idle.notify_all();
        if state.is_closed {
            return None;
        }
        state = shared
            .wake
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
    }
}
