//! The one thread that owns the read-write connection: takes a batch, writes it in one transaction, answers.
//! It decides nothing about content, see `apply`, and drops nothing by itself, see `queue`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use crate::TimeMs;
use crate::apply::{Applier, ApplyError};
use crate::maintenance::Maintenance;
use crate::open::WriterOptions;
use crate::queue::{Batch, Job, Queue, Taken, instance_of, rows_of};
use crate::registry;
use crate::writer::WriteError;

/// First and longest rest between two tries of a batch that the database does not take.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// The joinable end of the writer.
#[derive(Debug)]
pub struct WriterThread {
    queue: Arc<Queue>,
    handle: Option<std::thread::JoinHandle<()>>,
}

/// Why the writer did not end in order.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// The database did not take them in time.
    #[error("write the last {rows} rows in time")]
    Unwritten {
        /// How many.
        rows: usize,
    },
    /// The thread hangs in the file system.
    #[error("end the writer thread in time")]
    Hangs,
}

impl WriterThread {
    pub(crate) fn start(
        connection: Connection,
        applier: Applier,
        queue: Arc<Queue>,
        options: &WriterOptions,
    ) -> std::io::Result<Self> {
        let work = Work {
            maintenance: Maintenance::new(options.retention.clone(), Instant::now()),
            clock: options.clock,
            queue: Arc::clone(&queue),
            connection,
            applier,
        };
        let handle = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || {
                // Even a panic, which would be a bug, must not leave anybody waiting.
                let _end = EndOnDrop(Arc::clone(&work.queue));
                work.run();
            })?;
        Ok(Self {
            queue,
            handle: Some(handle),
        })
    }

    /// Admits nothing more, writes what is queued, ends the thread. Blocks for at most about `limit`.
    pub fn join(mut self, limit: Duration) -> Result<(), CloseError> {
        self.queue.close(Instant::now() + limit);
        // A batch that runs into the deadline still waits out SQLite's own busy timeout.
        let ended = self.queue.wait_ended(limit + Duration::from_secs(1));
        match ended {
            None => {
                self.handle.take();
                Err(CloseError::Hangs)
            }
            Some(rows) => {
                if let Some(handle) = self.handle.take() {
                    // It ended or is unwinding; what it could not write is in `rows`.
                    let _ = handle.join();
                }
                if rows == 0 {
                    Ok(())
                } else {
                    Err(CloseError::Unwritten { rows })
                }
            }
        }
    }
}

struct EndOnDrop(Arc<Queue>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end(None);
    }
}

struct Work {
    connection: Connection,
    applier: Applier,
    queue: Arc<Queue>,
    maintenance: Maintenance,
    clock: fn() -> TimeMs,
}

impl Work {
    fn run(mut self) {
        loop {
            match self.queue.take(self.maintenance.next_step()) {
                Taken::Batch(batch) => {
                    if let Err(left) = self.write(batch) {
                        self.queue.end(Some(&left));
                        return;
                    }
                    let now_ms = (self.clock)();
                    self.maintenance.share_time_with_batches(
                        &self.connection,
                        &mut self.applier,
                        now_ms,
                    );
                }
                Taken::Idle => {
                    let now_ms = (self.clock)();
                    self.maintenance
                        .run_while(&self.connection, &mut self.applier, now_ms, || {
                            !self.queue.has_work()
                        });
                }
                Taken::Closed => break,
            }
        }
        self.write_dropped();
        let Self { connection, .. } = self;
        if let Err((_, error)) = connection.close() {
            tracing::warn!(%error, "closing the database failed; the next start replays its WAL");
        }
    }

    /// The counters of what was dropped after the last batch.
    fn write_dropped(&mut self) {
        let dropped = self.queue.take_dropped();
        let now_ms = (self.clock)();
        if !dropped.is_empty()
            && let Err(error) = self
                .applier
                .count_dropped(&self.connection, &dropped, now_ms)
        {
            tracing::warn!(%error, ?dropped, "the last drops could not be counted");
        }
    }

    /// Writes until it is on disk; gives the batch back only when the writer closes and time is over.
    fn write(&mut self, mut batch: Batch) -> Result<(), Batch> {
        let mut rest = RETRY.0;
        let mut one_by_one = false;
        loop {
            let error = match self.transact(&mut batch, one_by_one) {
                Ok(replies) => {
                    self.queue.committed(batch.rows, batch.bulk_rows);
                    replies.into_iter().for_each(|reply| reply());
                    return Ok(());
                }
                Err(error) => error,
            };
            self.roll_back();
            let outside = match &error {
                ApplyError::Sqlite(error) => is_outside(error),
                ApplyError::Refused(_) => false,
            };
            if !outside && !one_by_one {
                // A row is at fault: find it, and store the others.
                one_by_one = true;
                continue;
            }
            let reason = error.to_string();
            tracing::warn!(
                reason,
                rows = batch.rows,
                "the database does not take a batch; it is kept and tried again"
            );
            self.queue.failing(Some(reason));
            if !self.queue.rest(rest) {
                return Err(batch);
            }
            rest = (rest * 2).min(RETRY.1);
        }
    }

    fn roll_back(&mut self) {
        self.applier.forget_uncommitted(&self.connection);
        // Some failures (a full disk) have rolled back already.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "rolling back failed");
        }
    }

    /// One transaction. The answers are returned, to be given only after the commit.
    fn transact(&mut self, batch: &mut Batch, one_by_one: bool) -> Result<Vec<Answer>, ApplyError> {
        let dropped = self.queue.take_dropped();
        let result = self.transact_with(batch, &dropped, one_by_one);
        match result {
            Ok(outcomes) => Ok(outcomes
                .into_iter()
                .zip(&mut batch.jobs)
                .map(|(outcome, job)| outcome.into_answer(job))
                .collect()),
            Err(error) => {
                self.queue.give_back_dropped(&dropped);
                Err(error)
            }
        }
    }

    fn transact_with(
        &mut self,
        batch: &Batch,
        dropped: &std::collections::BTreeMap<i64, u64>,
        one_by_one: bool,
    ) -> Result<Vec<Outcome>, ApplyError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let now_ms = (self.clock)();
        let mut outcomes = Vec::with_capacity(batch.jobs.len());
        for job in &batch.jobs {
            outcomes.push(if one_by_one {
                self.apply_alone(job, now_ms)?
            } else {
                self.apply(job)?
            });
        }
        self.applier.finish_batch(&self.connection)?;
        if !dropped.is_empty() {
            self.applier
                .count_dropped(&self.connection, dropped, now_ms)?;
        }
        self.connection.execute_batch("COMMIT")?;
        self.applier.committed();
        Ok(outcomes)
    }

    fn apply(&mut self, job: &Job) -> Result<Outcome, ApplyError> {
        Ok(match job {
            Job::Fact { fact, .. } => {
                self.applier.apply(&self.connection, fact)?;
                Outcome::Stored
            }
            Job::Register { agents, now_ms, .. } => {
                Outcome::Registered(registry::register(&self.connection, agents, *now_ms)?)
            }
            Job::Cursors { agent_id, .. } => {
                Outcome::Cursors(registry::cursors(&self.connection, *agent_id)?)
            }
        })
    }

    /// Applies a job behind a savepoint: if it cannot be stored it is counted, and the others are kept.
    fn apply_alone(&mut self, job: &Job, now_ms: TimeMs) -> Result<Outcome, ApplyError> {
        self.connection.execute_batch("SAVEPOINT alone")?;
        let applied = self.apply(job).and_then(|outcome| {
            self.applier.finish_batch(&self.connection)?;
            Ok(outcome)
        });
        let error = match applied {
            Ok(outcome) => {
                self.connection.execute_batch("RELEASE alone")?;
                return Ok(outcome);
            }
            Err(ApplyError::Sqlite(error)) if is_outside(&error) => return Err(error.into()),
            Err(error) => error,
        };
        self.connection
            .execute_batch("ROLLBACK TO alone; RELEASE alone")?;
        self.applier.forget_uncommitted(&self.connection);
        let reason = error.to_string();
        let (instance_id, rows) = match job {
            Job::Fact { fact, .. } => (instance_of(fact), rows_of(fact)),
            Job::Register { .. } | Job::Cursors { .. } => (0, 1),
        };
        tracing::warn!(
            reason,
            instance_id,
            rows,
            "a row cannot be stored; it is counted and left out"
        );
        self.applier
            .count_refused(&self.connection, instance_id, rows, now_ms)?;
        Ok(Outcome::Refused(reason))
    }
}

type Answer = Box<dyn FnOnce()>;

enum Outcome {
    Stored,
    Registered(Vec<registry::RegisteredInstance>),
    Cursors(registry::Cursors),
    Refused(String),
}

impl Outcome {
    fn into_answer(self, job: &mut Job) -> Answer {
        let refused = |reason: String| WriteError::Refused { reason };
        // A receiver that is gone no longer wants to know.
        match (job, self) {
            (Job::Fact { reply, .. }, outcome) => {
                let Some(reply) = reply.take() else {
                    return Box::new(|| {});
                };
                let result = if let Self::Refused(reason) = outcome {
                    Err(refused(reason))
                } else {
                    Ok(())
                };
                Box::new(move || drop(reply.send(result)))
            }
            (Job::Register { reply, .. }, outcome) => {
                let reply = reply.take();
                Box::new(move || {
                    let result = match outcome {
                        Self::Registered(instances) => Ok(instances),
                        Self::Refused(reason) => Err(refused(reason)),
                        _ => Err(WriteError::Closed),
                    };
                    drop(reply.map(|reply| reply.send(result)));
                })
            }
            (Job::Cursors { reply, .. }, outcome) => {
                let reply = reply.take();
                Box::new(move || {
                    let result = match outcome {
                        Self::Cursors(cursors) => Ok(cursors),
                        Self::Refused(reason) => Err(refused(reason)),
                        _ => Err(WriteError::Closed),
                    };
                    drop(reply.map(|reply| reply.send(result)));
                })
            }
        }
    }
}

/// Whether the cause lies outside the row: trying again later can help, leaving the row out cannot.
fn is_outside(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OperationInterrupted
                | ErrorCode::SchemaChanged
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
        )
    )
}
