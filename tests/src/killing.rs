//! Kills coordinators at random instants and counts what must never be: lost heartbeats, orphans, duplicates (F31).
//! A test and the soak decide how often; nothing is judged here but the coordinator's records.

use std::fmt;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::{AgentsFile, Scene, let_time_pass, processes, program, wait_for_condition};

/// From the start of a coordinator, or of its agents, to its kill at most: the start takes about a tenth of it.
const LIFE_MS_MAX: u64 = 500;
/// An agent that lives this long after its coordinator is an orphan. The promise is a second; the rest is for a busy machine.
const ORPHAN_AFTER: Duration = Duration::from_secs(5);
/// Holds a lock for as long as the process lives: a second one of the same instance finds it taken.
const LOCKING: &str = "exec 9>lock.$AGENT_INSTANCE; flock -n 9 || echo $$ >>overlaps; exec \"$@\"";

/// What has been counted; each of the middle four has to be zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KillCounts {
    /// How often a coordinator was killed.
    pub kills: usize,
    /// Heartbeats that were committed at the moment of some kill.
    pub committed: usize,
    /// Those of them that were not there afterwards.
    pub lost: usize,
    /// Agents that lived on without their coordinator.
    pub orphans: usize,
    /// Agents that began while another process of the same instance was alive.
    pub duplicates: usize,
    /// Invocations that died with their coordinator and are not marked so with a reason.
    pub unmarked: usize,
    /// Invocations that died with their coordinator and are marked so.
    pub marked: usize,
    /// The longest time in which all agents were gone.
    pub slowest_end_ms: u128,
}

impl KillCounts {
    /// Whether nothing happened that must not.
    pub fn is_clean(&self) -> bool {
        (self.lost, self.orphans, self.duplicates, self.unmarked) == (0, 0, 0, 0)
    }

    fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.committed += other.committed;
        self.lost += other.lost;
        self.orphans += other.orphans;
        self.duplicates += other.duplicates;
        self.unmarked += other.unmarked;
        self.marked += other.marked;
        self.slowest_end_ms = self.slowest_end_ms.max(other.slowest_end_ms);
    }
}

impl fmt::Display for KillCounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} kills: {} of {} committed heartbeats lost, {} orphans, {} duplicates, {} of {} lost invocations not marked; \
             agents gone after at most {} ms",
            self.kills,
            self.lost,
            self.committed,
            self.orphans,
            self.duplicates,
            self.unmarked,
            self.unmarked + self.marked,
            self.slowest_end_ms
        )
    }
}

/// A small generator, so that a run can be repeated by its seed.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below this one.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Kills this many times, shared among coordinators that run beside each other on databases of their own.
pub fn kill_at_random_instants(kills: usize, beside: usize, seed: u64) -> KillCounts {
    let mut counts = KillCounts::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..beside)
            .map(|index| {
                let share = kills / beside + usize::from(index < kills % beside);
                let random = Random(seed.wrapping_add(index as u64));
                scope.spawn(move || kill_one(share, random))
            })
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(counted) => counts.add(counted),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    counts
}

fn kill_one(kills: usize, mut random: Random) -> KillCounts {
    let mut scene = Scene::new(&agents());
    let mut counts = KillCounts::default();
    for round in 0..kills {
        scene.start();
        // One of three may be killed while it starts; on a busy machine that would else be nearly all.
        if round % 3 != 0 {
            scene.wait_for_state("steady:0", "RUNNING");
        }
        let_time_pass(Duration::from_millis(random.below(LIFE_MS_MAX)));
        let before = committed_heartbeats(&scene);
        scene.kill();
        counts.kills += 1;
        // Every other time the next one starts at once, as under a service manager.
        if round % 2 == 0 {
            let (took, orphans) = end_of_agents(&scene);
            counts.slowest_end_ms = counts.slowest_end_ms.max(took.as_millis());
            counts.orphans += orphans;
        }
        let after = committed_heartbeats(&scene);
        counts.committed += before.len();
        counts.lost += missing(&before, &after);
    }
    let before = committed_heartbeats(&scene);
    scene.start();
    for ordinal in 0..3 {
        scene.wait_for_state(&format!("steady:{ordinal}"), "RUNNING");
    }
    counts.lost += missing(&before, &committed_heartbeats(&scene));
    scene.stop();
    counts.duplicates = scene.lines("overlaps").len();
    (counts.marked, counts.unmarked) = marked_and_not(&scene);
    counts
}

fn agents() -> AgentsFile {
    let puppet = program("puppet");
    let puppet = puppet.to_str().expect("the path is UTF-8");
    let many = "restarts_max = 1000000\nshort_lived_max = 1000000\n";
    AgentsFile::new()
        .program(
            "steady",
            "instances = 3\n",
            &["sh", "-c", LOCKING, "-", puppet, "live=10ms"],
        )
        // It would not even notice that its pipe has no reader.
        .plain(
            "quiet",
            "instances = 2\n",
            &["sh", "-c", LOCKING, "-", "sleep", "1000000"],
        )
        .puppet("crasher", many, &["beat=3/5ms", "exit=1"])
        .puppet("parent", "", &["child=children", "live=10ms"])
}

/// The ids, in order.
fn committed_heartbeats(scene: &Scene) -> Vec<i64> {
    let rows = scene.database().try_rows(
        "SELECT heartbeat_id FROM heartbeats ORDER BY heartbeat_id",
        [],
        |row| row.get(0),
    );
    rows.unwrap_or_default() // the first kill may come before the file has tables
}

fn missing(before: &[i64], after: &[i64]) -> usize {
    before
        .iter()
        .filter(|id| after.binary_search(id).is_err())
        .count()
}

/// How long agents lived on, and how many had to be ended. What agents have started themselves is not bound to the coordinator:
/// the next start ends it.
fn end_of_agents(scene: &Scene) -> (Duration, usize) {
    let begin = Instant::now();
    loop {
        let mut left = processes::living_with(scene.folder());
        left.retain(|process| process.pid == process.group);
        if left.is_empty() {
            return (begin.elapsed(), 0);
        }
        if begin.elapsed() > ORPHAN_AFTER {
            for process in &left {
                processes::signal(process.pid, Signal::SIGKILL);
            }
            wait_for_condition("the end of orphans", || {
                let alive = left.iter().find(|process| processes::is_alive(process.pid));
                alive.map_or(Ok(()), Err)
            });
            return (begin.elapsed(), left.len());
        }
        let_time_pass(Duration::from_millis(10));
    }
}

/// Invocations that died with a coordinator: those with their mark, reason and event, and those without.
fn marked_and_not(scene: &Scene) -> (usize, usize) {
    let count = |sql: &str| {
        let number: i64 = scene.database().value(sql, []);
        usize::try_from(number).expect("a count is not negative")
    };
    let lost = count("SELECT count(*) FROM invocations WHERE outcome = 'lost'");
    let explained = count(
        "SELECT count(*) FROM invocations i WHERE outcome = 'lost' AND reason != '' AND EXISTS
         (SELECT 1 FROM events e WHERE e.invocation_id = i.invocation_id AND e.kind = 'invocation_lost')",
    );
    let open = count("SELECT count(*) FROM invocations WHERE ended_ms IS NULL");
    (explained, lost - explained + open)
}
