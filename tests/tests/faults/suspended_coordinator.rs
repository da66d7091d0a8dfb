//! A coordinator that slept longer than every heartbeat timeout kills nobody for it (F26).
//! Suspending the whole machine cannot be tried in a test; stopping coordinator and agent together comes close.

use std::time::Duration;

use end_to_end::{AgentsFile, Scene, let_time_pass, processes};
use nix::sys::signal::Signal;

#[test]
fn no_agent_is_killed_for_the_coordinator_s_own_sleep() {
    let lines = "heartbeat_timeout = \"1s\"\nwatchdog_grace = \"200ms\"\nready_timeout = \"1s\"\n";
    let agents = AgentsFile::new()
        .puppet("steady", lines, &["live=100ms"])
        .puppet("slow", lines, &["live=700ms"]);
    let mut scene = Scene::started(&agents);
    let before = [
        scene.wait_for_state("steady", "RUNNING"),
        scene.wait_for_state("slow", "RUNNING"),
    ];
    scene.coordinator().signal(Signal::SIGSTOP);
    let_time_pass(Duration::from_secs(3));
    scene.coordinator().signal(Signal::SIGCONT);
    let_time_pass(Duration::from_secs(2));
    for before in &before {
        let now = scene.instance(&before.name);
        assert_eq!(now.invocation_id, before.invocation_id, "{now:?}");
        assert!(processes::is_alive(before.pid.unwrap()), "{now:?}");
        assert!(
            scene
                .database()
                .events_of(Some(&before.name), "agent_unhealthy")
                .is_empty()
        );
    }
    // It goes on judging: an agent that is really silent now is found.
    processes::signal(before[0].pid.unwrap(), Signal::SIGSTOP);
    scene.wait_for_instance("steady", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    let first = scene.database().invocations("steady").remove(0);
    assert_eq!(first.outcome.as_deref(), Some("signaled"), "{first:?}");
}

#[test]
fn no_agent_is_killed_for_the_sleep_of_everybody() {
    let lines = "heartbeat_timeout = \"2s\"\nwatchdog_grace = \"200ms\"\n";
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", lines, &["live=100ms"]));
    let before = scene.wait_for_state("worker", "RUNNING");
    let agent = before.pid.expect("it runs");
    scene.coordinator().signal(Signal::SIGSTOP);
    processes::signal(agent, Signal::SIGSTOP);
    let_time_pass(Duration::from_secs(4));
    // The coordinator wakes first, and finds a heartbeat that is older than the timeout.
    scene.coordinator().signal(Signal::SIGCONT);
    let_time_pass(Duration::from_millis(500));
    processes::signal(agent, Signal::SIGCONT);
    let_time_pass(Duration::from_secs(3));
    assert_eq!(scene.instance("worker").invocation_id, before.invocation_id);
    assert!(
        scene
            .database()
            .events_of(Some("worker"), "agent_unhealthy")
            .is_empty()
    );
}
