//! The database of a coordinator that begins: opened, and told what was before. Facts about agents come from elsewhere.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use coordinator_config::{Config, Settings};
use nix::unistd::Pid;
use shared_state::{Identity, OpenError, Opened, Retention, WriterOptions, open_writer};
use tracing::{info, warn};

use crate::clock::wall_ms;
use crate::handover::Handed;
use crate::own_events::{record_event, record_event_of};
use crate::{proc_stat, survivors};

/// How long a program that has taken over tries to open the database.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(300);
/// Between two tries, in milliseconds.
const TAKEOVER_REST_MS: u8 = 100;

fn identity() -> Identity {
    let host = nix::unistd::gethostname().unwrap_or_else(|_| OsString::from("unknown"));
    Identity {
        host: host.to_string_lossy().into_owned(),
        pid: Pid::this().as_raw(),
        pid_start_ticks: proc_stat::start_ticks(Pid::this()).unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION").into(),
        now_ms: wall_ms(),
    }
}

fn writer_options(config: &Config) -> WriterOptions {
    let (coordinator, kept) = (&config.coordinator, &config.coordinator.retention);
    WriterOptions {
        queue_rows_max: coordinator.queue_rows_max,
        group_commit: coordinator.group_commit,
        bulk_wait: coordinator.bulk_wait,
        synchronous_full: coordinator.synchronous == coordinator_config::Synchronous::Full,
        retention: Retention {
            heartbeats: kept.heartbeats,
            points: kept.points,
            minutes: kept.minutes,
            hours: kept.hours,
            events: kept.events,
            events_max: kept.events_max,
            invocations: kept.invocations,
            invocations_kept: kept.invocations_kept,
            alerts: kept.alerts,
            trace_runs: kept.trace_runs,
            database_bytes_max: kept.database_bytes_max,
        },
        ..WriterOptions::default()
    }
}

/// A program that takes over must not give up for a database that somebody else has locked for a while: all agents would
/// end with it.
pub(super) fn open_database(
    config: &Config,
    settings: &Settings,
    handed: Option<&Handed>,
) -> Result<Opened, OpenError> {
    let carried_on = handed.map(Handed::invocations);
    let deadline = Instant::now() + TAKEOVER_LIMIT;
    loop {
        let options = WriterOptions {
            carried_on: carried_on.clone(),
            ..writer_options(config)
        };
        match open_writer(&settings.database, identity(), options) {
            Err(OpenError::Sqlite { path, source })
                if handed.is_some() && Instant::now() < deadline =>
            {
                warn!("failed to open the database {path}, trying again: {source}");
                let _ = nix::poll::poll(&mut [], TAKEOVER_REST_MS); // a rest, nothing to wait for
            }
            other => return other,
        }
    }
}

pub(super) fn report_upgrade(opened: &Opened, from: &str) {
    let to = env!("CARGO_PKG_VERSION");
    info!("upgraded from version {from} to {to}; every agent runs on");
    let message = format!("from version {from} to {to}, pid {}", Pid::this());
    record_event(&opened.writer, 1, "coordinator_upgraded", message);
}

/// What the last coordinator left: its invocations are closed as lost already, their processes are ended now.
pub(super) fn report_lost(opened: &Opened, settings: &Settings) {
    for lost in &opened.lost {
        let (agent, pid) = (&lost.instance_name, lost.pid);
        warn!(
            agent,
            pid, "invocation lost: the last coordinator died while it was running"
        );
    }
    for survivor in survivors::end_survivors(&opened.lost_lately, &settings.database) {
        let (pid, invocation) = (survivor.pid.as_raw(), survivor.invocation_id);
        warn!(
            pid,
            invocation, "ended a process that the last coordinator left"
        );
        let message = format!("process {pid}, which the last coordinator left, was killed");
        record_event_of(&opened.writer, invocation, 2, "orphan_ended", message);
    }
    let message = format!("version {}, pid {}", env!("CARGO_PKG_VERSION"), Pid::this());
    record_event(&opened.writer, 1, "coordinator_started", message);
}
