//! A dependency whose condition can no longer come true leaves its dependents in a final, explained state (F37): WAITING,
//! with a reason that names it, its state and what to do. Circles are refused by the check of the file.

use end_to_end::{AgentsFile, InstanceRow, Scene};

fn needs(name: &str, condition: &str) -> String {
    format!("depends_on = [{{ agent = \"{name}\", condition = \"{condition}\" }}]\n")
}

/// Waits until the reason says what to do.
fn explained(scene: &mut Scene, name: &str) -> InstanceRow {
    scene.wait_for_instance(name, "an explained WAITING", |row| {
        row.state == "WAITING" && row.reason.contains("`coordinator start ")
    })
}

#[test]
fn one_that_failed_for_good_is_named_with_its_state_and_what_to_do() {
    let hopeless = "fatal_retry = \"never\"\nshort_lived_max = 2\n";
    let agents = AgentsFile::new()
        .puppet(
            "broken",
            hopeless,
            &["once=mended", "exit=1", "wait-for=go", "live=20ms"],
        )
        .puppet(
            "dependent",
            "depends_on = [\"broken\"]\n",
            &["mark=started", "live=20ms"],
        )
        .puppet("second", "depends_on = [\"dependent\"]\n", &["live=20ms"])
        .puppet("failed", "restart = \"never\"\n", &["exit=3"])
        .puppet("after", &needs("failed", "completed"), &["live=20ms"]);
    let agents = agents.plain("missing", hopeless, &["no-such-program"]);
    let agents = agents.puppet("behind", &needs("missing", "started"), &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    let after = explained(&mut scene, "after");
    assert_eq!(
        after.reason,
        "waits for the completion of failed, which is EXITED without success (exit code 3): mend it, then \
         `coordinator start failed`"
    );
    let behind = explained(&mut scene, "behind");
    assert!(
        behind
            .reason
            .starts_with("waits for the start of missing, which is FATAL and not tried again"),
        "{behind:?}"
    );
    // By this it has failed only once: it waits for `go` in its second invocation.
    scene.run_to(0, &["stop", "broken"]);
    let dependent = explained(&mut scene, "dependent");
    assert_eq!(
        dependent.reason,
        "waits for broken, which is STOPPED: `coordinator start broken` starts it"
    );
    let second = scene.wait_for_state("second", "WAITING");
    assert_eq!(
        second.reason,
        "waits for dependent, which is WAITING itself"
    );
    assert!(scene.lines("started").is_empty());
    // Doing what the reason says ends the waiting of all.
    scene.touch("go");
    scene.run_to(0, &["start", "broken"]);
    for name in ["dependent", "second"] {
        scene.wait_for_state(name, "RUNNING");
    }
}

#[test]
fn one_that_finished_although_it_should_be_ready_is_explained() {
    let agents = AgentsFile::new()
        .puppet("job", "restart = \"never\"\n", &["exit=0"])
        .puppet("dependent", "depends_on = [\"job\"]\n", &["live=20ms"])
        .puppet("later", "autostart = false\n", &["live=20ms"])
        .puppet("other", &needs("later", "started"), &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    let dependent = explained(&mut scene, "dependent");
    assert_eq!(
        dependent.reason,
        "waits for job, which is EXITED: `coordinator start job` runs it again"
    );
    let other = explained(&mut scene, "other");
    assert_eq!(
        other.reason,
        "waits for the start of later, which is STOPPED: `coordinator start later` starts it"
    );
    scene.run_to(0, &["start", "later"]);
    scene.wait_for_state("other", "RUNNING");
}

#[test]
fn a_circle_is_refused_at_load_with_the_circle_printed() {
    let agents = AgentsFile::new()
        .puppet("a", "depends_on = [\"b\"]\n", &["live=20ms"])
        .puppet("b", &needs("c", "started"), &["live=20ms"])
        .puppet("c", "depends_on = [\"a\"]\n", &["live=20ms"]);
    let scene = Scene::new(&agents);
    let refused = scene.run_to(2, &["--agents", "agents.toml"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("a → b → c (started) → a"), "{told}");
    assert!(told.contains("nothing was started"), "{told}");
}
