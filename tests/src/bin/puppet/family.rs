//! Processes that the puppet leaves behind. They keep its pipes and its environment.
//! It does not wait for them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::signal::SigSet;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpgid, pause, setsid};

use crate::input::Ears;
use crate::output::{OUT, put_bytes};
use crate::report::append;

/// Forks a process that does `life` and never returns from it. This program has one thread, so that a plain fork
/// leaves the child whole.
pub(crate) fn fork_into(life: impl FnOnce() -> Result<()>) -> Result<Pid> {
    // SAFETY: no other thread exists in this process, as nothing in this program starts one.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let outcome = SigSet::all().thread_unblock().map_err(Into::into);
            let code = i32::from(outcome.and_then(|()| life()).is_err());
            // SAFETY: `_exit` is always sound; destructors of the parent's values must not run twice.
            unsafe { libc::_exit(code) }
        }
    }
}

/// A process of the same group that keeps the pipes.
pub(crate) fn leave_child(file: &Path) -> Result<()> {
    let child = fork_into(rest_for_ever)?;
    append(file, &format!("{child}\n"))
}

/// The same in a session, and so in a group, of its own.
pub(crate) fn leave_session(file: &Path) -> Result<()> {
    let child = fork_into(|| {
        setsid()?;
        rest_for_ever()
    })?;
    wait_for_its_group(child)?;
    append(file, &format!("{child}\n"))
}

/// A process in a session of its own that goes on as if it were the agent.
pub(crate) fn leave_session_beating(file: &Path) -> Result<()> {
    let child = fork_into(|| {
        setsid()?;
        for seq in 1_000_001_u64.. {
            let beat =
                format!("{{\"type\":\"heartbeat\",\"seq\":{seq},\"message\":\"left behind\"}}\n");
            if put_bytes(OUT, beat.as_bytes()).is_err() {
                break;
            }
            pause_for(Duration::from_millis(20))?;
        }
        rest_for_ever()
    })?;
    wait_for_its_group(child)?;
    append(file, &format!("{child}\n"))
}

/// Else this process could end, and its group with it, before the child has left.
fn wait_for_its_group(child: Pid) -> Result<()> {
    while getpgid(Some(child))? != child {
        pause_for(Duration::from_millis(1))?;
    }
    Ok(())
}

fn pause_for(time: Duration) -> Result<()> {
    Ears::new_deaf().listen(Some(Instant::now() + time))?;
    Ok(())
}

/// Processes without a parent, which whoever is the reaper has to reap.
pub(crate) fn leave_orphans(count: u32) -> Result<()> {
    for _ in 0..count {
        let parent = fork_into(|| fork_into(|| Ok(())).map(|_| ()))?;
        waitpid(parent, None)?;
    }
    Ok(())
}

fn rest_for_ever() -> Result<()> {
    loop {
        pause();
    }
}
