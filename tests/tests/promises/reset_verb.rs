//! `reset`: failures are forgotten; an agent in BACKOFF or FATAL gets its next attempt at once, others are left alone.

use end_to_end::{AgentsFile, Scene};

const LONG: &str = "backoff_initial = \"1h\"\nbackoff_factor = 1\nbackoff_max = \"1h\"\n";

#[test]
fn backoff_and_fatal_end_at_once_and_the_next_attempt_is_the_first() {
    let hopeless = "short_lived_max = 1\nfatal_retry = \"never\"\n";
    let agents = AgentsFile::new()
        .puppet(
            "waiting",
            LONG,
            &["once=waiting.crashed", "exit=3", "live=20ms"],
        )
        .puppet(
            "hopeless",
            hopeless,
            &["once=hopeless.crashed", "exit=3", "live=20ms"],
        )
        .puppet("stopped", "autostart = false\n", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("waiting", "BACKOFF");
    scene.wait_for_state("hopeless", "FATAL");
    scene.run_to(0, &["reset", "all"]);
    for name in ["waiting", "hopeless"] {
        scene.wait_for_state(name, "RUNNING");
        let invocations = scene.database().invocations(name);
        assert_eq!(invocations.len(), 2, "{invocations:?}");
        assert_eq!(invocations[1].attempt, 1, "{invocations:?}");
    }
    let stopped = scene.status(&["stopped"]).remove(0);
    assert_eq!(
        (stopped.state.as_str(), stopped.goal.as_str()),
        ("STOPPED", "down")
    );
    scene.run_to(5, &["reset", "nobody"]);
}

#[test]
fn a_running_agent_only_forgets() {
    let agents = AgentsFile::new().puppet(
        "worker",
        "",
        &[
            "once=first",
            "exit=1",
            "once=second",
            "exit=1",
            "heartbeat",
            "wait-for=go",
            "once=third",
            "exit=1",
            "live=20ms",
        ],
    );
    let mut scene = Scene::started(&agents);
    let running = scene.wait_for_state("worker", "RUNNING");
    assert_eq!(scene.database().invocations("worker")[2].attempt, 3);
    scene.run_to(0, &["reset", "worker"]);
    assert_eq!(scene.status(&["worker"])[0].pid, running.pid);
    scene.touch("go");
    scene.wait_for_instance("worker", "its fourth invocation", |row| {
        row.state == "RUNNING" && row.invocation_id > running.invocation_id
    });
    let attempt = scene.database().invocations("worker")[3].attempt;
    assert_eq!(attempt, 2, "one failure since the reset");
}
