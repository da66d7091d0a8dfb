//! Who speaks is known from the pipe, never from what is said; and a pipe of an earlier process says nothing about the
//! present one (F30, second half). It does not try the timeouts themselves.

use end_to_end::{AgentsFile, Scene, processes};
use nix::sys::signal::Signal;

#[test]
fn a_message_cannot_speak_for_another() {
    let forged = "raw={\"type\":\"heartbeat\",\"seq\":77,\"agent\":\"victim\",\"name\":\"victim\",\
                  \"instance\":\"victim\",\"instance_id\":2,\"invocation\":2,\"invocation_id\":2}\\n";
    let agents = AgentsFile::new()
        .puppet("forger", "", &["hello=victim", forged, "idle"])
        .puppet(
            "victim",
            "heartbeat_timeout = \"never\"\n",
            &["ready", "idle"],
        );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("victim", "RUNNING");
    let forger = scene.wait_for_state("forger", "RUNNING");
    assert_eq!(
        forger.heartbeat.map(|beat| (beat.0, beat.2)),
        Some((77, forger.invocation_id.unwrap()))
    );
    assert_eq!(scene.instance("victim").heartbeat, None);
}

#[test]
fn bytes_of_an_earlier_invocation_never_refresh_the_present_one() {
    let lines = "heartbeat_timeout = \"700ms\"\nwatchdog_grace = \"200ms\"\n";
    let actions = [
        "heartbeat",
        "once=first",
        "leave-beating=left",
        "once=second",
        "exit=1",
        "once=third",
        "hang",
        "live=20ms",
    ];
    // In a control group the ghost would end with its agent.
    let agents = AgentsFile::new()
        .coordinator("cgroup = \"off\"")
        .puppet("haunted", lines, &actions);
    let mut scene = Scene::started(&agents);
    let left = scene.wait_for_pid("left");
    // The second invocation is silent; a living ghost must not keep it from being found.
    scene.wait_for_instance("haunted", "restarted twice", |row| {
        row.restarts == 2 && row.state == "RUNNING"
    });
    let database = scene.database();
    assert_eq!(
        database.events_of(Some("haunted"), "agent_unhealthy").len(),
        1
    );
    let invocations = database.invocations("haunted");
    let of_ghost: i64 = database.value(
        "SELECT count(*) FROM heartbeats WHERE seq > 1000000 AND invocation_id <> ?1",
        [invocations[0].invocation_id],
    );
    assert_eq!(
        of_ghost, 0,
        "heartbeats of the ghost were counted for a later invocation"
    );
    assert_eq!(invocations[1].heartbeats, 1, "{invocations:?}");
    processes::signal(left, Signal::SIGKILL);
}
