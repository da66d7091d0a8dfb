//! The figures, one file for each thing that is measured.

mod agent;
mod bridge;
mod heartbeats;
mod memory;
mod pages;
mod restarts;
mod traces;

pub(crate) use agent::sdk_agent;
pub(crate) use bridge::backfill;
pub(crate) use heartbeats::{heartbeat_latency, heartbeats_stored};
pub(crate) use memory::{idle_processor_time, memory_by_agents};
pub(crate) use pages::{live_updates, pages_of_a_large_database, pages_of_many_traces};
pub(crate) use restarts::restarts_and_starts;
pub(crate) use traces::runs_stored;

/// Makes an empty database with the schema.
fn make_database(path: &std::path::Path) -> anyhow::Result<()> {
    let identity = shared_state::Identity {
        host: "benchmark".into(),
        pid: 1,
        pid_start_ticks: 1,
        version: "0".into(),
        now_ms: 0,
    };
    let opened = shared_state::open_writer(path, identity, shared_state::WriterOptions::default())?;
    opened.thread.join(std::time::Duration::from_secs(10))?;
    Ok(())
}
