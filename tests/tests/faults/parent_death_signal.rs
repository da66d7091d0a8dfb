//! The parent-death signal follows the thread that started an agent: it is the one that lives as long as the process (F6).
//! What the next coordinator does about the dead one's records is tested beside (`killed_coordinator`).

use std::time::Duration;

use end_to_end::{AgentsFile, Scene, processes, wait_for_condition_within};
use nix::sys::signal::Signal;

fn agents() -> AgentsFile {
    AgentsFile::new()
        .puppet("worker", "instances = 10\n", &["live=20ms"])
        .puppet("late", "autostart = false\n", &["live=20ms"])
}

/// The children that this thread has started and nobody has reaped.
fn children_of_thread(process: i32, thread: i32) -> Vec<i32> {
    let path = format!("/proc/{process}/task/{thread}/children");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let pids = text
        .split_whitespace()
        .map(|word| word.parse().expect("a pid"));
    pids.collect()
}

#[test]
fn every_agent_is_a_child_of_the_main_thread_however_it_was_started() {
    let mut scene = Scene::started(&agents());
    let names: Vec<String> = (0..10).map(|ordinal| format!("worker:{ordinal}")).collect();
    for name in &names {
        scene.wait_for_state(name, "RUNNING");
    }
    // One by a verb, one after a crash.
    assert_eq!(scene.run(&["start", "late"]).status.code(), Some(0));
    processes::signal(scene.instance("worker:3").pid.unwrap(), Signal::SIGKILL);
    scene.wait_for_instance("worker:3", "back", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    let coordinator = scene.coordinator().pid();
    let of_main = children_of_thread(coordinator, coordinator);
    for name in names.iter().map(String::as_str).chain(["late"]) {
        let row = scene.instance(name);
        assert!(of_main.contains(&row.pid.unwrap()), "{row:?}: {of_main:?}");
    }
}

#[test]
fn all_agents_are_gone_a_second_after_the_coordinator_was_killed() {
    let mut scene = Scene::started(&agents());
    for ordinal in 0..10 {
        scene.wait_for_state(&format!("worker:{ordinal}"), "RUNNING");
    }
    scene.kill();
    let folder = scene.folder().to_owned();
    wait_for_condition_within("no agent lives", Duration::from_secs(1), || {
        let left = processes::living_with(&folder);
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}
