//! Takes the pid of a process that was reaped and tells which signals come to it by mistake.
//! Only for a pid namespace of its own: elsewhere it would race with every other fork of the machine.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpid, setsid};

use crate::family::fork_into;
use crate::input::Ears;
use crate::report::append;

/// A fork elsewhere in the namespace may take the pid first; then the next try finds it free again.
const TRIES_MAX: u32 = 200;

/// Waits until the process named in `pid_file` is reaped, then forks a process with that pid.
pub(crate) fn squat(pid_file: &Path, out: &Path) -> Result<()> {
    let wanted = read_pid(pid_file)?;
    while kill(wanted, None) != Err(Errno::ESRCH) {
        pause_briefly()?;
    }
    for _ in 0..TRIES_MAX {
        let last = (wanted.as_raw() - 1).to_string();
        fs::write("/proc/sys/kernel/ns_last_pid", last).context("set the next pid")?;
        let child = fork_into(|| {
            if getpid() == wanted {
                watch_signals(out)
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

fn read_pid(file: &Path) -> Result<Pid> {
    let text = fs::read_to_string(file)?;
    let word = text
        .split_whitespace()
        .next()
        .context("the file begins with a pid")?;
    Ok(Pid::from_raw(word.parse()?))
}

/// Appends whether a process lives; a zombie does not.
pub(crate) fn tell_whether_alive(pid_file: &Path, out: &Path) -> Result<()> {
    let stat =
        fs::read_to_string(format!("/proc/{}/stat", read_pid(pid_file)?)).unwrap_or_default();
    let is_alive = stat
        .rsplit_once(") ")
        .is_some_and(|(_, state)| !state.starts_with('Z'));
    append(out, if is_alive { "alive\n" } else { "gone\n" })
}

/// Leads a group with the old pid for ever. Every signal that can be caught is a line of `out`.
fn watch_signals(out: &Path) -> Result<()> {
    let mut set = SigSet::all();
    set.remove(Signal::SIGCHLD);
    set.thread_block()?;
    let signals = SignalFd::new(&set)?;
    setsid()?;
    append(out, "squatting\n")?;
    loop {
        if let Some(signal) = signals.read_signal()? {
            let (number, sender) = (signal.ssi_signo, signal.ssi_pid);
            append(out, &format!("signal {number} from {sender}\n"))?;
        }
    }
}

fn pause_briefly() -> Result<()> {
    Ears::new_deaf().listen(Some(Instant::now() + Duration::from_millis(2)))?;
    Ok(())
}
