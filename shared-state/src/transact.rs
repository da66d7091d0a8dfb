//! Writes a batch in one transaction, and finds the row at fault when one cannot be stored.
//! It neither waits nor retries, see `thread`.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode};

use crate::answer::{Answer, Outcome};
use crate::apply::{Applier, ApplyError};
use crate::job::{Job, count_rows, instance_of};
use crate::queue::{Batch, Queue};
use crate::{Fact, HeartbeatBatch, TimeMs, registry};

/// The connection and what is remembered of the file.
pub(crate) struct Transactor {
    pub(crate) connection: Connection,
    pub(crate) applier: Applier,
    pub(crate) queue: Arc<Queue>,
    pub(crate) clock: fn() -> TimeMs,
}

impl Transactor {
    /// One transaction, rolled back if it fails. The answers are returned, to be given after the commit.
    /// `one_by_one`: each job behind a savepoint of its own, so that the one at fault is left out.
    pub(crate) fn write(
        &mut self,
        batch: &mut Batch,
        one_by_one: bool,
    ) -> Result<Vec<Answer>, ApplyError> {
        let dropped = self.queue.take_dropped();
        match self.transact(batch, &dropped, one_by_one) {
            Ok(outcomes) => {
                let jobs = batch.jobs.iter_mut();
                Ok(outcomes
                    .into_iter()
                    .zip(jobs)
                    .map(|(outcome, job)| outcome.into_answer(job))
                    .collect())
            }
            Err(error) => {
                self.queue.give_back_dropped(&dropped);
                self.roll_back();
                Err(error)
            }
        }
    }

    fn transact(
        &mut self,
        batch: &Batch,
        dropped: &BTreeMap<i64, u64>,
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
        self.applier
            .count_dropped(&self.connection, dropped, now_ms)?;
        self.connection.execute_batch("COMMIT")?;
        Ok(outcomes)
    }

    fn roll_back(&mut self) {
        // Some failures (a full disk) have rolled back already.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "rolling back failed");
        }
        self.applier.forget_uncommitted(&self.connection);
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

    fn apply_alone(&mut self, job: &Job, now_ms: TimeMs) -> Result<Outcome, ApplyError> {
        match self.try_alone(job)? {
            Outcome::Refused(reason) => match job {
                Job::Fact {
                    fact: Fact::Heartbeats(batch),
                    ..
                } if batch.rows.len() > 1 => self.apply_each_heartbeat(batch, now_ms),
                Job::Fact { fact, .. } => {
                    self.refuse(reason, instance_of(fact), count_rows(fact), now_ms)
                }
                Job::Register { .. } | Job::Cursors { .. } => Ok(Outcome::Refused(reason)),
            },
            outcome => Ok(outcome),
        }
    }

    fn apply_each_heartbeat(
        &mut self,
        batch: &HeartbeatBatch,
        now_ms: TimeMs,
    ) -> Result<Outcome, ApplyError> {
        for row in &batch.rows {
            let alone = HeartbeatBatch {
                rows: vec![row.clone()],
                ..*batch
            };
            if let Outcome::Refused(reason) = self.try_alone(&Job::Fact {
                fact: Fact::Heartbeats(alone),
                reply: None,
            })? {
                self.refuse(reason, batch.instance_id, 1, now_ms)?;
            }
        }
        Ok(Outcome::Stored)
    }

    fn refuse(
        &self,
        reason: String,
        instance_id: i64,
        rows: usize,
        now_ms: TimeMs,
    ) -> Result<Outcome, ApplyError> {
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

    /// Applies a job behind a savepoint: of one that cannot be stored nothing is left.
    fn try_alone(&mut self, job: &Job) -> Result<Outcome, ApplyError> {
        self.connection.execute_batch("SAVEPOINT alone")?;
        let applied = self.apply(job).and_then(|outcome| {
            self.applier.finish_batch(&self.connection)?;
            Ok(outcome)
        });
        match applied {
            Ok(outcome) => {
                self.connection.execute_batch("RELEASE alone")?;
                Ok(outcome)
            }
            Err(error) if error.is_outside() => Err(error),
            Err(error) => {
                self.connection
                    .execute_batch("ROLLBACK TO alone; RELEASE alone")?;
                self.applier.forget_uncommitted(&self.connection);
                Ok(Outcome::Refused(error.to_string()))
            }
        }
    }
}

impl ApplyError {
    /// Whether the cause lies outside the row: trying again later can help, leaving the row out cannot.
    pub(crate) fn is_outside(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return false;
        };
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
}
