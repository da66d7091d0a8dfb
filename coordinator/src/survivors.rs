//! Ends what a dead coordinator left alive on this database. It touches only processes that it can prove to be such.
//!
//! Agents die with their coordinator by the parent-death signal; what they had started themselves may not. A process
//! is proved by its pid and start time as recorded, or by this database and an invocation in its environment: while nothing has
//! been started yet, every such process is of an earlier coordinator, also where its row was never committed or has its end.

use std::collections::HashSet;
use std::path::Path;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use shared_state::LostInvocation;

use crate::proc_stat;

/// What is about to fork while it is looked for is found by the next look.
const LOOKS_MAX: usize = 20;
/// From a kill to the next look.
const LOOK_EVERY_MS: u8 = 5;

/// A process that was ended, and of which invocation it was, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Survivor {
    pub(crate) pid: Pid,
    pub(crate) invocation_id: Option<i64>,
}

/// Kills all that earlier coordinators left. Nothing may have been started yet.
pub(crate) fn end_survivors(lost: &[LostInvocation], database: &Path) -> Vec<Survivor> {
    let mut ended = Vec::new();
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
                invocation_id: Some(invocation.invocation_id),
            });
        }
    }
    let known: HashSet<i64> = lost
        .iter()
        .map(|invocation| invocation.invocation_id)
        .collect();
    // Whoever starts a coordinator from within an agent does not want to be killed by it.
    let spared = proc_stat::own_ancestors();
    for _ in 0..LOOKS_MAX {
        let mut found = processes_of(database);
        found.retain(|(pid, _)| !spared.contains(pid));
        if found.is_empty() {
            break;
        }
        for (pid, invocation_id) in found {
            let _ = kill(pid, Signal::SIGKILL);
            if ended.iter().all(|survivor: &Survivor| survivor.pid != pid) {
                // An id that was never committed is given again, to another invocation.
                let invocation_id = known.contains(&invocation_id).then_some(invocation_id);
                ended.push(Survivor { pid, invocation_id });
            }
        }
        let _ = nix::poll::poll(&mut [], LOOK_EVERY_MS); // nothing to wait for
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

/// Living processes whose environment names an invocation and this database.
fn processes_of(database: &Path) -> Vec<(Pid, i64)> {
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
            let id = std::str::from_utf8(value(b"AGENT_INVOCATION")?).ok()?;
            let is_here = value(b"SHARED_STATE_SQLITE")? == database.as_os_str().as_encoded_bytes();
            Some((Pid::from_raw(pid), id.parse().ok()?)).filter(|_| is_here)
        })
        .collect()
}
