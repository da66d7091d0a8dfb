//! Stop and start in quick succession: never two processes alive, and the late end of an old invocation touches nothing
//! of the new one (F9, F10). What the verbs print is the matter of the promises.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use end_to_end::{AgentsFile, InstanceRow, Scene, let_time_pass, processes, wait_for_condition};

/// Holds a lock for as long as the process lives: a second one alive at the same time finds it taken.
const LOCKING: &str =
    "exec 9>lock; flock -n 9 || echo $$ >>overlaps; echo $$ >>starts; exec sleep 1000000";
/// The same, deaf to TERM: its end comes late, at its stop timeout.
const DEAF: &str = "trap '' TERM; exec 9>lock; flock -n 9 || echo $$ >>overlaps; echo $$ >>starts; exec sleep 1000000";

/// Sends the verbs one after another without waiting for their effects; by the socket itself, since a process for each would
/// give the coordinator time to breathe.
fn storm(scene: &Scene, verbs: &[&str], rounds: usize) {
    let socket = scene.path("coordinator.sock");
    for round in 0..rounds {
        for verb in verbs {
            let question = format!(
                "{{\"verb\":\"act\",\"change\":\"{verb}\",\"names\":[\"worker\"],\"wait_ms\":null}}\n"
            );
            let mut client = UnixStream::connect(&socket).expect("the coordinator answers");
            client.write_all(question.as_bytes()).expect("it listens");
            let mut answer = String::new();
            client.read_to_string(&mut answer).expect("it answers");
            assert!(answer.starts_with("{\"done\""), "{verb} {round}: {answer}");
        }
    }
}

/// Waits for the last state of the storm: the coordinator's own word first, then the row that says the same of the same
/// invocation. Rows alone may still tell of the middle of it.
fn wait_until_settled(scene: &mut Scene, state: &str) -> InstanceRow {
    let now = wait_for_condition("the storm is over", || {
        let now = scene.status(&["worker"]).remove(0);
        if now.state == state {
            Ok(now)
        } else {
            Err(Box::new(now))
        }
    });
    scene.wait_for_instance("worker", "the row says so too", |row| {
        row.state == now.state && row.invocation_id == now.invocation_id
    })
}

/// What must be true once the storm is over, by all witnesses.
fn check(scene: &mut Scene) {
    let settled = wait_until_settled(scene, "RUNNING");
    assert!(
        settled.goal == "up" && settled.pid.is_some_and(processes::is_alive),
        "{settled:?}"
    );
    let invocations = scene.database().invocations("worker");
    let newest = invocations.last().expect("it was started");
    assert_eq!(settled.invocation_id, Some(newest.invocation_id));
    assert_eq!((settled.pid, newest.ended_ms), (newest.pid, None));
    // An old end that comes late would show itself now.
    let_time_pass(Duration::from_millis(500));
    assert_eq!(scene.instance("worker"), settled);
    assert_eq!(scene.status(&["worker"])[0].pid, settled.pid);
    assert_eq!(settled.restarts, 0, "what was asked for is no restart");
    for ended in &invocations[..invocations.len() - 1] {
        assert!(ended.ended_ms.is_some(), "it is over: {ended:?}");
        assert!(
            ended.ended_ms <= Some(newest.started_ms),
            "{ended:?} {newest:?}"
        );
    }
    assert_eq!(
        scene.lines("overlaps"),
        Vec::<String>::new(),
        "two were alive"
    );
    // Each process that came to its first line is one row, in the same order.
    let mut pids = invocations.iter().filter_map(|row| row.pid);
    for started in scene.lines("starts") {
        assert!(
            pids.any(|pid| pid.to_string() == started),
            "{started} has no row"
        );
    }
}

#[test]
fn stop_and_start_in_quick_succession_never_overlap() {
    let agents =
        AgentsFile::new().plain("worker", "ready_after = \"0s\"\n", &["sh", "-c", LOCKING]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    storm(&scene, &["stop", "start"], 1000);
    check(&mut scene);
    assert!(
        scene.database().invocations("worker").len() > 200,
        "most starts took place"
    );
}

#[test]
fn the_late_end_of_an_old_invocation_leaves_the_new_one_s_row_alone() {
    let lines = "ready_after = \"0s\"\nstop_timeout = \"40ms\"\n";
    let agents = AgentsFile::new().plain("worker", lines, &["sh", "-c", DEAF]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    storm(&scene, &["stop", "start", "restart"], 400);
    check(&mut scene);
    let invocations = scene.database().invocations("worker");
    assert!(
        invocations.iter().any(|row| row.signal == Some(9)),
        "its ends were late"
    );
}

#[test]
fn a_stop_that_overtakes_the_start_leaves_it_stopped() {
    let agents =
        AgentsFile::new().plain("worker", "ready_after = \"0s\"\n", &["sh", "-c", LOCKING]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    storm(&scene, &["start", "restart", "stop"], 200);
    let settled = wait_until_settled(&mut scene, "STOPPED");
    assert_eq!((settled.goal.as_str(), settled.pid), ("down", None));
    let starts = scene.database().invocations("worker").len();
    let_time_pass(Duration::from_millis(300));
    assert_eq!(scene.database().invocations("worker").len(), starts);
    assert_eq!(scene.status(&["worker"])[0].state, "STOPPED");
}
