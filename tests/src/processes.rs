//! The second witness: `/proc`. Finds the processes of one test by its folder in their environment.
//! It signals nothing by name.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// What `/proc/PID/stat` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    /// The process.
    pub pid: i32,
    /// Of the program's file.
    pub name: String,
    /// R, S, D, T, Z …
    pub state: char,
    /// Its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Time on a processor, in the kernel and outside.
    pub cpu: Duration,
    /// Tells a reused pid from the old one.
    pub start_ticks: u64,
}

/// A living or dead-but-unreaped process; `None` once it is reaped.
pub fn stat(pid: i32) -> Option<ProcessStat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and brackets; what follows the last one is plain.
    let (head, tail) = text.rsplit_once(')')?;
    let fields: Vec<&str> = tail.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks = sysconf(SysconfVar::CLK_TCK).ok()??;
    let cpu_ticks = number(11)? + number(12)?;
    Some(ProcessStat {
        pid,
        name: head.split_once('(')?.1.to_owned(),
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        cpu: Duration::from_millis(cpu_ticks * 1000 / u64::try_from(ticks).ok()?),
        start_ticks: number(19)?,
    })
}

/// Whether a process lives: it exists and is no zombie.
pub fn is_alive(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// All processes of the machine.
pub fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc is there");
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The children of a process, dead ones that nobody has reaped included.
pub fn children(parent: i32) -> Vec<ProcessStat> {
    all()
        .into_iter()
        .filter_map(stat)
        .filter(|stat| stat.parent == parent)
        .collect()
}

/// The living processes that have this folder in their environment: every process that a test has brought about.
pub fn living_with(folder: &Path) -> Vec<ProcessStat> {
    let folder = folder.as_os_str().as_bytes();
    let mentions = |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|bytes| bytes.windows(folder.len()).any(|window| window == folder))
    };
    let own = Pid::this().as_raw();
    all()
        .into_iter()
        .filter(|pid| *pid != own && mentions(pid))
        .filter_map(stat)
        .filter(|stat| !matches!(stat.state, 'Z' | 'X'))
        .collect()
}

/// How many descriptors a process has open.
pub fn open_descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// The largest resident memory that a process ever had, in bytes.
pub fn peak_memory_bytes(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.expect("the kernel tells the peak of a living process") * 1024
}

/// Sends a signal to one process. One that is gone already is no error: it is what most tests wait for.
pub fn signal(pid: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid), signal);
}
