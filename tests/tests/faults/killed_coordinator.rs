//! `kill -9` of the coordinator at random instants: agents go with it, nothing committed is lost, nothing doubles (F31).
//! Agents that refuse to go with it are the matter of `survivors_of_a_killed_coordinator`.

use std::time::{Duration, Instant};

use end_to_end::{AgentsFile, Scene, let_time_pass, now_ms, processes, wait_for_condition};

const KILLS: u32 = 10;

/// A small generator of random delays, so that a failed run can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Waits until no agent of the scene lives; returns how long that took. What agents have started themselves is not
/// bound to the coordinator: the next start ends it.
fn wait_until_all_are_gone(scene: &Scene) -> Duration {
    let begin = Instant::now();
    wait_for_condition("the end of all agents", || {
        let mut left = processes::living_with(scene.folder());
        left.retain(|process| process.pid == process.group);
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    begin.elapsed()
}

/// What has been committed: newest heartbeat ids are never smaller after a restart than before the kill.
fn committed_heartbeats(scene: &Scene) -> Vec<i64> {
    let rows = scene
        .database()
        .try_rows("SELECT heartbeat_id FROM heartbeats", [], |row| row.get(0));
    rows.unwrap_or_default()
}

#[test]
fn ten_kills_lose_nothing_and_double_nothing() {
    let seed = u64::try_from(now_ms()).unwrap();
    println!("seed {seed}");
    let mut random = Random(seed);
    let agents = AgentsFile::new()
        .puppet("steady", "instances = 3\n", &["live=10ms"])
        .puppet(
            "crasher",
            "restarts_max = 1000000\nshort_lived_max = 1000000\n",
            &["beat=3/5ms", "exit=1"],
        )
        .puppet("parent", "", &["child=children", "live=10ms"]);
    let mut scene = Scene::new(&agents);
    let mut kept: Vec<i64> = Vec::new();
    for _ in 0..KILLS {
        scene.start();
        let_time_pass(Duration::from_millis(random.below(900)));
        let before = committed_heartbeats(&scene);
        scene.kill();
        let took = wait_until_all_are_gone(&scene);
        assert!(
            took < Duration::from_secs(5),
            "agents lived on for {took:?}"
        );
        kept = committed_heartbeats(&scene);
        assert!(
            before.iter().all(|id| kept.binary_search(id).is_ok()),
            "a committed heartbeat is gone"
        );
    }
    scene.start();
    for ordinal in 0..3 {
        scene.wait_for_state(&format!("steady:{ordinal}"), "RUNNING");
    }
    let after = committed_heartbeats(&scene);
    assert!(
        kept.iter().all(|id| after.binary_search(id).is_ok()),
        "a committed heartbeat is gone"
    );
    scene.stop();
    let database = scene.database();
    let lost: i64 = database.value(
        "SELECT count(*) FROM invocations WHERE outcome = 'lost'",
        [],
    );
    let told: i64 = database.value(
        "SELECT count(*) FROM events WHERE kind = 'invocation_lost'",
        [],
    );
    assert!(lost > 0, "ten kills and nobody was running?");
    assert_eq!(told, lost, "each lost invocation is an event");
    let unexplained: i64 = database.value(
        "SELECT count(*) FROM invocations WHERE outcome = 'lost' AND (reason IS NULL OR reason = '')",
        [],
    );
    assert_eq!(unexplained, 0);
    assert_eq!(
        database.value::<i64>(
            "SELECT count(*) FROM incarnations WHERE ended_ms IS NOT NULL",
            []
        ),
        1,
        "only the last one ended in order"
    );
}
