//! The control group of one invocation: who is in it, and their end. It waits for nothing by itself but a timer.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// After a kill a group is empty within a millisecond or so; what waits in the kernel takes longer.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LOOK_EVERY_MAX: Duration = Duration::from_millis(50);
/// A process that the kernel does not let go must not keep its agent from being started again.
const EMPTY_LIMIT: Duration = Duration::from_secs(10);

/// One group, by its folder alone, so that it can be carried over to another coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    path: PathBuf,
}

impl Group {
    /// The group of this folder.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// For a child that is to be born in it.
    pub(crate) fn open(&self) -> io::Result<File> {
        let mut options = File::options();
        options.read(true).custom_flags(libc::O_DIRECTORY);
        options.open(&self.path)
    }

    /// For a child that has to enter it by itself.
    pub(crate) fn open_entrance(&self) -> io::Result<File> {
        File::options()
            .write(true)
            .open(self.path.join("cgroup.procs"))
    }

    pub(super) fn write(&self, file: &str, text: &str) -> io::Result<()> {
        std::fs::write(self.path.join(file), text)
    }

    /// Kills everybody in it, also those who are being born.
    pub(crate) fn kill(&self) {
        if self.write("cgroup.kill", "1").is_ok() {
            return;
        }
        // Kernels before 5.14: those who are born meanwhile are met by the next look.
        for pid in self.processes() {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }

    /// Who is in it.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let text = std::fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        let pids = text.lines().filter_map(|line| line.parse().ok());
        pids.map(Pid::from_raw).collect()
    }

    pub(super) fn events_file(&self) -> io::Result<File> {
        File::open(self.path.join("cgroup.events"))
    }

    /// Whether anybody lives in it or below it.
    pub(crate) fn is_populated(&self) -> bool {
        self.events_file()
            .is_ok_and(|events| self.is_populated_in(&events))
    }

    pub(super) fn is_populated_in(&self, events: &File) -> bool {
        let mut buffer = [0; 256];
        let bytes = events.read_at(&mut buffer, 0).unwrap_or_default();
        value_of(&buffer[..bytes], "populated") != Some(0)
    }

    /// How many of its processes the kernel has killed for want of memory.
    pub(crate) fn out_of_memory_kills(&self) -> u64 {
        let text = std::fs::read(self.path.join("memory.events")).unwrap_or_default();
        value_of(&text, "oom_kill").unwrap_or_default()
    }

    /// Takes away one in which nobody lives.
    pub(crate) fn remove(&self) {
        // Groups that its processes have made below it, deepest first.
        fn remove_below(path: &Path) {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                remove_below(&entry.path());
            }
            let _ = std::fs::remove_dir(path);
        }
        remove_below(&self.path);
    }

    /// Ends everybody who is still in it and takes it away; whether that was possible in time.
    pub(crate) async fn end(&self) -> bool {
        // Most programs leave nobody, and the kernel takes away no group in which anybody lives.
        if std::fs::remove_dir(&self.path).is_ok() {
            return true;
        }
        let mut wait = FIRST_LOOK;
        let deadline = tokio::time::Instant::now() + EMPTY_LIMIT;
        while self.is_populated() {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            self.kill();
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LOOK_EVERY_MAX);
        }
        self.remove();
        true
    }
}

/// The number in the line `NAME NUMBER`.
fn value_of(text: &[u8], name: &str) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}
