//! A reload by HUP or verb: what was added starts, what was removed stops, only what must be is restarted, and an invalid
//! file changes nothing.

use end_to_end::{AgentsFile, Scene, wait_for_condition};
use nix::sys::signal::Signal;

const LIVE: &[&str] = &["live=20ms"];

fn write(scene: &Scene, agents: &AgentsFile) {
    std::fs::write(scene.path("agents.toml"), agents.text()).expect("the folder is writable");
}

fn reload(scene: &Scene, arguments: &[&str], code: i32) -> String {
    let output = scene.run_to(code, &[&["reload"], arguments].concat());
    let both = [output.stdout, output.stderr].concat();
    String::from_utf8(both).expect("what it prints is UTF-8")
}

/// Invocation of each instance that runs.
fn running(scene: &Scene) -> Vec<(String, i64)> {
    let lines = scene.status(&[]);
    let running = lines.into_iter().filter(|line| line.state == "RUNNING");
    running
        .map(|line| (line.name, line.invocation_id.expect("it runs")))
        .collect()
}

fn invocation(scene: &Scene, name: &str) -> i64 {
    let all = running(scene);
    let found = all.iter().find(|(other, _)| other == name);
    found
        .unwrap_or_else(|| panic!("{name} does not run: {all:?}"))
        .1
}

#[test]
fn comments_and_order_restart_nothing_and_one_key_restarts_one_agent() {
    let before = AgentsFile::new()
        .puppet("a", "", LIVE)
        .puppet("b", "", LIVE)
        .puppet("c", "", LIVE);
    let mut scene = Scene::started(&before);
    for name in ["a", "b", "c"] {
        scene.wait_for_state(name, "RUNNING");
    }
    let first = running(&scene);
    let reordered = AgentsFile::new()
        .puppet("c", "# a comment\n", LIVE)
        .puppet("a", "", LIVE)
        .puppet("b", "", LIVE);
    write(&scene, &reordered);
    assert_eq!(reload(&scene, &[], 0).trim(), "unchanged: 3");
    assert_eq!(running(&scene), first);
    let changed = AgentsFile::new()
        .puppet("a", "", LIVE)
        .puppet("b", "env = { LEVEL = \"high\" }\n", LIVE)
        .puppet(
            "c",
            "stop_timeout = \"3s\"\nheartbeat_timeout = \"20s\"\n",
            LIVE,
        );
    write(&scene, &changed);
    let would = reload(&scene, &["--dry-run"], 0);
    assert_eq!(running(&scene), first, "a dry run changes nothing");
    assert_eq!(reload(&scene, &[], 0), would);
    assert!(would.contains("restarted b: env"), "{would}");
    assert!(
        would.contains("changed c: heartbeat_timeout, stop_timeout"),
        "{would}"
    );
    wait_for_condition("b runs again", || {
        let now = running(&scene);
        if now.len() == 3 && now != first {
            Ok(())
        } else {
            Err(now)
        }
    });
    for (name, id) in first {
        assert_eq!(invocation(&scene, &name) == id, name != "b", "{name}");
    }
}

#[test]
fn what_is_added_starts_and_what_is_removed_stops() {
    let before = AgentsFile::new()
        .puppet("old", "", LIVE)
        .puppet("kept", "", LIVE);
    let mut scene = Scene::started(&before);
    for name in ["old", "kept"] {
        scene.wait_for_state(name, "RUNNING");
    }
    let kept = invocation(&scene, "kept");
    write(
        &scene,
        &AgentsFile::new().puppet("kept", "", LIVE).puppet(
            "new",
            "depends_on = [\"kept\"]\n",
            LIVE,
        ),
    );
    let told = reload(&scene, &[], 0);
    assert!(
        told.contains("added new") && told.contains("removed old"),
        "{told}"
    );
    scene.wait_for_state("new", "RUNNING");
    scene.wait_for_state("old", "STOPPED");
    let names: Vec<_> = scene
        .status(&[])
        .into_iter()
        .map(|line| line.name)
        .collect();
    assert_eq!(names, ["kept", "new"]);
    assert_eq!(invocation(&scene, "kept"), kept);
    // One that comes back is the same agent as before.
    write(&scene, &before);
    scene.coordinator().signal(Signal::SIGHUP);
    scene.wait_for_state("old", "RUNNING");
    scene.wait_for_state("new", "STOPPED");
    assert_eq!(scene.database().invocations("old").len(), 2);
}

#[test]
fn the_number_of_instances_follows_the_file() {
    let agents = |instances: u32| {
        AgentsFile::new().puppet("worker", &format!("instances = {instances}\n"), LIVE)
    };
    let mut scene = Scene::started(&agents(2));
    for name in ["worker:0", "worker:1"] {
        scene.wait_for_state(name, "RUNNING");
    }
    let first = running(&scene);
    write(&scene, &agents(4));
    reload(&scene, &[], 0);
    scene.wait_for_state("worker:3", "RUNNING");
    assert_eq!(running(&scene)[..2], first[..], "the two go on");
    write(&scene, &agents(1));
    let told = reload(&scene, &[], 0);
    assert!(told.contains("restarted worker: instances"), "{told}");
    wait_for_condition("one is left, under its new name", || {
        let now = running(&scene);
        let names: Vec<_> = now.iter().map(|(name, _)| name.as_str()).collect();
        if names == ["worker"] {
            Ok(())
        } else {
            Err(now)
        }
    });
}

#[test]
fn an_invalid_file_changes_nothing_and_the_error_names_line_and_key() {
    let agents = AgentsFile::new().puppet("worker", "", LIVE);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    let before = running(&scene);
    std::fs::write(
        scene.path("agents.toml"),
        "[agents.worker]\ncomand = [\"puppet\"]\n",
    )
    .unwrap();
    let told = reload(&scene, &[], 2);
    assert!(
        told.contains("agents.toml:2") && told.contains("comand") && told.contains("command"),
        "{told}"
    );
    scene.coordinator().signal(Signal::SIGHUP);
    wait_for_condition("the log says so", || {
        let text = scene.coordinator().stderr();
        if text.contains("was not taken") {
            Ok(())
        } else {
            Err(text)
        }
    });
    assert_eq!(running(&scene), before);
}
