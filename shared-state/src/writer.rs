//! The handle through which the coordinator records. It never touches SQLite and never blocks its caller's thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;

use crate::health::WriterHealth;
use crate::job::{Job, Reply, instance_of, rows_of};
use crate::queue::Queue;
use crate::registry::{AgentRegistration, RegisteredInstance};
use crate::{Fact, TimeMs};

/// Why something was not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The content cannot be stored; sending it again cannot help.
    #[error("store this: {reason}")]
    Refused {
        /// What is wrong with it.
        reason: String,
    },
    /// Too much waits for the disk; it can be sent again later.
    #[error("queue this: too many rows wait for the database")]
    Full,
    /// The writer has ended or is ending.
    #[error("store this: the writer is closed")]
    Closed,
}

impl WriteError {
    /// Whether sending the same again later can succeed.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }
}

/// Bulk that found no room in time; it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("queue {rows} rows in time: they were dropped and counted")]
pub struct Dropped {
    /// How many.
    pub rows: usize,
}

/// Records facts; cheap to clone, shared by all tasks.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: Arc<Queue>,
    invocations: Arc<AtomicI64>,
    bulk_wait: Duration,
}

impl Writer {
    pub(crate) fn new(queue: Arc<Queue>, next_invocation_id: i64, bulk_wait: Duration) -> Self {
        Self {
            queue,
            invocations: Arc::new(AtomicI64::new(next_invocation_id)),
            bulk_wait,
        }
    }

    /// A number that no invocation of this file ever had.
    pub fn next_invocation_id(&self) -> i64 {
        self.invocations.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes the tables agree with agents.toml: adds and renames instances, marks those that are gone.
    pub async fn register_agents(
        &self,
        agents: Vec<AgentRegistration>,
        now_ms: TimeMs,
    ) -> Result<Vec<RegisteredInstance>, WriteError> {
        let rows = agents.len();
        self.ask(rows, |reply| Job::Register {
            agents,
            now_ms,
            reply: Some(reply),
        })
        .await
    }

    /// Records what must not be lost. Never blocks; only beyond a bound that a healthy disk never sees is it
    /// dropped, and then counted.
    pub fn record(&self, fact: Fact) {
        let (instance_id, rows) = (instance_of(&fact), rows_of(&fact));
        if self
            .queue
            .push_urgent(Job::Fact { fact, reply: None }, rows)
            .is_err()
        {
            self.queue.count_dropped(instance_id, rows);
        }
    }

    /// Records heartbeats or metrics: waits in turn for room, then counts them as dropped.
    pub async fn record_bulk(&self, fact: Fact) -> Result<(), Dropped> {
        let instance_id = instance_of(&fact);
        self.queue
            .push_bulk(fact, self.bulk_wait)
            .await
            .map_err(|rows| {
                self.queue.count_dropped(instance_id, rows);
                Dropped { rows }
            })
    }

    /// Records and returns when it is on disk. A retryable error means that nothing of it was stored.
    pub async fn commit(&self, fact: Fact) -> Result<(), WriteError> {
        let rows = rows_of(&fact);
        self.ask(rows, |reply| Job::Fact {
            fact,
            reply: Some(reply),
        })
        .await
    }

    /// How far the agent has come in what it pulls.
    pub async fn cursors(&self, agent_id: i64) -> Result<BTreeMap<String, Value>, WriteError> {
        self.ask(1, |reply| Job::Cursors {
            agent_id,
            reply: Some(reply),
        })
        .await
    }

    /// A reading of the writer's state; takes no lock for longer than it takes to copy it.
    pub fn health(&self) -> WriterHealth {
        self.queue.health()
    }

    async fn ask<T>(
        &self,
        rows: usize,
        job: impl FnOnce(Reply<T>) -> Job,
    ) -> Result<T, WriteError> {
        let (reply, answer) = oneshot::channel();
        self.queue.push_urgent(job(reply), rows)?;
        answer.await.unwrap_or(Err(WriteError::Closed))
    }
}
