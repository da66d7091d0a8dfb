//! When an agent is started again, and what is said about it: restart, EXITED, BACKOFF, FATAL.
//! The policy's arithmetic is tested in the lifecycle crate.

use end_to_end::{AgentsFile, Scene, let_time_pass, processes};
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn an_agent_that_is_killed_comes_back_and_the_reason_is_told() {
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    let first = scene.wait_for_state("worker", "RUNNING");
    processes::signal(first.pid.unwrap(), Signal::SIGKILL);
    let second = scene.wait_for_instance("worker", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    assert_ne!(second.pid, first.pid);
    assert_eq!(second.last_exit.as_deref(), Some("killed by SIGKILL (9)"));
    let database = scene.database();
    let invocations = database.invocations("worker");
    assert_eq!(invocations.len(), 2);
    assert_eq!(invocations[0].outcome.as_deref(), Some("signaled"));
    assert_eq!(
        invocations[0].reason.as_deref(),
        Some("killed by SIGKILL (9)")
    );
    assert!(
        invocations[0].heartbeats > 0 && invocations[0].ready_ms.is_some(),
        "{invocations:?}"
    );
    let exited = database.events_of(Some("worker"), "agent_exited");
    assert_eq!(exited.len(), 1, "{exited:?}");
    assert!(
        exited[0].message.contains("killed by SIGKILL (9)"),
        "{exited:?}"
    );
    assert_eq!(database.events_of(Some("worker"), "agent_started").len(), 2);
    assert_eq!(database.events_of(Some("worker"), "agent_ready").len(), 2);
}

#[test]
fn restart_follows_the_policy() {
    let agents = AgentsFile::new()
        .puppet(
            "always",
            "restart = \"always\"\n",
            &["heartbeat", "once=a", "exit=0", "live=20ms"],
        )
        .puppet(
            "failed",
            "restart = \"on-failure\"\n",
            &["heartbeat", "once=b", "exit=9", "live=20ms"],
        )
        .puppet(
            "finished",
            "restart = \"on-failure\"\n",
            &["heartbeat", "exit=0"],
        )
        .puppet(
            "success",
            "restart = \"on-failure\"\nsuccess_exit_codes = [0, 7]\n",
            &["heartbeat", "exit=7"],
        )
        .puppet("never", "restart = \"never\"\n", &["heartbeat", "exit=9"]);
    let mut scene = Scene::started(&agents);
    for name in ["always", "failed"] {
        scene.wait_for_instance(name, "restarted", |row| {
            row.state == "RUNNING" && row.last_exit.is_some()
        });
        assert_eq!(scene.database().invocations(name).len(), 2, "{name}");
    }
    for (name, exit) in [
        ("finished", "exit code 0"),
        ("success", "exit code 7"),
        ("never", "exit code 9"),
    ] {
        let row = scene.wait_for_state(name, "EXITED");
        assert_eq!(row.last_exit.as_deref(), Some(exit), "{row:?}");
        assert_eq!(
            (row.restarts, row.next_attempt_ms, row.pid),
            (0, None, None),
            "{row:?}"
        );
    }
    let_time_pass(Duration::from_millis(500));
    for name in ["finished", "success", "never"] {
        assert_eq!(
            scene.database().invocations(name).len(),
            1,
            "{name} was started again"
        );
    }
}

#[test]
fn too_many_restarts_are_fatal_and_tried_again_slowly() {
    let lines = "short_lived_max = 4\nfatal_retry = \"1s\"\n";
    let actions = [
        "once=a",
        "exit=1",
        "once=b",
        "exit=1",
        "once=c",
        "exit=1",
        "once=d",
        "exit=1",
        "live=20ms",
    ];
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", lines, &actions));
    let row = scene.wait_for_state("worker", "FATAL");
    assert!(row.reason.contains('4'), "it says how often: {row:?}");
    assert!(row.next_attempt_ms.is_some(), "{row:?}");
    assert_eq!(scene.database().invocations("worker").len(), 4);
    assert_eq!(
        scene
            .database()
            .events_of(Some("worker"), "agent_fatal")
            .len(),
        1
    );
    scene.wait_for_state("worker", "RUNNING");
}

#[test]
fn too_many_restarts_in_the_window_are_fatal_too() {
    let lines = "restarts_max = 3\nstable_after = \"0s\"\nfatal_retry = \"never\"\n";
    let mut scene = Scene::started(&AgentsFile::new().puppet(
        "worker",
        lines,
        &["heartbeat", "wait=20ms", "exit=1"],
    ));
    let row = scene.wait_for_state("worker", "FATAL");
    assert_eq!(row.next_attempt_ms, None, "{row:?}");
    let database = scene.database();
    assert_eq!(
        database.invocations("worker").len(),
        4,
        "one start and three restarts"
    );
    let_time_pass(Duration::from_millis(300));
    assert_eq!(database.invocations("worker").len(), 4);
}

#[test]
fn a_healthy_time_makes_the_next_failure_the_first_again() {
    let lines = "stable_after = \"300ms\"\nshort_lived_max = 3\n";
    let actions = [
        "heartbeat",
        "once=a",
        "exit=1",
        "once=b",
        "exit=1",
        "once=c",
        "beat=40/20ms",
        "once=d",
        "exit=1",
        "live=20ms",
    ];
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", lines, &actions));
    scene.wait_for_instance("worker", "three restarts", |row| {
        row.restarts == 3 && row.state == "RUNNING"
    });
    let attempts: Vec<u32> = scene
        .database()
        .invocations("worker")
        .iter()
        .map(|row| row.attempt)
        .collect();
    assert_eq!(
        attempts,
        [1, 2, 3, 1],
        "the third lived long enough: 1 is the first after a healthy time"
    );
}
