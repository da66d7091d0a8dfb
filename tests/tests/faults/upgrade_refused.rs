//! A program that cannot take over: the running coordinator goes on, with every agent, and says why.

use std::os::unix::fs::PermissionsExt;

use end_to_end::{AgentsFile, Scene, processes};

fn script(scene: &Scene, name: &str, text: &str) -> String {
    let path = scene.path(name);
    std::fs::write(&path, text).expect("the folder is writable");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("it was just made");
    path.to_string_lossy().into_owned()
}

#[test]
fn a_program_that_cannot_take_over_leaves_the_running_coordinator_as_it_is() {
    let agents = AgentsFile::new().puppet("counter", "", &["count=5ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("counter", "RUNNING");
    let before = scene.status(&[]);
    let coordinator = scene.coordinator().pid();
    let descriptors = processes::open_descriptors(coordinator);
    let plain = scene.path("agents.toml").to_string_lossy().into_owned();
    let newer = "#!/bin/sh\necho 'failed to take over from version 9: its state has format 2' >&2\nexit 1\n";
    let cases = [
        ("/bin/true".to_owned(), "no coordinator that can take over"),
        (
            "/bin/false".to_owned(),
            "failed its own check (exit code 1)",
        ),
        (plain, "no executable file"),
        ("/does/not/exist".to_owned(), "No such file"),
        (script(&scene, "newer", newer), "its state has format 2"),
        (script(&scene, "broken", "not a program"), "does not start"),
        (
            script(&scene, "killed", "#!/bin/sh\nkill -9 $$\n"),
            "SIGKILL",
        ),
        // It reads nothing and says nothing for longer than the coordinator waits.
        (
            script(&scene, "hanging", "#!/bin/sh\nexec sleep 100\n"),
            "within 10 s",
        ),
    ];
    for (program, why) in &cases {
        let output = scene.run_to(1, &["upgrade", program]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why), "{program}: {said}");
        assert!(said.contains("goes on"), "{said}");
    }
    let after = scene.status(&[]);
    assert_eq!(after[0].pid, before[0].pid);
    assert_eq!(after[0].invocation_id, before[0].invocation_id);
    assert_eq!(processes::open_descriptors(coordinator), descriptors);
    assert_eq!(scene.database().incarnations(), 1);
    let refused = scene.database().events_of(None, "upgrade_refused");
    assert_eq!(refused.len(), cases.len(), "{refused:#?}");
    // And a good one still works.
    scene.run_to(0, &["upgrade"]);
    assert_eq!(scene.status(&[])[0].pid, before[0].pid);
    scene.stop();
    let log = scene.log("counter.log");
    for stream in ["out", "err"] {
        let lines: Vec<&String> = log.iter().filter(|line| line.starts_with(stream)).collect();
        let last = format!("{stream} line {}", lines.len());
        assert_eq!(lines.last(), Some(&&last), "nothing is missing or double");
    }
}
