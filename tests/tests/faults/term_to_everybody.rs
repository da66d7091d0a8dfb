//! A service manager that sends TERM to all processes at once: nothing is started again, exit code 0 (F13).
//! TERM to the coordinator alone is the normal case, tested among the promises.

use end_to_end::{AgentsFile, Scene, processes};
use nix::sys::signal::Signal;

#[test]
fn term_to_the_whole_group_at_once_restarts_nothing() {
    let fast = "instances = 5\nbackoff_initial = \"0s\"\nbackoff_max = \"0s\"\n";
    let agents = AgentsFile::new().puppet("worker", fast, &["heartbeat", "hang"]);
    let mut scene = Scene::started(&agents);
    let names: Vec<String> = (0..5).map(|ordinal| format!("worker:{ordinal}")).collect();
    let pids: Vec<i32> = names
        .iter()
        .map(|name| scene.wait_for_state(name, "RUNNING").pid.expect("it runs"))
        .collect();
    scene.coordinator().signal(Signal::SIGTERM);
    for pid in pids {
        processes::signal(pid, Signal::SIGTERM);
    }
    let ended = scene.wait_for_end();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for name in &names {
        let invocations = scene.database().invocations(name);
        assert_eq!(invocations.len(), 1, "{invocations:?}");
        assert_eq!(invocations[0].signal, Some(15), "{invocations:?}");
        assert_eq!(scene.instance(name).state, "STOPPED");
    }
}
