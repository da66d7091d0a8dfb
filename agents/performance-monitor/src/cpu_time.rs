//! Responsible for how much CPU time each process used between two readings, children that ended in between included. Pure.
//! It knows no percentages.

use std::collections::BTreeMap;

/// One process from start to end: a pid alone is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    /// Start in clock ticks since boot.
    pub(crate) started: u64,
}

/// CPU time since a process's start, in clock ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticks {
    pub(crate) parent: i32,
    /// Of its own.
    pub(crate) own: u64,
    /// Of children that ended and were waited for, with theirs.
    pub(crate) reaped: u64,
}

/// Ticks that each process of `now` used since `before`.
///
/// The time of a child that ended moves into its parent's `reaped`, all at once. What the child had used before `before` is
/// taken off, so that it counts once. Nothing is counted for a process that is seen late: one which started before
/// `before_at` (ticks since boot) and is in `now` only. `adopter` waits for children that are not its own work; what it
/// reaped counts for nobody.
pub(crate) fn ticks_used(
    before: &BTreeMap<Identity, Ticks>,
    now: &BTreeMap<Identity, Ticks>,
    before_at: u64,
    adopter: i32,
) -> BTreeMap<Identity, u64> {
    let mut counted_before: BTreeMap<i32, u64> = BTreeMap::new();
    for (_, gone) in before.iter().filter(|(id, _)| !now.contains_key(id)) {
        *counted_before.entry(gone.parent).or_default() += gone.own + gone.reaped;
    }
    let mut used = BTreeMap::new();
    for (id, ticks) in now {
        let old = match before.get(id) {
            Some(old) => *old,
            None if id.started >= before_at => Ticks::default(),
            None => continue,
        };
        let own = ticks.own.saturating_sub(old.own);
        let reaped = ticks.reaped.saturating_sub(old.reaped);
        let counted = counted_before.get(&id.pid).copied().unwrap_or(0);
        let reaped = if id.pid == adopter {
            0
        } else {
            reaped.saturating_sub(counted)
        };
        used.insert(*id, own + reaped);
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADOPTER: i32 = 1;

    fn table(rows: &[(i32, u64, i32, u64, u64)]) -> BTreeMap<Identity, Ticks> {
        rows.iter()
            .map(|&(pid, started, parent, own, reaped)| {
                let ticks = Ticks {
                    parent,
                    own,
                    reaped,
                };
                (Identity { pid, started }, ticks)
            })
            .collect()
    }

    fn total(before: &[(i32, u64, i32, u64, u64)], now: &[(i32, u64, i32, u64, u64)]) -> u64 {
        ticks_used(&table(before), &table(now), 1000, ADOPTER)
            .values()
            .sum()
    }

    #[test]
    fn a_child_that_ended_in_between_counts_once() {
        let before = [(10, 5, 1, 100, 0), (11, 6, 10, 70, 0)];
        // The child used 20 more, then ended; its 90 moved to its parent, which used 3 itself.
        assert_eq!(total(&before, &[(10, 5, 1, 103, 90)]), 23);
        // Its parent ignores its children: the last 20 are lost, and nothing becomes negative.
        assert_eq!(total(&before, &[(10, 5, 1, 103, 0)]), 3);
    }

    #[test]
    fn a_child_that_came_and_ended_in_between_counts() {
        assert_eq!(total(&[(10, 5, 1, 0, 0)], &[(10, 5, 1, 2, 40)]), 42);
    }

    #[test]
    fn a_new_process_counts_from_its_start_and_one_seen_late_does_not() {
        assert_eq!(total(&[], &[(10, 1000, 1, 7, 0)]), 7);
        assert_eq!(total(&[], &[(10, 999, 1, 5000, 0)]), 0);
    }

    #[test]
    fn a_pid_used_again_is_another_process() {
        let before = [(10, 5, 1, 5000, 0)];
        assert_eq!(total(&before, &[(10, 1500, 1, 3, 0)]), 3);
    }

    #[test]
    fn what_the_adopter_waited_for_counts_for_nobody() {
        let before = [(ADOPTER, 1, 0, 50, 0), (10, 5, ADOPTER, 300, 0)];
        assert_eq!(total(&before, &[(ADOPTER, 1, 0, 51, 310)]), 1);
    }
}
