//! Control groups (cgroup v2): one for each invocation, so that all its processes can be limited and ended together.
//! Where they may be made is found in `find`; what happens to one invocation's is in `group`.

mod find;
mod group;
mod limits;

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use coordinator_config::{Containment, log_file_name};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use crate::proc_stat;

pub(crate) use group::Group;
pub(crate) use limits::{Enforcement, Limits};

/// The group in which the coordinator itself lives, where one that has processes may not have limited ones below it.
const OWN_LEAF: &str = "coordinator";
/// What a dead coordinator left is killed at once; longer lives only what waits in the kernel, which must not keep a new one.
const LEFTOVERS_LIMIT: Duration = Duration::from_secs(5);

/// Which limits the kernel can enforce in groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Controllers {
    pub(crate) memory: bool,
    pub(crate) cpu: bool,
    pub(crate) pids: bool,
}

impl fmt::Display for Controllers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.memory, "memory"),
            (self.cpu, "cpu"),
            (self.pids, "pids"),
        ];
        let there: Vec<&str> = all
            .iter()
            .filter_map(|(is_there, name)| is_there.then_some(*name))
            .collect();
        match there.is_empty() {
            true => f.write_str("no controllers"),
            false => f.write_str(&there.join(", ")),
        }
    }
}

/// The folder of all groups of one coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cgroups {
    folder: PathBuf,
    controllers: Controllers,
}

impl Cgroups {
    /// Finds or makes the folder, which belongs to this database alone; whoever has its lock has the folder too. The error is
    /// why agents are contained by process groups only, for people.
    pub(crate) fn open(containment: &Containment, database: &Path) -> Result<Self, String> {
        let parent = find::parent_of_groups(containment)?;
        let folder = parent.join(format!("agents-{:016x}", hash_of(database)));
        let failed = |doing: &str, error: &io::Error| {
            format!("could not {doing} below {}: {error}", parent.display())
        };
        std::fs::create_dir_all(&folder).map_err(|error| failed("make a control group", &error))?;
        Ok(Self {
            controllers: limits::enable_controllers(&parent, &folder),
            folder,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn controllers(&self) -> Controllers {
        self.controllers
    }

    /// A new group for one invocation.
    pub(crate) fn make(&self, instance: &str, invocation_id: i64) -> io::Result<Group> {
        let name = log_file_name(instance);
        let name = name.trim_end_matches(".log");
        let path = self.folder.join(format!("{name}.{invocation_id}"));
        match std::fs::create_dir(&path) {
            // Somebody has tidied up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&path)?;
            }
            made => made?,
        }
        Ok(Group::at(path))
    }

    /// Whether this process lives in one of the groups: then it ends with its agent, and nobody was left behind.
    pub(crate) fn hold(&self, pid: Pid) -> bool {
        let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let folder = self
            .folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        text.split('/').any(|part| part == folder)
    }

    /// Ends what a dead coordinator of this database left in its groups. Returns how many groups had processes.
    pub(crate) fn end_leftovers(&self) -> usize {
        let mut populated = 0;
        let deadline = Instant::now() + LEFTOVERS_LIMIT;
        let own = proc_stat::own_ancestors();
        for entry in std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
        {
            if !entry.path().is_dir() {
                continue;
            }
            let group = Group::at(entry.path());
            // Whoever starts a coordinator from within an agent does not want to be killed by it.
            if group.processes().iter().any(|pid| own.contains(pid)) {
                continue;
            }
            populated += usize::from(group.is_populated());
            group.kill();
            wait_until_empty(&group, deadline);
            group.remove();
        }
        populated
    }

    /// At the end of the coordinator: a folder without groups goes too.
    pub(crate) fn close(&self) {
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// The kernel tells a change of `cgroup.events` by POLLPRI.
fn wait_until_empty(group: &Group, deadline: Instant) {
    let Ok(events) = group.events_file() else {
        return;
    };
    while group.is_populated() {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).ok().filter(|_| !left.is_zero());
        let Some(timeout) = timeout else { return };
        let mut watched = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
        if poll(&mut watched, timeout) == Ok(0) {
            return;
        }
        // What has not been read yet is told again.
        let _ = group.is_populated_in(&events);
    }
}

/// FNV-1a: names a folder, and has to be the same in every version.
fn hash_of(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}
