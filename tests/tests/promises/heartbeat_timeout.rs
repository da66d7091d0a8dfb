//! A silent agent: UNHEALTHY, then the watchdog signal, then KILL, then a restart.
//! When the clock begins is tested among the faults.

use end_to_end::{AgentsFile, Scene};

#[test]
fn a_hung_agent_gets_abrt_then_kill_and_comes_back() {
    let lines = "heartbeat_timeout = \"400ms\"\nwatchdog_grace = \"1s\"\n";
    let actions = [
        "ignore=ABRT",
        "heartbeat",
        "once=first",
        "hang",
        "live=20ms",
    ];
    let mut scene = Scene::started(&AgentsFile::new().puppet("hung", lines, &actions));
    let row = scene.wait_for_state("hung", "UNHEALTHY");
    assert!(row.reason.contains("heartbeat"), "{row:?}");
    assert!(row.pid.is_some(), "{row:?}");
    scene.wait_for_instance("hung", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    let database = scene.database();
    let first = database.invocations("hung").remove(0);
    assert_eq!(
        first.reason.as_deref(),
        Some("no heartbeat within 400ms; killed by SIGKILL (9)"),
        "{first:?}"
    );
    let lived_ms = first.ended_ms.unwrap() - first.started_ms;
    assert!(
        lived_ms >= 1400,
        "silence and grace take 1400 ms, it was {lived_ms}"
    );
    let unhealthy = database.events_of(Some("hung"), "agent_unhealthy");
    assert_eq!(unhealthy.len(), 1, "{unhealthy:?}");
}

#[test]
fn abrt_alone_is_enough_for_one_that_does_not_ignore_it() {
    let lines = "heartbeat_timeout = \"400ms\"\nwatchdog_grace = \"5m\"\n";
    let actions = ["heartbeat", "once=first", "hang", "live=20ms"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("hung", lines, &actions));
    let row = scene.wait_for_instance("hung", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    assert_eq!(
        row.last_exit.as_deref(),
        Some("no heartbeat within 400ms; killed by SIGABRT (6)"),
        "{row:?}"
    );
}

#[test]
fn degraded_and_error_are_shown_and_not_restarted() {
    let error =
        "raw={\"type\":\"heartbeat\",\"seq\":8,\"status\":\"error\",\"message\":\"no disk\"}\\n";
    let mut scene =
        Scene::started(&AgentsFile::new().puppet("sick", "", &["heartbeat", error, "idle"]));
    scene.wait_for_instance("sick", "its error", |row| {
        row.heartbeat.as_ref().is_some_and(|beat| beat.0 == 8)
    });
    let line = scene.status(&["sick"]).remove(0);
    assert_eq!(
        (line.state.as_str(), line.status.as_deref()),
        ("RUNNING", Some("error")),
        "{line:?}"
    );
    assert_eq!(
        (line.message.as_deref(), line.restarts),
        (Some("no disk"), 0),
        "{line:?}"
    );
}
