//! Programs that know nothing of the protocol are kept alive too (`protocol = "none"`).
//! What they inherit is tested among the faults.

use end_to_end::{AgentsFile, Scene, processes};
use nix::sys::signal::Signal;

#[test]
fn it_runs_once_it_lived_long_enough_and_comes_back_when_killed() {
    let lines = "ready_after = \"300ms\"\n";
    let script = "echo started; echo '{\"type\":\"heartbeat\",\"seq\":5}'; echo trouble >&2; exec sleep 1000000";
    let mut scene =
        Scene::started(&AgentsFile::new().plain("legacy", lines, &["sh", "-c", script]));
    let row = scene.wait_for_state("legacy", "RUNNING");
    let first = scene.database().invocations("legacy").remove(0);
    assert!(
        first.ready_ms.unwrap() - first.started_ms >= 300,
        "{first:?}"
    );
    assert_eq!(
        row.heartbeat, None,
        "what it prints is text, whatever it looks like"
    );
    let line = scene.status(&["legacy"]).remove(0);
    assert_eq!(
        (line.protocol.as_str(), line.heartbeat_age_ms),
        ("none", None),
        "{line:?}"
    );
    processes::signal(row.pid.unwrap(), Signal::SIGKILL);
    scene.wait_for_instance("legacy", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    scene.stop();
    let log = scene.log("legacy.log");
    for wanted in [
        "out started",
        "out {\"type\":\"heartbeat\",\"seq\":5}",
        "err trouble",
    ] {
        assert_eq!(
            log.iter().filter(|text| *text == wanted).count(),
            2,
            "{wanted}: {log:?}"
        );
    }
}

#[test]
fn its_stdin_is_empty() {
    let script = "if read -r line; then exit 9; else exit 0; fi";
    let agents = AgentsFile::new().plain("reader", "restart = \"never\"\n", &["sh", "-c", script]);
    let mut scene = Scene::started(&agents);
    let row = scene.wait_for_state("reader", "EXITED");
    assert_eq!(row.last_exit.as_deref(), Some("exit code 0"));
}
