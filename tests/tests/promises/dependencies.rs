//! An agent waits until those that it depends on are ready.
//! Circles are refused by the check of the file.

use std::time::Duration;

use end_to_end::{AgentsFile, Scene, let_time_pass};

#[test]
fn it_waits_for_the_readiness_of_what_it_depends_on() {
    let agents = AgentsFile::new()
        .puppet(
            "dependent",
            "depends_on = [\"base\"]\n",
            &["mark=started", "live=20ms"],
        )
        .puppet("base", "", &["wait-for=go", "live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("base", "STARTING");
    let row = scene.wait_for_state("dependent", "WAITING");
    assert!(row.reason.contains("base"), "{row:?}");
    let_time_pass(Duration::from_millis(300));
    assert!(
        scene.lines("started").is_empty(),
        "it was started before what it depends on is ready"
    );
    scene.touch("go");
    scene.wait_for_state("dependent", "RUNNING");
    let ready = scene.database().invocations("base")[0].ready_ms.unwrap();
    let started = scene.database().invocations("dependent")[0].started_ms;
    assert!(started >= ready, "started at {started}, ready at {ready}");
}

#[test]
fn a_later_crash_of_what_it_depends_on_does_not_end_it() {
    let agents = AgentsFile::new()
        .puppet("dependent", "depends_on = [\"base\"]\n", &["live=20ms"])
        .puppet(
            "base",
            "",
            &[
                "heartbeat",
                "once=first",
                "wait-for=go",
                "once=second",
                "exit=1",
                "live=20ms",
            ],
        );
    let mut scene = Scene::started(&agents);
    let before = scene.wait_for_state("dependent", "RUNNING");
    scene.touch("go");
    scene.wait_for_instance("base", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    assert_eq!(scene.instance("dependent").pid, before.pid);
}
