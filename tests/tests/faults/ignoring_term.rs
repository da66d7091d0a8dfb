//! How long a stop takes: to the timeout and no longer, and no longer than the agent needs (F7).
//! The order among agents is a promise tested elsewhere.

use std::time::{Duration, Instant};

use end_to_end::{AgentsFile, Scene, processes};
use nix::sys::signal::Signal;

#[test]
fn an_agent_that_ignores_term_is_killed_at_its_timeout() {
    let agents = AgentsFile::new().puppet(
        "stubborn",
        "stop_timeout = \"1s\"\n",
        &["ignore=TERM", "heartbeat", "hang"],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("stubborn", "RUNNING");
    let begin = Instant::now();
    scene.coordinator().signal(Signal::SIGTERM);
    scene.wait_for_state("stubborn", "STOPPING");
    let ended = scene.wait_for_end();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "killed before its timeout"
    );
    let invocation = scene.database().invocations("stubborn").remove(0);
    assert_eq!(invocation.outcome.as_deref(), Some("signaled"));
    assert_eq!(invocation.signal, Some(9));
    assert_eq!(invocation.reason.as_deref(), Some("killed by SIGKILL (9)"));
}

#[test]
fn an_agent_that_exits_early_ends_the_wait_at_once() {
    let agents = AgentsFile::new().puppet("polite", "stop_timeout = \"10m\"\n", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("polite", "RUNNING");
    scene.stop();
    let invocation = scene.database().invocations("polite").remove(0);
    assert_eq!(invocation.exit_code, Some(0), "{invocation:?}");
    assert_eq!(scene.instance("polite").state, "STOPPED");
}

#[test]
fn a_stopped_process_is_continued_so_that_it_can_react() {
    let agents = AgentsFile::new().puppet("asleep", "stop_timeout = \"10m\"\n", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    let row = scene.wait_for_state("asleep", "RUNNING");
    processes::signal(row.pid.expect("it runs"), Signal::SIGSTOP);
    scene.stop();
    let invocation = scene.database().invocations("asleep").remove(0);
    assert_eq!(invocation.exit_code, Some(0), "{invocation:?}");
}

#[test]
fn a_second_term_does_not_wait_for_the_timeout() {
    let lines = "stop_timeout = \"10m\"\n";
    let agents = AgentsFile::new().puppet("stubborn", lines, &["ignore=TERM", "heartbeat", "hang"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("stubborn", "RUNNING");
    scene.coordinator().signal(Signal::SIGTERM);
    scene.wait_for_state("stubborn", "STOPPING");
    scene.coordinator().signal(Signal::SIGTERM);
    scene.wait_for_end();
    let invocation = scene.database().invocations("stubborn").remove(0);
    assert_eq!(invocation.signal, Some(9), "{invocation:?}");
}
