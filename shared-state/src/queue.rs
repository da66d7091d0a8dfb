//! The bounded queue before the writer thread, in two classes: what must not be lost, and bulk that may be.
//! It knows nothing of SQL and never touches the file.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::Fact;
use crate::health::WriterHealth;
use crate::job::{Job, rows_of};
use crate::writer::WriteError;

/// A job of so many rows is worth a transaction of its own, so whoever waits for it does not wait for others too.
const LARGE_JOB_ROWS: usize = 128;

/// What is written in one transaction.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) jobs: Vec<Job>,
    /// Room that the bulk rows of this batch occupy until they are committed.
    pub(crate) bulk_rows: usize,
    pub(crate) rows: usize,
}

/// What the thread finds when it looks.
#[derive(Debug)]
pub(crate) enum Taken {
    Batch(Batch),
    Idle,
    Closed,
}

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) bulk_rows_max: usize,
    pub(crate) urgent_rows_max: usize,
    pub(crate) batch_rows_max: usize,
    pub(crate) group_commit: Duration,
}

#[derive(Debug)]
struct State {
    urgent: VecDeque<(Job, usize)>,
    bulk: VecDeque<(Fact, usize)>,
    urgent_rows: usize,
    bulk_rows: usize,
    /// Jobs of `LARGE_JOB_ROWS` and more among the urgent ones.
    large_jobs: usize,
    /// The writer sleeps and must be woken by the next job.
    asleep: bool,
    /// Set once: until when what is queued may still be written.
    closing: Option<Instant>,
    ended: bool,
    /// Not yet in the counters table.
    dropped: BTreeMap<i64, u64>,
    health: WriterHealth,
}

/// The queue and the writer's health, shared by the handles and the thread.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    ended: Condvar,
    room: Semaphore,
    pub(crate) bounds: Bounds,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let bulk_rows_max = bounds
            .bulk_rows_max
            .clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let bounds = Bounds {
            bulk_rows_max,
            ..bounds
        };
        let health = WriterHealth {
            queue_rows: 0,
            queue_rows_max: bulk_rows_max,
            last_commit: Instant::now(),
            writing_since: None,
            failing: None,
            committed_rows: 0,
            dropped_rows: 0,
        };
        let state = State {
            urgent: VecDeque::new(),
            bulk: VecDeque::new(),
            urgent_rows: 0,
            bulk_rows: 0,
            large_jobs: 0,
            asleep: false,
            closing: None,
            ended: false,
            dropped: BTreeMap::new(),
            health,
        };
        Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
            ended: Condvar::new(),
            room: Semaphore::new(bulk_rows_max),
            bounds,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock, and a count is still a count if it did.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Adds what must not be lost. Beyond the bound it is refused.
    pub(crate) fn push_urgent(&self, job: Job, rows: usize) -> Result<(), WriteError> {
        let mut state = self.lock();
        if state.closing.is_some() || state.ended {
            return Err(WriteError::Closed);
        }
        if state.urgent_rows + rows > self.bounds.urgent_rows_max {
            return Err(WriteError::Full);
        }
        state.urgent_rows += rows;
        state.large_jobs += usize::from(rows >= LARGE_JOB_ROWS);
        state.urgent.push_back((job, rows));
        self.wake_for(&mut state);
        Ok(())
    }

    /// Waits in order for room, by rows, and adds a fact that may be dropped; `Err` gives back the rows dropped.
    pub(crate) async fn push_bulk(&self, fact: Fact, wait: Duration) -> Result<(), usize> {
        let rows = rows_of(&fact).min(self.bounds.bulk_rows_max);
        let permits = u32::try_from(rows).unwrap_or(u32::MAX);
        let room = match self.room.try_acquire_many(permits) {
            Ok(room) => room,
            Err(_) => match tokio::time::timeout(wait, self.room.acquire_many(permits)).await {
                Ok(Ok(room)) => room,
                _ => return Err(rows),
            },
        };
        let mut state = self.lock();
        if state.closing.is_some() || state.ended {
            return Err(rows);
        }
        // The room is given back when the rows are on disk, see `committed`.
        room.forget();
        state.bulk_rows += rows;
        state.bulk.push_back((fact, rows));
        self.wake_for(&mut state);
        Ok(())
    }

    fn wake_for(&self, state: &mut State) {
        if state.asleep || self.is_worth_a_transaction(state) {
            state.asleep = false;
            self.wake.notify_one();
        }
    }

    /// Whether what waits is written without gathering more.
    fn is_worth_a_transaction(&self, state: &State) -> bool {
        state.large_jobs > 0 || state.urgent_rows + state.bulk_rows >= self.bounds.batch_rows_max
    }

    /// Waits for work until `idle_until`; work gathers for the group-commit time or until a batch is full.
    pub(crate) fn take(&self, idle_until: Instant) -> Taken {
        let mut state = self.lock();
        while state.urgent.is_empty() && state.bulk.is_empty() {
            if state.closing.is_some() {
                return Taken::Closed;
            }
            let Some(left) = idle_until
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            else {
                return Taken::Idle;
            };
            state.asleep = true;
            state = self.wait(state, left);
            state.asleep = false;
        }
        let until = Instant::now() + self.bounds.group_commit;
        while !self.is_worth_a_transaction(&state) && state.closing.is_none() {
            let Some(left) = until
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            else {
                break;
            };
            state = self.wait(state, left);
        }
        state.health.writing_since = Some(Instant::now());
        Taken::Batch(self.cut(&mut state))
    }

    fn cut(&self, state: &mut State) -> Batch {
        let mut batch = Batch::default();
        // A share is kept for bulk, so that a flood of events cannot starve heartbeats.
        let urgent_share = if state.bulk.is_empty() {
            self.bounds.batch_rows_max
        } else {
            self.bounds.batch_rows_max / 2
        };
        while batch.rows < urgent_share {
            let Some((job, rows)) = state.urgent.pop_front() else {
                break;
            };
            state.urgent_rows -= rows;
            state.large_jobs -= usize::from(rows >= LARGE_JOB_ROWS);
            batch.rows += rows;
            batch.jobs.push(job);
        }
        while batch.rows < self.bounds.batch_rows_max {
            let Some((fact, rows)) = state.bulk.pop_front() else {
                break;
            };
            state.bulk_rows -= rows;
            batch.bulk_rows += rows;
            batch.rows += rows;
            batch.jobs.push(Job::Fact { fact, reply: None });
        }
        batch
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        self.wake
            .wait_timeout(state, limit)
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .0
    }

    /// Rests before the next try of a batch; false once the time to close is over.
    pub(crate) fn rest(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.closing.is_some_and(|deadline| now >= deadline) {
                return false;
            }
            let until = state.closing.map_or(until, |deadline| until.min(deadline));
            let Some(left) = until
                .checked_duration_since(now)
                .filter(|left| !left.is_zero())
            else {
                return true;
            };
            state = self.wait(state, left);
        }
    }

    /// Whether anything waits.
    pub(crate) fn has_work(&self) -> bool {
        let state = self.lock();
        !state.urgent.is_empty() || !state.bulk.is_empty() || state.closing.is_some()
    }

    pub(crate) fn committed(&self, batch_rows: usize, bulk_rows: usize) {
        let mut state = self.lock();
        state.health.committed_rows += batch_rows as u64;
        state.health.last_commit = Instant::now();
        state.health.writing_since = None;
        state.health.failing = None;
        drop(state);
        self.room.add_permits(bulk_rows);
    }

    pub(crate) fn failing(&self, reason: Option<String>) {
        self.lock().health.failing = reason;
    }

    /// Counts rows that are lost; the counters table learns of them with the next commit.
    pub(crate) fn count_dropped(&self, instance_id: i64, rows: usize) {
        let mut state = self.lock();
        state.health.dropped_rows += rows as u64;
        *state.dropped.entry(instance_id).or_default() += rows as u64;
    }

    /// Takes the drops that the counters table does not know yet.
    pub(crate) fn take_dropped(&self) -> BTreeMap<i64, u64> {
        std::mem::take(&mut self.lock().dropped)
    }

    /// Gives back drops whose transaction failed.
    pub(crate) fn give_back_dropped(&self, dropped: &BTreeMap<i64, u64>) {
        let mut state = self.lock();
        for (instance_id, rows) in dropped {
            *state.dropped.entry(*instance_id).or_default() += rows;
        }
    }

    pub(crate) fn health(&self) -> WriterHealth {
        let state = self.lock();
        let mut health = state.health.clone();
        // Rows of the batch at work are waiting, too: they are not on disk.
        let at_work = self
            .bounds
            .bulk_rows_max
            .saturating_sub(self.room.available_permits());
        health.queue_rows = state.urgent_rows + at_work.max(state.bulk_rows);
        health
    }

    /// Admits nothing more; what is queued is written until `deadline`.
    pub(crate) fn close(&self, deadline: Instant) {
        let mut state = self.lock();
        state.closing.get_or_insert(deadline);
        state.asleep = false;
        drop(state);
        self.room.close();
        self.wake.notify_all();
    }

    /// Called by the thread as its last act; the first call counts.
    pub(crate) fn end(&self, batch: Option<&Batch>) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        let left = state.urgent_rows + state.bulk_rows + batch.map_or(0, |batch| batch.rows);
        state.health.dropped_rows += left as u64;
        state.health.queue_rows = left;
        state.health.writing_since = None;
        // Dropping the jobs drops their replies: whoever waits learns that it was not stored.
        state.urgent.clear();
        state.bulk.clear();
        (state.urgent_rows, state.bulk_rows, state.ended) = (left, 0, true);
        drop(state);
        self.room.close();
        self.ended.notify_all();
    }

    /// Waits for the thread's end; the rows that it could not write, or `None` when time is over.
    pub(crate) fn wait_ended(&self, limit: Duration) -> Option<usize> {
        let until = Instant::now() + limit;
        let mut state = self.lock();
        while !state.ended {
            let left = until
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())?;
            state = self
                .ended
                .wait_timeout(state, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
        Some(state.urgent_rows)
    }
}
