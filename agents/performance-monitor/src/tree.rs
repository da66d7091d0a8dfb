//! Responsible for telling which process belongs to whom: parents and groups in, owners out. Pure.
//! It reads nothing; what a child of the coordinator is called is an input.

use std::collections::BTreeMap;

/// What is told to belong to the coordinator itself.
pub(crate) const COORDINATOR: &str = "coordinator";

/// A chain of parents longer than this does not exist; the bound ends a circle that a torn reading may show.
const DEPTH_MAX: usize = 1_000;

/// One process's place in the kernel's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) parent: i32,
    /// The process group, named by the process that leads it.
    pub(crate) group: i32,
}

/// Where a process stands in relation to the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Descent {
    /// It is the coordinator.
    Itself,
    /// It descends from this child of the coordinator, or is that child.
    From(i32),
    /// It has nothing to do with it.
    Outside,
    /// An ancestor ended while the table was being read: not known this time.
    Torn,
}

/// Follows parents up to the coordinator or to the top.
pub(crate) fn descent(
    pid: i32,
    coordinator: i32,
    place: impl Fn(i32) -> Option<Place>,
    is_outside: impl Fn(i32) -> bool,
) -> Descent {
    if pid == coordinator {
        return Descent::Itself;
    }
    let mut child = pid;
    for _ in 0..DEPTH_MAX {
        if child == 0 || is_outside(child) {
            return Descent::Outside;
        }
        match place(child) {
            Some(place) if place.parent == coordinator => return Descent::From(child),
            Some(place) => child = place.parent,
            None => return Descent::Torn,
        }
    }
    Descent::Torn
}

/// The subject of each process in the coordinator's tree. `name` tells what a child of the coordinator is called;
/// nothing for one that is no agent.
///
/// A process whose parent has ended is adopted by the coordinator and stays in its group, so the name of the group's leader
/// comes before its own: an agent's orphans are still the agent's.
pub(crate) fn subjects(
    coordinator: i32,
    places: &BTreeMap<i32, Place>,
    mut name: impl FnMut(i32) -> Option<String>,
) -> BTreeMap<i32, String> {
    let is_child = |pid: i32| {
        places
            .get(&pid)
            .is_some_and(|place| place.parent == coordinator)
    };
    let mut of_children: BTreeMap<i32, String> = BTreeMap::new();
    for (&child, place) in places.iter().filter(|(pid, _)| is_child(**pid)) {
        let leader = place.group;
        let by_leader = if leader != child && is_child(leader) {
            name(leader)
        } else {
            None
        };
        let found = by_leader.or_else(|| name(child));
        let subject = found.map_or_else(|| COORDINATOR.to_owned(), |name| format!("agent:{name}"));
        of_children.insert(child, subject);
    }
    let mut subjects = BTreeMap::new();
    for &pid in places.keys() {
        let place = |pid: i32| places.get(&pid).copied();
        let subject = match descent(pid, coordinator, place, |_| false) {
            Descent::Itself => Some(COORDINATOR.to_owned()),
            Descent::From(child) => of_children.get(&child).cloned(),
            Descent::Outside | Descent::Torn => None,
        };
        if let Some(subject) = subject {
            subjects.insert(pid, subject);
        }
    }
    subjects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(table: &[(i32, i32, i32)]) -> BTreeMap<i32, Place> {
        table
            .iter()
            .map(|&(pid, parent, group)| (pid, Place { parent, group }))
            .collect()
    }

    fn name(pid: i32) -> Option<String> {
        match pid {
            20 => Some("bridge".to_owned()),
            30 => Some("worker:0".to_owned()),
            // The environment of an orphan may say anything.
            23 => Some("liar".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn descendants_belong_to_the_child_of_the_coordinator_they_come_from() {
        let table = [
            (1, 0, 1),
            (10, 1, 10),
            (20, 10, 20),
            (21, 20, 20),
            (22, 21, 22),
            (30, 10, 30),
            (40, 10, 10),
            (99, 1, 99),
        ];
        let found = subjects(10, &places(&table), name);
        let of = |pid: i32| found.get(&pid).map(String::as_str);
        assert_eq!(of(10), Some("coordinator"));
        assert_eq!([of(20), of(21), of(22)], [Some("agent:bridge"); 3]);
        assert_eq!(of(30), Some("agent:worker:0"));
        assert_eq!(of(40), Some("coordinator"), "a child without a name");
        assert_eq!([of(1), of(99)], [None, None]);
    }

    #[test]
    fn an_orphan_that_the_coordinator_adopted_stays_with_the_leader_of_its_group() {
        let table = [(10, 1, 10), (20, 10, 20), (23, 10, 20), (24, 23, 20)];
        let found = subjects(10, &places(&table), name);
        assert_eq!(found[&23], "agent:bridge");
        assert_eq!(found[&24], "agent:bridge");
    }

    #[test]
    fn a_table_torn_while_reading_is_survived() {
        let circle = places(&[(5, 6, 5), (6, 5, 5), (7, 8, 7)]);
        assert!(subjects(10, &circle, name).is_empty());
        let place = |pid: i32| circle.get(&pid).copied();
        assert_eq!(descent(5, 10, place, |_| false), Descent::Torn);
        assert_eq!(descent(7, 10, place, |_| false), Descent::Torn);
        assert_eq!(descent(7, 10, place, |pid| pid == 8), Descent::Outside);
    }
}
