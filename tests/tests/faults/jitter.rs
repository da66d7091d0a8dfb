//! Agents that fail together do not come back together, and delays have a cap (F28).
//! The arithmetic of the delays is tested in the lifecycle crate.

use end_to_end::{AgentsFile, Scene, wait_for_condition};

const INSTANCES: usize = 20;
const INITIAL_MS: i64 = 3000;

#[test]
fn twenty_agents_that_lose_the_same_dependency_spread_their_restarts() {
    let lines = format!(
        "instances = {INSTANCES}\nbackoff_initial = \"{INITIAL_MS}ms\"\nbackoff_max = \"{INITIAL_MS}ms\"\n"
    );
    let actions = ["heartbeat", "wait-for=down", "exit=1"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("herd", &lines, &actions));
    let names: Vec<String> = (0..INSTANCES)
        .map(|ordinal| format!("herd:{ordinal}"))
        .collect();
    for name in &names {
        scene.wait_for_state(name, "RUNNING");
    }
    scene.touch("down");
    let database = scene.database();
    let mut delays: Vec<i64> = names
        .iter()
        .map(|name| {
            let rows = wait_for_condition(&format!("the second start of {name}"), || {
                let rows = database.invocations(name);
                if rows.len() > 1 { Ok(rows) } else { Err(rows) }
            });
            rows[1].started_ms - rows[0].ended_ms.expect("the first has ended")
        })
        .collect();
    delays.sort_unstable();
    let spread = delays[INSTANCES - 1] - delays[0];
    assert!(spread > INITIAL_MS / 4, "{delays:?}");
    // Evenly spread, two of them start within a tenth of the time; half of all would be a herd.
    let herd = delays
        .windows(INSTANCES / 2)
        .map(|window| window[window.len() - 1] - window[0])
        .min();
    assert!(herd > Some(INITIAL_MS / 10), "{delays:?}");
}

#[test]
fn no_delay_is_longer_than_the_cap() {
    // Without the cap the fifth delay could be a million seconds.
    let lines = "backoff_initial = \"10ms\"\nbackoff_factor = 100.0\nbackoff_max = \"200ms\"\nshort_lived_max = 9\n\
                 fatal_retry = \"never\"\n";
    let mut scene = Scene::started(&AgentsFile::new().puppet("crasher", lines, &["exit=1"]));
    let row = scene.wait_for_state("crasher", "FATAL");
    let rows = scene.database().invocations("crasher");
    assert_eq!(rows.len(), 9, "{row:?}");
    let attempts: Vec<u32> = rows.iter().map(|row| row.attempt).collect();
    assert_eq!(attempts, (1..=9).collect::<Vec<u32>>());
}
