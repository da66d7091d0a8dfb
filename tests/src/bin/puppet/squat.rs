//! Takes the pid of a process that was reaped and tells which signals come to it by mistake.
//! Only for a pid namespace of its own: elsewhere it would race with every other fork of the machine.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpid, getppid, setsid};

use crate::family::fork_into;
use crate::input::Ears;
use crate::report::append;

/// A fork elsewhere in the namespace may take the pid first; then the next try finds it free again.
const TRIES_MAX: u32 = 200;

/// Waits until the process named in `pid_file` is reaped, then forks a process with that pid.
pub(crate) fn squat(pid_file: &Path, out: &Path) -> Result<()> {
    let text = fs::read_to_string(pid_file)?;
    let wanted = text
        .split_whitespace()
        .next()
        .context("the file begins with a pid")?;
    let wanted = Pid::from_raw(wanted.parse()?);
    while kill(wanted, None) != Err(Errno::ESRCH) {
        pause_briefly()?;
    }
    for _ in 0..TRIES_MAX {
        let last = (wanted.as_raw() - 1).to_string();
        fs::write("/proc/sys/kernel/ns_last_pid", last).context("set the next pid")?;
        let parent = getpid();
        let child = fork_into(|| {
            if getpid() == wanted {
                watch_signals(parent, out)
            } else {
                Ok(())
            }
        })?;
        if child == wanted {
            return Ok(());
        }
        waitpid(child, None)?;
    }
    ensure!(false, "get the pid {wanted} within {TRIES_MAX} forks");
    Ok(())
}

/// Leads a group with the old pid until its parent is gone. Every signal that can be caught is a line of `out`; one
/// that cannot be caught is seen by the missing last line, `survived`.
fn watch_signals(parent: Pid, out: &Path) -> Result<()> {
    let mut set = SigSet::all();
    set.remove(Signal::SIGCHLD);
    set.thread_block()?;
    let signals = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK)?;
    setsid()?;
    append(out, "squatting\n")?;
    while getppid() == parent {
        while let Some(signal) = signals.read_signal()? {
            append(
                out,
                &format!("signal {} from {}\n", signal.ssi_signo, signal.ssi_pid),
            )?;
        }
        pause_briefly()?;
    }
    append(out, "survived\n")
}

fn pause_briefly() -> Result<()> {
    Ears::new_deaf().listen(Some(Instant::now() + Duration::from_millis(2)))?;
    Ok(())
}
