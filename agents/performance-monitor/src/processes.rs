//! Responsible for reading the processes of the coordinator's tree, at little cost on a machine with many others.
//! It sums up nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use procfs::process::{Process, Stat};
use procfs::{ProcError, page_size, ticks_per_second};
use tracing::debug;

use crate::cpu_time::{Identity, Ticks, ticks_used};
use crate::tree::{Descent, Place, descent, subjects};
use crate::tree_figures::{Member, Tree, sum_trees};

/// Processes outside the tree are not looked at again for so many readings: only a pid that is used again within that time
/// is overlooked, and no longer than that.
const OUTSIDERS_KEPT_READINGS: u32 = 12;

/// Subjects, and with them series in the database, that one monitor reports.
const SUBJECTS_MAX: usize = 4_000;

/// Names come from the coordinator and are short; an adopted process may have set anything.
const NAME_BYTES_MAX: usize = 128;

/// The processes of one coordinator, from reading to reading.
#[derive(Debug)]
pub(crate) struct ProcessTable {
    coordinator: i32,
    outsiders: BTreeSet<i32>,
    readings: u32,
    names: BTreeMap<Identity, String>,
    before: Option<Before>,
    pss_at: Option<Instant>,
    /// Whose process it is, as of the last reading.
    pub(crate) subjects: BTreeMap<i32, String>,
}

#[derive(Debug)]
struct Before {
    at: Instant,
    /// In clock ticks since boot.
    at_ticks: u64,
    ticks: BTreeMap<Identity, Ticks>,
}

impl ProcessTable {
    pub(crate) fn new(coordinator: i32) -> Self {
        ProcessTable {
            coordinator,
            outsiders: BTreeSet::new(),
            readings: 0,
            names: BTreeMap::new(),
            before: None,
            pss_at: None,
            subjects: BTreeMap::new(),
        }
    }

    /// The figures of each tree since the reading before, by subject. Empty when there is no such coordinator.
    pub(crate) fn read(&mut self, pss_interval: Duration) -> BTreeMap<String, Tree> {
        let (at, at_ticks) = (Instant::now(), ticks_since_boot());
        let stats = self.read_stats();
        self.name_children(&stats);
        let ticks: BTreeMap<Identity, Ticks> = stats
            .values()
            .filter(|stat| self.subjects.contains_key(&stat.pid))
            .map(|stat| (identity(stat), ticks(stat)))
            .collect();
        let used = self
            .before
            .as_ref()
            .map(|before| ticks_used(&before.ticks, &ticks, before.at_ticks, self.coordinator));
        let elapsed = self
            .before
            .as_ref()
            .map_or(Duration::ZERO, |before| at.duration_since(before.at));
        let is_pss_due = self
            .pss_at
            .is_none_or(|last| at.duration_since(last) >= pss_interval);
        // The reading before the first figures is for rates alone.
        let with_pss = is_pss_due && used.is_some();
        if with_pss {
            self.pss_at = Some(at);
        }
        let members: Vec<Member> = stats
            .values()
            .filter_map(|stat| self.measure(stat, used.as_ref(), with_pss))
            .collect();
        self.before = Some(Before {
            at,
            at_ticks,
            ticks,
        });
        sum_trees(&members, elapsed, ticks_per_second())
    }

    /// Of the coordinator's tree, of what is new, and now and then of everything.
    fn read_stats(&mut self) -> BTreeMap<i32, Stat> {
        if self.readings.is_multiple_of(OUTSIDERS_KEPT_READINGS) {
            self.outsiders.clear();
        }
        self.readings = self.readings.wrapping_add(1);
        let all = list_pids();
        self.outsiders.retain(|pid| all.contains(pid));
        let mut stats: BTreeMap<i32, Stat> = all
            .difference(&self.outsiders)
            .filter_map(|&pid| Some((pid, Process::new(pid).ok()?.stat().ok()?)))
            .collect();
        let outside: Vec<i32> = stats
            .keys()
            .copied()
            .filter(|&pid| {
                let place = |pid: i32| stats.get(&pid).map(place);
                let is_outside = |pid: i32| self.outsiders.contains(&pid);
                descent(pid, self.coordinator, place, is_outside) == Descent::Outside
            })
            .collect();
        for pid in outside {
            stats.remove(&pid);
            self.outsiders.insert(pid);
        }
        stats
    }

    fn name_children(&mut self, stats: &BTreeMap<i32, Stat>) {
        let alive: BTreeSet<Identity> = stats.values().map(identity).collect();
        self.names.retain(|id, _| alive.contains(id));
        let places = stats.iter().map(|(&pid, stat)| (pid, place(stat)));
        let places: BTreeMap<i32, Place> = places.collect();
        let names = &mut self.names;
        let mut subjects = subjects(self.coordinator, &places, |pid| {
            name_child(names, stats.get(&pid)?)
        });
        let all: BTreeSet<&String> = subjects.values().collect();
        if all.len() > SUBJECTS_MAX {
            let kept: BTreeSet<String> = all.into_iter().take(SUBJECTS_MAX).cloned().collect();
            subjects.retain(|_, subject| kept.contains(subject));
        }
        self.subjects = subjects;
    }

    fn measure(
        &self,
        stat: &Stat,
        used: Option<&BTreeMap<Identity, u64>>,
        with_pss: bool,
    ) -> Option<Member> {
        let id = identity(stat);
        let subject = self.subjects.get(&stat.pid)?.clone();
        let is_gone = matches!(stat.state, 'Z' | 'X' | 'x');
        let process = (!is_gone).then(|| Process::new(stat.pid).ok()).flatten();
        // A zombie has neither memory nor descriptors; one that ended just now is counted as such.
        let or_gone = |value: Result<u64, ProcError>| match value {
            Ok(value) => Some(value),
            Err(ProcError::NotFound(_)) => Some(0),
            Err(_) => None,
        };
        let descriptors = process.as_ref().map_or(Some(0), |process| {
            or_gone(process.fd_count().map(|count| count as u64))
        });
        let pss_bytes = match &process {
            _ if !with_pss => None,
            None => Some(0),
            Some(process) => or_gone(read_pss(process)),
        };
        Some(Member {
            id,
            subject,
            ticks_used: used.and_then(|used| used.get(&id).copied()),
            rss_bytes: stat.rss.saturating_mul(page_size()),
            pss_bytes,
            threads: u64::try_from(stat.num_threads).unwrap_or(0),
            descriptors,
        })
    }
}

/// The kernel walks all pages of the process for this.
fn read_pss(process: &Process) -> Result<u64, ProcError> {
    let rollup = process.smaps_rollup()?;
    let maps = rollup.memory_map_rollup;
    let pss = maps
        .into_iter()
        .find_map(|map| map.extension.map.get("Pss").copied());
    pss.ok_or(ProcError::Incomplete(None))
}

/// What the coordinator called its child: `AGENT_INSTANCE`; the program's name where the environment may not be read.
/// Nothing for a process that the coordinator started for itself, or has not made the agent's yet.
fn name_child(names: &mut BTreeMap<Identity, String>, stat: &Stat) -> Option<String> {
    let id = identity(stat);
    if let Some(name) = names.get(&id) {
        return Some(name.clone());
    }
    let environment = match Process::new(stat.pid).and_then(|process| process.environ()) {
        Ok(environment) => environment,
        Err(ProcError::PermissionDenied(_)) => return Some(stat.comm.clone()),
        Err(_) => return None,
    };
    let value = |key: &str| environment.get(OsStr::new(key))?.to_str();
    let name = value("AGENT_INSTANCE").or_else(|| value("AGENT_NAME"))?;
    let is_fit = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    let name = if is_fit { name } else { &stat.comm };
    names.insert(id, name.to_owned());
    Some(name.to_owned())
}

/// The process that started this agent: its parent, or that of the shell around it, which has the same environment.
pub(crate) fn find_coordinator() -> Option<i32> {
    let key = OsStr::new("AGENT_INVOCATION");
    let mine = std::env::var_os(key);
    let mut pid = nix::unistd::getppid().as_raw();
    while let (Some(mine), Ok(process)) = (&mine, Process::new(pid)) {
        let is_wrapper = process
            .environ()
            .is_ok_and(|environment| environment.get(key) == Some(mine));
        let stat = process.stat().ok().filter(|_| is_wrapper);
        match stat {
            // Two coordinators count their invocations alike: a wrapper is in our own process group too.
            Some(stat) if stat.pgrp == nix::unistd::getpgrp().as_raw() => pid = stat.ppid,
            _ => break,
        }
    }
    // 0 is a parent outside this container.
    (pid > 0).then_some(pid)
}

/// Names of `/proc` that are numbers. Nothing is opened: most of them are known already.
fn list_pids() -> BTreeSet<i32> {
    let entries = match std::fs::read_dir("/proc") {
        Ok(entries) => entries,
        Err(error) => {
            debug!("failed to list /proc: {error}");
            return BTreeSet::new();
        }
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

pub(crate) fn identity(stat: &Stat) -> Identity {
    Identity {
        pid: stat.pid,
        started: stat.starttime,
    }
}

fn place(stat: &Stat) -> Place {
    Place {
        parent: stat.ppid,
        group: stat.pgrp,
    }
}

fn ticks(stat: &Stat) -> Ticks {
    let reaped = stat.cutime.saturating_add(stat.cstime);
    Ticks {
        parent: stat.ppid,
        own: stat.utime.saturating_add(stat.stime),
        reaped: u64::try_from(reaped).unwrap_or(0),
    }
}

/// As `starttime` in `/proc/PID/stat` counts: time asleep included.
fn ticks_since_boot() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map(Duration::from)
        .map_or(0, |time| {
            let ticks = time.as_nanos() * u128::from(ticks_per_second()) / 1_000_000_000;
            u64::try_from(ticks).unwrap_or(u64::MAX)
        })
}
