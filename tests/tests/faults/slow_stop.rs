//! Agents that take their time to stop block no command for another, nor its restart after a crash (F15).
//! How they are killed in the end is tested beside (`ignoring_term`).

use std::time::{Duration, Instant};

use end_to_end::{AgentsFile, Scene, processes};
use nix::sys::signal::Signal;

#[test]
fn many_slow_stops_delay_no_verb_for_another_and_no_restart() {
    let slow = "instances = 20\nstop_timeout = \"6s\"\n";
    let agents = AgentsFile::new()
        .puppet("slow", slow, &["ignore=TERM", "heartbeat", "hang"])
        .puppet("quick", "", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    for ordinal in 0..20 {
        scene.wait_for_state(&format!("slow:{ordinal}"), "RUNNING");
    }
    let before = scene.wait_for_state("quick", "RUNNING");
    let begun = Instant::now();
    // Its client waits for the effect all the time.
    let mut command = scene.command();
    let waiting = command
        .args(["stop", "slow"])
        .stdout(std::process::Stdio::null());
    let mut waiting = waiting.spawn().expect("the program runs");
    scene.wait_for_state("slow:0", "STOPPING");
    for arguments in [
        &["restart", "quick"][..],
        &["stop", "quick"],
        &["start", "quick"],
        &["signal", "SIGCONT", "quick"],
        &["status", "quick"],
    ] {
        let output = scene.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    }
    let again = scene.wait_for_state("quick", "RUNNING");
    assert!(again.invocation_id > before.invocation_id);
    processes::signal(again.pid.expect("it runs"), Signal::SIGKILL);
    scene.wait_for_instance("quick", "back after a crash", |row| {
        row.state == "RUNNING" && row.restarts == 1
    });
    assert_eq!(
        scene.instance("slow:0").state,
        "STOPPING",
        "it was quicker than the slow ones"
    );
    assert!(begun.elapsed() < Duration::from_secs(6));
    assert_eq!(waiting.wait().expect("it ends").code(), Some(0));
    assert!(
        begun.elapsed() > Duration::from_secs(6),
        "it returns when they are down"
    );
}
