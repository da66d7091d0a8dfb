//! An agent that closes stdout and lives on is still supervised, and costs nothing (F16).
//! That a silent agent is found by its missing heartbeats is shown as well.

use std::time::Duration;

use end_to_end::{AgentsFile, Scene, let_time_pass, processes};
use nix::sys::signal::Signal;

#[test]
fn there_is_no_busy_loop_and_its_death_is_seen() {
    let lines = "heartbeat_timeout = \"never\"\n";
    let actions = ["heartbeat", "close-stdout", "close-stderr", "hang"];
    let agents = AgentsFile::new().puppet("mute", lines, &actions);
    let mut scene = Scene::started(&agents);
    let first = scene.wait_for_state("mute", "RUNNING");
    let coordinator = scene.coordinator().pid();
    let cpu = || processes::stat(coordinator).expect("it runs").cpu;
    let_time_pass(Duration::from_millis(500));
    let before = cpu();
    let_time_pass(Duration::from_secs(2));
    let spent = cpu() - before;
    assert!(
        spent < Duration::from_millis(300),
        "{spent:?} of processor time in two quiet seconds"
    );
    assert_eq!(scene.instance("mute").invocation_id, first.invocation_id);

    processes::signal(first.pid.expect("it runs"), Signal::SIGKILL);
    scene.wait_for_instance("mute", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    let invocation = scene.database().invocations("mute").remove(0);
    assert_eq!(invocation.signal, Some(9), "{invocation:?}");
}

#[test]
fn without_heartbeats_it_is_unhealthy_as_any_other() {
    let lines = "heartbeat_timeout = \"500ms\"\nwatchdog_grace = \"100ms\"\n";
    let actions = [
        "heartbeat",
        "once=first",
        "close-stdout",
        "once=second",
        "hang",
        "live=20ms",
    ];
    let agents = AgentsFile::new().puppet("mute", lines, &actions);
    let mut scene = Scene::started(&agents);
    scene.wait_for_instance("mute", "restarted", |row| {
        row.restarts >= 1 && row.state == "RUNNING"
    });
    assert!(
        !scene
            .database()
            .events_of(Some("mute"), "agent_unhealthy")
            .is_empty()
    );
}
