//! The processes of this machine as `/proc` has them, and which of them belong to an agent. It signals nobody.

use std::collections::{HashMap, HashSet};

use procfs::process::all_processes;
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
    /// CPU time used, in clock ticks; children that were waited for are not counted.
    #[serde(skip)]
    pub(crate) cpu_ticks: u64,
    /// With the pid it tells a process from another that got the same pid later.
    #[serde(skip)]
    pub(crate) start_ticks: u64,
}

/// All processes that may be seen; those that end meanwhile are left out.
pub(crate) fn processes() -> Vec<Process> {
    let Ok(all) = all_processes() else {
        return Vec::new();
    };
    let page_bytes = procfs::page_size();
    all.flatten()
        .filter_map(|process| process.stat().ok())
        .map(|stat| Process {
            pid: stat.pid,
            parent_pid: stat.ppid,
            group: stat.pgrp,
            name: stat.comm,
            state: stat.state,
            rss_bytes: stat.rss * page_bytes,
            threads: stat.num_threads,
            cpu_ticks: stat.utime + stat.stime,
            start_ticks: stat.starttime,
        })
        .collect()
}

/// The process, all that descends from it, and what else is in its process group, each with its depth; parents first.
pub(crate) fn tree_of(all: &[Process], root: i32) -> Vec<(usize, &Process)> {
    let mut children: HashMap<i32, Vec<&Process>> = HashMap::new();
    for process in all {
        children
            .entry(process.parent_pid)
            .or_default()
            .push(process);
    }
    // An orphan of the group has another parent now and stands beside the root.
    let orphans = all.iter().filter(|process| process.group == root);
    let roots = all.iter().filter(|process| process.pid == root);
    let mut left: Vec<(usize, &Process)> = roots.chain(orphans).map(|found| (0, found)).collect();
    left.reverse();
    // The roots' descendants come first, so that an orphan is one only where nothing else explains it.
    let (mut seen, mut tree) = (HashSet::new(), Vec::new());
    let mut orphans_left = left;
    while let Some(next) = orphans_left.pop() {
        let mut open = vec![next];
        while let Some((depth, process)) = open.pop() {
            if !seen.insert(process.pid) {
                continue;
            }
            tree.push((depth, process));
            let below = children.get(&process.pid).into_iter().flatten().rev();
            open.extend(below.map(|child| (depth + 1, *child)));
        }
    }
    tree
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
        let tree: Vec<(usize, i32)> = tree_of(&all, 10)
            .into_iter()
            .map(|(depth, process)| (depth, process.pid))
            .collect();
        assert_eq!(tree, [(0, 10), (1, 11), (2, 12), (0, 13)]);
        assert!(tree_of(&all, 99).is_empty());
    }

    #[test]
    fn this_process_is_among_all() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let all = processes();
        let own = all.iter().find(|process| process.pid == pid).unwrap();
        assert!(own.rss_bytes > 0 && own.start_ticks > 0);
    }
}
