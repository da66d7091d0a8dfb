//! What the writer thread is asked to do, and how much room it takes while it waits.
//! It does nothing itself.

use tokio::sync::oneshot;

use crate::registry::{Cursors, RegisteredInstance};
use crate::writer::WriteError;
use crate::{AgentRegistration, Fact, TimeMs};

/// One unit of memory in the queue: rows count one for each started 512 bytes, so that long messages are bounded too.
const BYTES_PER_ROW: usize = 512;

/// An answer to whoever waits for a job.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, WriteError>>;

/// Something for the writer thread to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Record it; the reply comes after the commit.
    Fact {
        fact: Fact,
        reply: Option<Reply<()>>,
    },
    /// Make agents.toml and the tables agree.
    Register {
        agents: Vec<AgentRegistration>,
        now_ms: TimeMs,
        reply: Option<Reply<Vec<RegisteredInstance>>>,
    },
    /// Read the cursors of an agent.
    Cursors {
        agent_id: i64,
        reply: Option<Reply<Cursors>>,
    },
}

/// How much of the queue's room a fact takes.
pub(crate) fn rows_of(fact: &Fact) -> usize {
    let rows = |count: usize, bytes: usize| count.max(1) + bytes / BYTES_PER_ROW;
    match fact {
        Fact::Heartbeats(batch) => {
            let bytes = batch
                .rows
                .iter()
                .map(|row| row.message.len() + row.metrics.len() * 32)
                .sum();
            rows(batch.rows.len(), bytes)
        }
        Fact::Metrics(row) => rows(row.metrics.len(), 0),
        Fact::Records(batch) => {
            // Four for an ordinary row; beyond that its contents count by what they take.
            let bytes = batch.rows.iter().map(|row| row.get().len());
            let beyond = bytes.map(|bytes| bytes.saturating_sub(4 * BYTES_PER_ROW));
            rows(batch.rows.len() * 4, beyond.sum())
        }
        Fact::Event(event) => rows(1, event.message.len()),
        _ => 1,
    }
}

/// How many rows a fact has, for counters that people read.
pub(crate) fn count_rows(fact: &Fact) -> usize {
    match fact {
        Fact::Heartbeats(batch) => batch.rows.len(),
        Fact::Records(batch) => batch.rows.len(),
        _ => 1,
    }
}

/// Whose fact it is, for the counter of drops.
pub(crate) fn instance_of(fact: &Fact) -> i64 {
    match fact {
        Fact::InstanceChanged(change) => change.instance_id,
        Fact::InvocationStarted(start) => start.instance_id,
        Fact::Heartbeats(batch) => batch.instance_id,
        Fact::Metrics(row) => row.instance_id,
        Fact::Event(event) => event.instance_id.unwrap_or(0),
        Fact::Alert(alert) => alert.instance_id,
        Fact::Put(put) => put.instance_id,
        Fact::Records(batch) => batch.instance_id,
        Fact::Counted { instance_id, .. } => *instance_id,
        Fact::InvocationReady { .. }
        | Fact::InvocationEnded(_)
        | Fact::Delete { .. }
        | Fact::Alive { .. }
        | Fact::IncarnationEnded { .. } => 0,
    }
}
