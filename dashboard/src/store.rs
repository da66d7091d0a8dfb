//! Answers questions to the database: a few read-only connections, a bounded number of questions at once, each with a
//! deadline, off the async threads. It holds no query, see `shared_state::Snapshot`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared_state::{InterruptHandle, Reader, ReaderError, Snapshot};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// Connections, and questions that run at once. More would only wait for the same disk and hold more memory.
const READERS_MAX: usize = 4;

/// A question that takes longer is a mistake of ours; it must not hold back the WAL's checkpoint.
pub const READ_LIMIT: Duration = Duration::from_secs(2);

/// How long a question waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(3);

/// Read-only access for requests.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Reader>>>,
    turns: Semaphore,
}

impl Store {
    /// Opens nothing yet: the file may not be there.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Arc::new(Mutex::new(Vec::new())),
            turns: Semaphore::new(READERS_MAX),
        }
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks within one short read transaction. A caller that goes away ends the read.
    pub async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Snapshot<'_>) -> Result<T, ReaderError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = tokio::time::timeout(TURN_LIMIT, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Problem::unavailable(
                "too many questions at once",
                "The dashboard answers others first. Try again in some seconds.",
            ));
        };
        let running = Arc::new(Running::default());
        let _stop = StopOnDrop(Arc::clone(&running));
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        tokio::task::spawn_blocking(move || {
            let reader = take(&idle, &path)?;
            running.begin(&reader);
            let result = reader.snapshot(READ_LIMIT, ask);
            running.end();
            let is_sound = !matches!(
                result,
                Err(ReaderError::Corrupt(_) | ReaderError::Sqlite(_))
            );
            if is_sound {
                lock(&idle).push(reader);
            }
            result
        })
        .await
        .map_err(|_| Problem::unavailable("the question failed", "This is a bug; see the log."))?
        .map_err(Problem::from)
    }
}

/// An idle connection to the present file, or a new one.
fn take(idle: &Mutex<Vec<Reader>>, path: &Path) -> Result<Reader, ReaderError> {
    loop {
        let Some(reader) = lock(idle).pop() else {
            return Reader::open(path);
        };
        if !reader.is_replaced() {
            return Ok(reader);
        }
    }
}

/// The read that is under way, so that it can be ended, and only that one: the connection is used again later.
#[derive(Default)]
struct Running(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    NotYet,
    Reading(InterruptHandle),
    /// Ended, or not wanted any more.
    Over,
}

impl Running {
    fn begin(&self, reader: &Reader) {
        let mut state = lock(&self.0);
        match *state {
            State::NotYet => *state = State::Reading(reader.interrupt_handle()),
            State::Reading(_) | State::Over => {}
        }
    }

    fn end(&self) {
        *lock(&self.0) = State::Over;
    }

    fn stop(&self) {
        let mut state = lock(&self.0);
        if let State::Reading(handle) = &*state {
            handle.interrupt();
        }
        *state = State::Over;
    }
}

struct StopOnDrop(Arc<Running>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A panic while the lock was held cannot leave these lists half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
