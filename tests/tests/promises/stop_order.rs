//! Agents are stopped in reverse order of start, each with a message and a signal.
//! Agents that do not want to stop are a fault, tested there.

use end_to_end::{AgentsFile, Scene, StatusLine};

#[test]
fn the_last_started_is_asked_first_and_dependents_end_before_what_they_need() {
    let actions = ["live=20ms", "mark=stops", "wait=200ms"];
    let agents = AgentsFile::new()
        .puppet("database", "", &actions)
        .puppet("service", "depends_on = [\"database\"]\n", &actions)
        .puppet("client", "depends_on = [\"service\"]\n", &actions);
    let mut scene = Scene::started(&agents);
    let names = ["client", "service", "database"];
    let pids = names.map(|name| {
        scene
            .wait_for_state(name, "RUNNING")
            .pid
            .unwrap()
            .to_string()
    });
    scene.stop();
    let stops = scene.lines("stops");
    let order: Vec<&str> = stops
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(order, pids, "{names:?}");
    let ends = names.map(|name| scene.database().invocations(name)[0].ended_ms.unwrap());
    assert!(ends.is_sorted(), "{names:?} ended at {ends:?}");
    for name in names {
        let row = scene.instance(name);
        assert_eq!(
            (row.state.as_str(), row.last_exit.as_deref()),
            ("STOPPED", Some("exit code 0")),
            "{row:?}"
        );
    }
}

#[test]
fn a_stop_message_comes_with_its_grace() {
    // TERM is ignored: only the message can tell this agent to end.
    let lines = "stop_timeout = \"5m\"\n";
    let actions = ["listen=input", "ignore=TERM", "live=20ms"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", lines, &actions));
    scene.wait_for_state("worker", "RUNNING");
    scene.stop();
    let input = scene.lines("input");
    let stop: serde_json::Value = serde_json::from_str(input.last().unwrap()).unwrap();
    assert_eq!(
        stop,
        serde_json::json!({"type": "stop", "grace_ms": 300_000}),
        "{input:?}"
    );
}

#[test]
fn a_stop_signal_of_its_own_is_used() {
    let lines = "stop_signal = \"USR1\"\nstop_timeout = \"5m\"\n";
    let mut scene =
        Scene::started(&AgentsFile::new().puppet("worker", lines, &["heartbeat", "hang"]));
    scene.wait_for_state("worker", "RUNNING");
    scene.stop();
    let invocation = scene.database().invocations("worker").remove(0);
    assert_eq!(
        invocation.reason.as_deref(),
        Some("killed by SIGUSR1 (10)"),
        "{invocation:?}"
    );
}

#[test]
fn stopping_is_seen_while_it_lasts() {
    let actions = ["live=20ms", "mark=stops", "wait=1s"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &actions));
    scene.wait_for_state("worker", "RUNNING");
    scene
        .coordinator()
        .signal(nix::sys::signal::Signal::SIGTERM);
    scene.wait_for_lines("stops", 1);
    let line: StatusLine = scene.status(&["worker"]).remove(0);
    assert_eq!(
        (line.state.as_str(), line.goal.to_lowercase().as_str()),
        ("STOPPING", "down"),
        "{line:?}"
    );
    let ended = scene.wait_for_end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let database = scene.database();
    assert_eq!(database.events_of(None, "coordinator_started").len(), 1);
    assert_eq!(database.events_of(None, "coordinator_stopping").len(), 1);
}
