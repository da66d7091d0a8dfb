//! When the clock of the heartbeats runs: after the first one, and only then (F30, first half).
//! Whose heartbeats they are is the matter of `identity_comes_from_the_pipe`.

use end_to_end::{AgentsFile, Scene};

#[test]
fn a_slow_start_is_not_a_missing_heartbeat() {
    let lines = "heartbeat_timeout = \"500ms\"\nready_timeout = \"1m\"\n";
    let agents = AgentsFile::new().puppet("slow", lines, &["wait=2s", "live=20ms"]);
    let mut scene = Scene::started(&agents);
    let row = scene.wait_for_state("slow", "RUNNING");
    assert_eq!(row.restarts, 0, "{row:?}");
    assert_eq!(scene.database().invocations("slow").len(), 1);
}

#[test]
fn an_agent_that_is_never_ready_is_restarted_and_the_reason_says_so() {
    let lines = "ready_timeout = \"500ms\"\nstop_timeout = \"200ms\"\nwatchdog_grace = \"200ms\"\n";
    let agents = AgentsFile::new().puppet("mute", lines, &["once=first", "hang", "live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_instance("mute", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    let database = scene.database();
    let first = database.invocations("mute").remove(0);
    assert_eq!(first.outcome.as_deref(), Some("signaled"), "{first:?}");
    assert_eq!(first.ready_ms, None);
    let events = database.events();
    assert!(
        events
            .iter()
            .any(|event| event.instance.as_deref() == Some("mute")
                && event.message.contains("ready")),
        "{events:#?}"
    );
}

#[test]
fn after_ready_the_heartbeats_are_expected() {
    let lines =
        "ready_timeout = \"300ms\"\nheartbeat_timeout = \"500ms\"\nwatchdog_grace = \"200ms\"\n";
    let actions = ["ready", "once=first", "hang", "live=20ms"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("silent", lines, &actions));
    scene.wait_for_instance("silent", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    assert_eq!(
        scene
            .database()
            .events_of(Some("silent"), "agent_unhealthy")
            .len(),
        1
    );
}
