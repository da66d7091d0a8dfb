//! Signals to the coordinator, as docs/operations.md lists them.
//! How long a stop may take is tested among the faults.

use std::os::unix::process::CommandExt;

use end_to_end::{AgentsFile, Scene};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

#[test]
fn ctrl_c_reaches_the_coordinator_only_and_leaves_nothing() {
    // INT would end this agent with a signal; being asked to stop ends it with code 0.
    let agents = AgentsFile::new()
        .puppet("worker", "instances = 3\n", &["live=20ms"])
        .plain("plain", "ready_after = \"0s\"\n", &["sleep", "1000000"]);
    let mut scene = Scene::new(&agents);
    let mut command = scene.command();
    command.args(["--agents", "agents.toml"]).process_group(0);
    scene.start_command(command);
    for name in ["worker:0", "worker:1", "worker:2", "plain"] {
        scene.wait_for_state(name, "RUNNING");
    }
    // As a terminal does: to the whole foreground group.
    killpg(Pid::from_raw(scene.coordinator().pid()), Signal::SIGINT).unwrap();
    let ended = scene.wait_for_end();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for name in ["worker:0", "worker:1", "worker:2"] {
        let invocation = scene.database().invocations(name).remove(0);
        assert_eq!(invocation.exit_code, Some(0), "{invocation:?}");
    }
    let plain = scene.database().invocations("plain").remove(0);
    assert_eq!(plain.reason.as_deref(), Some("killed by SIGTERM (15)"));
    assert!(
        !scene.path("coordinator.sock").exists(),
        "the socket goes with its coordinator"
    );
}

#[test]
fn hup_while_it_stops_is_ignored() {
    // What it does while it runs: see `reload`.
    let agents = AgentsFile::new().puppet("worker", "", &["live=20ms", "mark=stops", "wait=500ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    let database = scene.database();
    scene.coordinator().signal(Signal::SIGTERM);
    scene.wait_for_lines("stops", 1);
    scene.coordinator().signal(Signal::SIGHUP);
    let ended = scene.wait_for_end();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(database.invocations("worker")[0].exit_code, Some(0));
}

#[test]
fn a_stop_during_backoff_starts_nothing_more() {
    let lines = "backoff_initial = \"300ms\"\nbackoff_max = \"300ms\"\nshort_lived_max = 1000\nrestarts_max = 1000\n";
    let agents = AgentsFile::new()
        .puppet("slow", "", &["live=20ms", "mark=stops", "wait=1s"])
        .puppet("crasher", lines, &["exit=1"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("slow", "RUNNING");
    scene.wait_for_state("crasher", "BACKOFF");
    scene.coordinator().signal(Signal::SIGTERM);
    scene.wait_for_lines("stops", 1);
    let stopped = scene.database().invocations("crasher").len();
    scene.wait_for_end();
    assert_eq!(
        scene.database().invocations("crasher").len(),
        stopped,
        "started while stopping"
    );
    assert_eq!(scene.instance("crasher").state, "STOPPED");
}
