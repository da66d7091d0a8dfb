//! The processes of this machine as `/proc` has them, and which of them belong to an agent. It signals nobody.

use std::collections::{HashMap, HashSet};

use procfs::process::{Stat, all_processes};
use serde::Serialize;

/// One process at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent_pid: i32,
    pub(crate) group: i32,
    /// The program's name, of at most 15 bytes: arguments may hold secrets.
    pub(crate) name: String,
    pub(crate) state: char,
    pub(crate) rss_bytes: u64,
    pub(crate) threads: i64,
    /// CPU time used, in clock ticks.
    #[serde(skip)]
    pub(crate) cpu_ticks: u64,
    /// That of children that have ended and were waited for, with theirs.
    #[serde(skip)]
    pub(crate) waited_cpu_ticks: u64,
    /// With the pid it tells a process from another that got the same pid later.
    #[serde(skip)]
    pub(crate) start_ticks: u64,
}

/// All processes that may be seen, found by what they have to do with each other.
#[derive(Debug)]
pub(crate) struct Processes {
    all: Vec<Process>,
    by_pid: HashMap<i32, usize>,
    children: HashMap<i32, Vec<usize>>,
    groups: HashMap<i32, Vec<usize>>,
}

impl Processes {
    /// Those that end meanwhile are left out.
    pub(crate) fn read() -> Self {
        let Ok(all) = all_processes() else {
            return Self::of(Vec::new());
        };
        let page_bytes = procfs::page_size();
        let stats = all.flatten().filter_map(|process| process.stat().ok());
        let process = |stat: Stat| Process {
            pid: stat.pid,
            parent_pid: stat.ppid,
            group: stat.pgrp,
            name: stat.comm,
            state: stat.state,
            rss_bytes: stat.rss * page_bytes,
            threads: stat.num_threads,
            cpu_ticks: stat.utime + stat.stime,
            waited_cpu_ticks: u64::try_from(stat.cutime + stat.cstime).unwrap_or(0),
            start_ticks: stat.starttime,
        };
        Self::of(stats.map(process).collect())
    }

    fn of(all: Vec<Process>) -> Self {
        let (mut by_pid, mut children, mut groups) =
            (HashMap::new(), HashMap::new(), HashMap::new());
        for (index, process) in all.iter().enumerate() {
            by_pid.insert(process.pid, index);
            let below: &mut Vec<usize> = children.entry(process.parent_pid).or_default();
            below.push(index);
            let group: &mut Vec<usize> = groups.entry(process.group).or_default();
            group.push(index);
        }
        Self {
            all,
            by_pid,
            children,
            groups,
        }
    }

    /// One process.
    pub(crate) fn find(&self, pid: i32) -> Option<&Process> {
        self.by_pid.get(&pid).map(|index| &self.all[*index])
    }

    /// The process, all that descends from it, and what else is in its process group, each with its depth; parents first.
    pub(crate) fn tree_of(&self, root: i32) -> Vec<(usize, &Process)> {
        let (mut seen, mut tree) = (HashSet::new(), Vec::new());
        // The root comes first, so that an orphan of the group, which has another parent now, is one only where nothing
        // else explains it.
        let group = self.groups.get(&root).into_iter().flatten();
        for begin in self.by_pid.get(&root).into_iter().chain(group) {
            let mut open = vec![(0, *begin)];
            while let Some((depth, index)) = open.pop() {
                if !seen.insert(index) {
                    continue;
                }
                let process = &self.all[index];
                tree.push((depth, process));
                let below = self.children.get(&process.pid).into_iter().flatten().rev();
                open.extend(below.map(|child| (depth + 1, *child)));
            }
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent_pid: i32, group: i32) -> Process {
        Process {
            pid,
            parent_pid,
            group,
            name: String::new(),
            state: 'S',
            rss_bytes: 0,
            threads: 1,
            cpu_ticks: 0,
            waited_cpu_ticks: 0,
            start_ticks: 0,
        }
    }

    #[test]
    fn descendants_and_orphans_of_the_group_belong_to_an_agent_and_nobody_else_does() {
        let all = [
            process(1, 0, 1),
            process(10, 1, 10),
            process(11, 10, 10),
            process(12, 11, 12), // left the group
            process(13, 1, 10),  // its parent has ended
            process(20, 1, 20),
        ];
        let all = Processes::of(all.to_vec());
        let tree: Vec<(usize, i32)> = all
            .tree_of(10)
            .into_iter()
            .map(|(depth, process)| (depth, process.pid))
            .collect();
        assert_eq!(tree, [(0, 10), (1, 11), (2, 12), (0, 13)]);
        assert!(all.tree_of(99).is_empty());
    }

    #[test]
    fn this_process_is_among_all() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let all = Processes::read();
        let own = all.find(pid).unwrap();
        assert!(own.rss_bytes > 0 && own.start_ticks > 0);
    }
}
