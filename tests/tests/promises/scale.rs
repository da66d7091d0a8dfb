//! `scale`: more or fewer instances of a running agent; those that go on are left alone. Each knows its ordinal.

use end_to_end::{AgentsFile, Scene};

const SAYS: &str = r#"echo "$AGENT_INSTANCE $INSTANCE" >> said; exec sleep 1000000"#;

/// Name, state and invocation of all.
fn all(scene: &Scene) -> Vec<(String, String, Option<i64>)> {
    let lines = scene.status(&[]);
    lines
        .into_iter()
        .map(|line| (line.name, line.state, line.invocation_id))
        .collect()
}

fn names(scene: &Scene) -> Vec<String> {
    all(scene).into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn up_and_down_leaves_those_that_go_on_alone_and_the_highest_stop() {
    let quick = "ready_after = \"0s\"\n";
    let agents = AgentsFile::new().plain("worker", quick, &["sh", "-c", SAYS]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    let first = all(&scene).remove(0);
    scene.run_to(0, &["scale", "worker", "3"]);
    assert_eq!(names(&scene), ["worker", "worker:1", "worker:2"]);
    assert!(
        all(&scene).iter().all(|(_, state, _)| state == "RUNNING"),
        "{:?}",
        all(&scene)
    );
    assert_eq!(all(&scene)[0], first, "the one that ran was left alone");
    let mut said = scene.lines("said");
    said.sort();
    assert_eq!(said, ["worker 0", "worker:1 1", "worker:2 2"]);
    let second = all(&scene).remove(1);
    scene.run_to(0, &["scale", "worker", "2"]);
    assert_eq!(all(&scene), [first.clone(), second.clone()]);
    // Rows follow what is true; a verb does not wait for the disk.
    scene.wait_for_state("worker:2", "STOPPED");
    // What was scaled stays so over an upgrade, and one that comes back is the same as before.
    scene.run_to(0, &["upgrade"]);
    assert_eq!(all(&scene), [first.clone(), second]);
    scene.run_to(0, &["scale", "worker", "3"]);
    scene.wait_for_state("worker:2", "RUNNING");
    assert_eq!(scene.database().invocations("worker:2").len(), 2);
    // The file says one.
    scene.run_to(0, &["reload"]);
    scene.run_to(0, &["wait", "worker", "--for", "running"]);
    assert_eq!(names(&scene)[0], "worker");
    scene.wait_for_instance("worker:1", "down", |row| row.state == "STOPPED");
    assert_eq!(all(&scene)[0], first);
}

#[test]
fn several_by_the_file_keep_their_names_too() {
    let agents = AgentsFile::new().puppet("worker", "instances = 2\n", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    for name in ["worker:0", "worker:1"] {
        scene.wait_for_state(name, "RUNNING");
    }
    let first = all(&scene).remove(0);
    scene.run_to(0, &["scale", "worker", "1"]);
    assert_eq!(all(&scene), [first]);
    scene.run_to(0, &["reload"]);
    scene.wait_for_state("worker:1", "RUNNING");
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let agents = AgentsFile::new()
        .puppet("worker", "", &["live=20ms"])
        .puppet("worker.1", "", &["live=20ms"])
        .puppet("late", "", &["hang"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    let told = scene.run_to(1, &["scale", "worker", "2"]);
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(
        told.contains("worker.1.log") && told.contains("nothing has changed"),
        "{told}"
    );
    scene.run_to(1, &["scale", "late", "10000"]);
    scene.run_to(2, &["scale", "worker", "0"]);
    scene.run_to(5, &["scale", "nobody", "2"]);
    assert_eq!(names(&scene), ["worker", "worker.1", "late"]);
    let told = scene.run_to(1, &["scale", "late", "2", "--timeout", "1"]);
    assert!(String::from_utf8_lossy(&told.stderr).contains("not in time: late, late:1"));
    scene.run_to(0, &["scale", "late", "3", "--no-wait"]);
    assert_eq!(names(&scene).len(), 5);
}
