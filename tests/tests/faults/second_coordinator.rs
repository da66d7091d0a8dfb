//! A second coordinator on the same database refuses and disturbs nothing (F32).
//! Which exit code means what is documented in docs/operations.md.

use std::os::unix::fs::MetadataExt;

use end_to_end::{AgentsFile, Scene};

#[test]
fn it_refuses_with_a_clear_message_and_leaves_socket_and_lock_alone() {
    let agents = AgentsFile::new().puppet("worker", "", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    let before = scene.wait_for_state("worker", "RUNNING");
    let inode = |name: &str| std::fs::metadata(scene.path(name)).unwrap().ino();
    let files = [
        "coordinator.sock",
        "shared_state.db.lock",
        "shared_state.db",
    ];
    let inodes = files.map(inode);

    let output = scene.run(&["--agents", "agents.toml"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    let pid = scene.coordinator().pid().to_string();
    assert!(message.contains("lock"), "{message}");
    assert!(
        message.contains(&pid),
        "the message names the one that holds it: {message}"
    );

    let inode = |name: &str| std::fs::metadata(scene.path(name)).unwrap().ino();
    assert_eq!(files.map(inode), inodes);
    let after = scene.status(&["worker"]).remove(0);
    assert_eq!((after.state.as_str(), after.pid), ("RUNNING", before.pid));
    assert_eq!(
        scene
            .database()
            .value::<i64>("SELECT count(*) FROM incarnations", []),
        1
    );
    scene.stop();

    // The lock ends with its holder, not with its file.
    scene.start();
    scene.wait_for_state("worker", "RUNNING");
}

#[test]
fn one_on_another_database_does_not_take_the_socket_over() {
    let agents = AgentsFile::new().puppet("worker", "", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    let before = scene.wait_for_state("worker", "RUNNING");
    let socket = scene.path("coordinator.sock");
    let output = scene.run(&[
        "--agents",
        "agents.toml",
        "--database",
        "other.db",
        "--socket",
        socket.to_str().unwrap(),
    ]);
    assert_ne!(output.status.code(), Some(0), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("coordinator.sock"),
        "{output:?}"
    );
    assert_eq!(scene.status(&["worker"])[0].pid, before.pid);
}
