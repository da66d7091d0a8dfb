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
