//! Agents that outlive a killed coordinator are found by pid and start time, and ended; others are left alone (F31).
//! What was recorded is the matter of `killed_coordinator`.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use end_to_end::{AgentsFile, Scene, processes, program};

#[test]
fn a_survivor_is_ended_before_its_successor_starts() {
    let agents = AgentsFile::new().puppet(
        "survivor",
        "",
        &["mark=marks", "survive", "heartbeat", "hang"],
    );
    let mut scene = Scene::started(&agents);
    let pid = scene
        .wait_for_state("survivor", "RUNNING")
        .pid
        .expect("it runs");
    scene.kill();
    assert!(
        processes::is_alive(pid),
        "it must outlive the coordinator for this test to mean anything"
    );
    scene.start();
    let row = scene.wait_for_instance("survivor", "started again", |row| {
        row.state == "RUNNING" && row.pid.is_some_and(|now| now != pid)
    });
    assert!(!processes::is_alive(pid));
    let invocations = scene.database().invocations("survivor");
    assert_eq!(invocations.len(), 2);
    assert_eq!(invocations[0].outcome.as_deref(), Some("lost"));
    assert_eq!(Some(invocations[1].invocation_id), row.invocation_id);
    assert_eq!(scene.lines("marks").len(), 2);
    let events = scene.database().events();
    assert!(
        events
            .iter()
            .any(|event| event.kind == "orphan_ended" && event.message.contains(&pid.to_string())),
        "{events:#?}"
    );
}

#[test]
fn a_survivor_whose_invocation_was_never_committed_is_ended_too() {
    let agents = AgentsFile::new().puppet("parent", "", &["child=child", "live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("parent", "RUNNING");
    let child = scene.wait_for_pid("child");
    scene.kill();
    // As if the kill had come before the transaction.
    let connection = rusqlite::Connection::open(scene.database().path()).unwrap();
    let removed = connection
        .execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM heartbeats; DELETE FROM latest_heartbeats; DELETE FROM invocations;");
    removed.unwrap();
    drop(connection);
    assert!(processes::is_alive(child));
    scene.start();
    scene.wait_for_state("parent", "RUNNING");
    assert!(!processes::is_alive(child));
}

#[test]
fn what_an_ended_invocation_left_is_ended_by_the_next_coordinator() {
    let lines = "restart = \"never\"\n";
    // In a control group it would have ended with its agent.
    let agents = AgentsFile::new().coordinator("cgroup = \"off\"").puppet(
        "leaver",
        lines,
        &["leave=left", "exit=0"],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("leaver", "EXITED");
    let left = scene.wait_for_pid("left");
    scene.kill();
    assert!(processes::is_alive(left));
    scene.start();
    scene.wait_for_instance("leaver", "started again", |row| {
        row.invocation_id == Some(2)
    });
    assert!(!processes::is_alive(left));
}

/// A process that has nothing to do with the coordinator; ends with the test, also with a failed one.
struct Bystander(Child);

impl Bystander {
    fn start() -> Self {
        let mut command = Command::new(program("puppet"));
        // It leads a group, as an agent does: whoever kills the group would hit it.
        let child = command
            .arg("hang")
            .stdin(Stdio::null())
            .process_group(0)
            .spawn();
        Self(child.expect("the puppet starts"))
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn another_process_that_has_the_pid_now_is_left_alone() {
    let agents = AgentsFile::new().puppet("worker", "", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    scene.kill();
    let mut bystander = Bystander::start();
    // As if the pid had been given to another process since: same pid, other start time.
    let connection = rusqlite::Connection::open(scene.database().path()).unwrap();
    let changed = connection
        .execute(
            "UPDATE invocations SET pid = ?1 WHERE ended_ms IS NULL",
            [bystander.0.id()],
        )
        .unwrap();
    assert_eq!(changed, 1);
    drop(connection);
    scene.start();
    scene.wait_for_instance("worker", "started again", |row| {
        row.state == "RUNNING" && row.heartbeat.is_some()
    });
    scene.stop();
    let ended = bystander.0.try_wait().unwrap();
    assert_eq!(
        ended, None,
        "a process that only has the same pid was ended"
    );
    assert_eq!(
        scene.database().invocations("worker")[0].outcome.as_deref(),
        Some("lost")
    );
}
