//! Ends what a dead coordinator left alive on this database. It touches only processes that it can prove to be such.
//!
//! Agents die with their coordinator by the parent-death signal; what they had started themselves may not. A process
//! is proved by its pid and start time as recorded, or by the invocation and database in its environment.

use std::collections::HashSet;
use std::path::Path;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use shared_state::LostInvocation;

use crate::proc_stat;

/// A process that was ended, and of which invocation it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Survivor {
    pub(crate) pid: Pid,
    pub(crate) invocation_id: i64,
}

/// Kills all survivors of these invocations.
pub(crate) fn end_survivors(lost: &[LostInvocation], database: &Path) -> Vec<Survivor> {
    let mut ended = Vec::new();
    if lost.is_empty() {
        return ended;
    }
    for invocation in lost {
        let (Some(pid), Some(ticks)) = (invocation.pid, invocation.pid_start_ticks) else {
            continue;
        };
        let pid = Pid::from_raw(pid);
        if proc_stat::start_ticks(pid) == Some(ticks) && may_be(pid, invocation.invocation_id) {
            // It leads its group, so the group is its own as long as it lives.
            let _ = killpg(pid, Signal::SIGKILL);
            ended.push(Survivor {
                pid,
                invocation_id: invocation.invocation_id,
            });
        }
    }
    let ids: HashSet<i64> = lost
        .iter()
        .map(|invocation| invocation.invocation_id)
        .collect();
    for (pid, invocation_id) in processes_of(&ids, database) {
        let _ = kill(pid, Signal::SIGKILL);
        if ended.iter().all(|survivor| survivor.pid != pid) {
            ended.push(Survivor { pid, invocation_id });
        }
    }
    ended
}

/// After a restart of the machine another process may have the same pid and start time. Its environment tells, unless it is
/// not to be read or the process has overwritten it.
fn may_be(pid: Pid, invocation_id: i64) -> bool {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let is_whole = environment
        .split(|byte| *byte == 0)
        .any(|variable| variable.contains(&b'='));
    !is_whole
        || value_in(&environment, b"AGENT_INVOCATION") == Some(invocation_id.to_string().as_bytes())
}

fn value_in<'a>(environment: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(name)?.strip_prefix(b"="))
}

/// Processes whose environment names one of the invocations and this database.
fn processes_of(ids: &HashSet<i64>, database: &Path) -> Vec<(Pid, i64)> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            // Not ours to read: then it is none of ours either.
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            let value = |name| value_in(&environment, name);
            let id: i64 = std::str::from_utf8(value(b"AGENT_INVOCATION")?)
                .ok()?
                .parse()
                .ok()?;
            let is_here = value(b"SHARED_STATE_SQLITE")? == database.as_os_str().as_encoded_bytes();
            (ids.contains(&id) && is_here && pid != Pid::this().as_raw())
                .then_some((Pid::from_raw(pid), id))
        })
        .collect()
}
