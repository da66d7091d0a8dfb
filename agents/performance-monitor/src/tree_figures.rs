//! Responsible for the figures of whole process trees: processes in, figures by subject out. Pure.
//! It does not know how processes are read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cpu_time::Identity;
use crate::figures::{Figures, add, hundredths};

/// One process of a tree.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: Identity,
    pub(crate) subject: String,
    /// CPU time since the reading before; nothing in the first reading.
    pub(crate) ticks_used: Option<u64>,
    pub(crate) rss_bytes: u64,
    /// Nothing when it may not be read, or was not read this time.
    pub(crate) pss_bytes: Option<u64>,
    pub(crate) threads: u64,
    /// Nothing when it may not be read.
    pub(crate) descriptors: Option<u64>,
}

/// One tree: its figures and the oldest process in it, by which a restart is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) oldest: Identity,
    pub(crate) figures: Figures,
}

/// Sums up each subject. A figure that is missing for one process is missing for its tree: a part is not the whole.
pub(crate) fn sum_trees(
    members: &[Member],
    elapsed: Duration,
    ticks_per_second: u64,
) -> BTreeMap<String, Tree> {
    let mut by_subject: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
    for member in members {
        by_subject.entry(&member.subject).or_default().push(member);
    }
    by_subject
        .into_iter()
        .filter_map(|(subject, members)| {
            let oldest = members
                .iter()
                .map(|member| member.id)
                .min_by_key(|id| (id.started, id.pid))?;
            let figures = sum(&members, elapsed, ticks_per_second);
            Some((subject.to_owned(), Tree { oldest, figures }))
        })
        .collect()
}

fn sum(members: &[&Member], elapsed: Duration, ticks_per_second: u64) -> Figures {
    let known = |of: fn(&Member) -> Option<u64>| {
        members
            .iter()
            .map(|member| of(member))
            .sum::<Option<u64>>()
            .map(|sum| sum as f64)
    };
    // One process that was seen late must not hide the CPU of all others.
    let ticks: Vec<u64> = members
        .iter()
        .filter_map(|member| member.ticks_used)
        .collect();
    let seconds = ticks.iter().sum::<u64>() as f64 / ticks_per_second as f64;
    let is_measured = !ticks.is_empty() && !elapsed.is_zero();
    let cpu = is_measured.then(|| hundredths(seconds * 100.0 / elapsed.as_secs_f64()));
    let mut figures = Figures::new();
    add(&mut figures, "cpu_percent", cpu);
    let rss = known(|member| Some(member.rss_bytes));
    add(&mut figures, "rss_bytes", rss);
    add(&mut figures, "pss_bytes", known(|member| member.pss_bytes));
    let threads = known(|member| Some(member.threads));
    add(&mut figures, "threads_count", threads);
    let descriptors = known(|member| member.descriptors);
    add(&mut figures, "descriptors_count", descriptors);
    add(&mut figures, "processes_count", Some(members.len() as f64));
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(pid: i32, started: u64, subject: &str, ticks_used: Option<u64>) -> Member {
        Member {
            id: Identity { pid, started },
            subject: subject.to_owned(),
            ticks_used,
            rss_bytes: 1000,
            pss_bytes: Some(600),
            threads: 2,
            descriptors: Some(5),
        }
    }

    #[test]
    fn a_tree_is_the_sum_of_its_processes() {
        let members = [
            member(20, 7, "agent:a", Some(100)),
            member(19, 9, "agent:a", Some(50)),
            member(30, 8, "agent:b", Some(0)),
        ];
        let trees = sum_trees(&members, Duration::from_secs(5), 100);
        let tree = &trees["agent:a"];
        assert_eq!(tree.oldest.pid, 20);
        let expected = [
            ("cpu_percent", 30.0),
            ("rss_bytes", 2000.0),
            ("pss_bytes", 1200.0),
            ("threads_count", 4.0),
            ("descriptors_count", 10.0),
            ("processes_count", 2.0),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(tree.figures, Figures::from(expected));
        assert_eq!(trees["agent:b"].figures["cpu_percent"], 0.0);
    }

    #[test]
    fn a_part_is_not_told_as_the_whole() {
        let mut unreadable = member(21, 8, "agent:a", None);
        unreadable.pss_bytes = None;
        unreadable.descriptors = None;
        let members = [member(20, 7, "agent:a", Some(100)), unreadable];
        let figures = &sum_trees(&members, Duration::from_secs(5), 100)["agent:a"].figures;
        assert!(!figures.contains_key("pss_bytes") && !figures.contains_key("descriptors_count"));
        assert_eq!(figures["cpu_percent"], 20.0);
    }

    #[test]
    fn the_first_reading_has_no_rates() {
        let figures = &sum_trees(&[member(20, 7, "a", None)], Duration::ZERO, 100)["a"].figures;
        assert!(!figures.contains_key("cpu_percent"));
        assert_eq!(figures["rss_bytes"], 1000.0);
    }
}
