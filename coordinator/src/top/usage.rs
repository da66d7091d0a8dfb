//! CPU and memory of some processes together, from two readings of `/proc`. It reads nothing itself.

use std::collections::HashMap;
use std::time::Instant;

use crate::proc_tree::Process;

/// What some processes use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// 100 is one core. Absent until there are two readings.
    pub(super) cpu_percent: Option<f64>,
    /// Memory that processes share counts for each.
    pub(super) rss_bytes: u64,
    pub(super) processes: usize,
}

/// The pid and start time of a process: it is never another's.
type Identity = (i32, u64);

/// Compares with the reading before.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// CPU time of each tree, by its root.
    before: HashMap<Identity, u64>,
    before_at: Option<Instant>,
    now: HashMap<Identity, u64>,
}

impl Meter {
    /// Of a tree with its root first. What a member used that has ended stands at whoever waited for it, so that the sum over
    /// the tree only grows; where nobody of the tree did, some of it is not seen.
    pub(super) fn of_tree<'a>(
        &mut self,
        members: impl Iterator<Item = &'a Process>,
        at: Instant,
    ) -> Usage {
        self.usage(members, at, |process| {
            process.cpu_ticks + process.waited_cpu_ticks
        })
    }

    /// Of one process without what it has waited for.
    pub(super) fn of_one(&mut self, process: Option<&Process>, at: Instant) -> Usage {
        self.usage(process.into_iter(), at, |process| process.cpu_ticks)
    }

    fn usage<'a>(
        &mut self,
        members: impl Iterator<Item = &'a Process>,
        at: Instant,
        ticks_of: impl Fn(&Process) -> u64,
    ) -> Usage {
        let (mut usage, mut ticks, mut root) = (Usage::default(), 0, None);
        for process in members {
            root.get_or_insert((process.pid, process.start_ticks));
            ticks += ticks_of(process);
            usage.rss_bytes += process.rss_bytes;
            usage.processes += 1;
        }
        let Some(root) = root else { return usage };
        self.now.insert(root, ticks);
        // One that was not there before has used all of it since.
        let before = self.before.get(&root).copied().unwrap_or(0);
        usage.cpu_percent = self
            .before_at
            .map(|before_at| (at - before_at).as_secs_f64())
            .filter(|elapsed_s| *elapsed_s > 0.0)
            .map(|elapsed_s| percent(ticks.saturating_sub(before), elapsed_s));
        usage
    }

    /// What was read becomes what the next reading is compared with.
    pub(super) fn turn(&mut self, at: Instant) {
        self.before = std::mem::take(&mut self.now);
        self.before_at = Some(at);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a percentage is shown with one digit"
)]
fn percent(ticks: u64, elapsed_s: f64) -> f64 {
    100.0 * ticks as f64 / procfs::ticks_per_second() as f64 / elapsed_s
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn process(pid: i32, start_ticks: u64, cpu_ticks: u64) -> Process {
        Process {
            pid,
            parent_pid: 1,
            group: pid,
            name: String::new(),
            state: 'R',
            rss_bytes: 4096,
            threads: 1,
            cpu_ticks,
            waited_cpu_ticks: 0,
            start_ticks,
        }
    }

    #[test]
    fn cpu_is_what_was_used_between_two_readings() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        let per_s = procfs::ticks_per_second();
        let first = [process(1, 5, 1_000 * per_s), process(2, 6, 700 * per_s)];
        let usage = meter.of_tree(first.iter(), start);
        assert_eq!((usage.cpu_percent, usage.rss_bytes), (None, 8192));
        meter.turn(start);
        // The child has ended after another second of work, and its parent has waited for it and worked for one.
        let mut parent = process(1, 5, 1_001 * per_s);
        parent.waited_cpu_ticks = 701 * per_s;
        let at = start + Duration::from_secs(2);
        assert_eq!(meter.of_tree([parent].iter(), at).cpu_percent, Some(100.0));
        meter.turn(at);
        let reused = [process(1, 99, per_s)];
        let at = at + Duration::from_secs(1);
        let usage = meter.of_tree(reused.iter(), at);
        assert_eq!(
            usage.cpu_percent,
            Some(100.0),
            "a reused pid is another process"
        );
        assert_eq!(meter.of_tree([].iter(), at), Usage::default());
    }

    #[test]
    fn what_the_coordinator_has_waited_for_is_not_its_own() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        meter.of_one(Some(&process(1, 5, 0)), start);
        meter.turn(start);
        let mut now = process(1, 5, 0);
        now.waited_cpu_ticks = 500;
        let usage = meter.of_one(Some(&now), start + Duration::from_secs(1));
        assert_eq!(usage.cpu_percent, Some(0.0));
    }
}
