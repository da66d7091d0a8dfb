//! Each invocation has a control group: whoever left its process group by `setsid` ends with it too (F11), after a crash, a stop,
//! a death of the coordinator and an upgrade. Limits by the kernel's controllers are tried by `scripts/test-limits`.

use std::path::PathBuf;

use end_to_end::control_groups::{folder_of, groups_of, writable_root};
use end_to_end::{AgentsFile, Scene, processes, wait_for_condition};

/// The folder of the scene's groups. Where there can be none it says so, and what holds instead is checked.
fn folder_or_fallback(scene: &Scene) -> Option<PathBuf> {
    let containment = scene.run_to(0, &["status", "--json"]).stdout;
    let containment = String::from_utf8_lossy(&containment).into_owned();
    let Some(root) = writable_root() else {
        eprintln!(
            "skipped: no cgroup v2 may be written here; checked instead: process groups are in force"
        );
        assert!(
            containment.contains("\"containment\": \"process group\""),
            "{containment}"
        );
        return None;
    };
    assert!(
        containment.contains("\"containment\": \"cgroup\""),
        "{containment}"
    );
    Some(folder_of(&root, scene.database().path()))
}

fn wait_until_gone(pid: i32) {
    wait_for_condition(
        "the end of the process that left",
        || match processes::is_alive(pid) {
            true => Err(processes::stat(pid)),
            false => Ok(()),
        },
    );
}

/// A first invocation that leaves a process and crashes when it is told to.
fn leaver() -> AgentsFile {
    let actions = [
        "heartbeat",
        "once=first",
        "leave=left",
        "once=second",
        "wait-for=crash",
        "live=20ms",
    ];
    AgentsFile::new().puppet("leaver", "", &actions)
}

#[test]
fn who_left_the_process_group_ends_before_the_next_start() {
    let actions = [
        "heartbeat",
        "once=first",
        "leave=left",
        "once=second",
        "crash",
        "live=20ms",
    ];
    let mut scene = Scene::started(&AgentsFile::new().puppet("leaver", "", &actions));
    let left = scene.wait_for_pid("left");
    let row = scene.wait_for_instance("leaver", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    let Some(folder) = folder_or_fallback(&scene) else {
        return;
    };
    assert!(!processes::is_alive(left), "{:?}", processes::stat(left));
    let expected = format!("leaver.{}", row.invocation_id.expect("it runs"));
    assert_eq!(
        groups_of(&folder),
        [folder.join(expected)],
        "one group for each living invocation"
    );
    let told = scene.database().events_of(None, "left_behind");
    assert!(told.is_empty(), "nobody was left behind: {told:?}");
    scene.stop();
    assert!(!folder.exists(), "an orderly end leaves no group");
}

#[test]
fn who_left_the_process_group_ends_with_a_stop() {
    let mut scene = Scene::started(&leaver());
    scene.wait_for_state("leaver", "RUNNING");
    let left = scene.wait_for_pid("left");
    if folder_or_fallback(&scene).is_none() {
        return;
    }
    scene.run_to(0, &["stop", "leaver"]);
    assert!(!processes::is_alive(left), "{:?}", processes::stat(left));
}

#[test]
fn what_a_killed_coordinator_left_in_its_groups_ends_at_the_next_start() {
    let mut scene = Scene::started(&leaver());
    scene.wait_for_state("leaver", "RUNNING");
    let left = scene.wait_for_pid("left");
    let Some(folder) = folder_or_fallback(&scene) else {
        return;
    };
    let before = groups_of(&folder);
    scene.kill();
    assert!(
        processes::is_alive(left),
        "it must live for this test to mean anything"
    );
    scene.start();
    scene.wait_for_state("leaver", "RUNNING");
    wait_until_gone(left);
    let now = groups_of(&folder);
    assert!(now.len() == 1 && now != before, "{before:?} became {now:?}");
}

#[test]
fn an_upgrade_keeps_the_groups_and_those_who_live_in_them() {
    let mut scene = Scene::started(&leaver());
    let before = scene.wait_for_state("leaver", "RUNNING");
    let left = scene.wait_for_pid("left");
    let Some(folder) = folder_or_fallback(&scene) else {
        return;
    };
    let groups = groups_of(&folder);
    scene.run_to(0, &["upgrade"]);
    assert_eq!(scene.status(&["leaver"])[0].pid, before.pid);
    assert!(processes::is_alive(left));
    assert_eq!(groups_of(&folder), groups);
    scene.run_to(0, &["stop", "leaver"]);
    assert!(!processes::is_alive(left), "{:?}", processes::stat(left));
    assert_eq!(groups_of(&folder), [] as [PathBuf; 0]);
}

#[test]
fn too_much_memory_is_the_reason_of_the_end_in_groups_and_without_them() {
    for containment in ["auto", "off"] {
        let lines = "memory_max = \"32MiB\"\nrestart = \"never\"\n";
        let actions = ["heartbeat", "allocate=100000000", "live=20ms"];
        let agents = AgentsFile::new()
            .coordinator(&format!("cgroup = \"{containment}\""))
            .puppet("greedy", lines, &actions)
            .puppet("modest", "memory_max = \"1GiB\"\n", &["live=20ms"]);
        let mut scene = Scene::started(&agents);
        let row = scene.wait_for_state("greedy", "EXITED");
        let reason = "out of memory: killed by SIGKILL (9)";
        assert_eq!(row.last_exit.as_deref(), Some(reason));
        assert_eq!(
            scene.status(&["greedy"])[0].reason,
            format!("ended: {reason}")
        );
        let database = scene.database();
        let invocation = database.invocations("greedy").remove(0);
        assert_eq!(
            (invocation.reason.as_deref(), invocation.signal),
            (Some(reason), Some(9))
        );
        let told = database.events_of(Some("greedy"), "agent_exited");
        assert_eq!(told[0].message, reason);
        assert_eq!(scene.instance("modest").restarts, 0);
        scene.wait_for_state("modest", "RUNNING");
    }
}

#[test]
fn the_status_says_how_agents_are_contained_and_who_keeps_their_limits() {
    let lines = "memory_max = \"1GiB\"\ntasks_max = 100\ncpu_max = 1.5\n";
    let agents =
        AgentsFile::new()
            .coordinator("cgroup = \"off\"")
            .puppet("limited", lines, &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("limited", "RUNNING");
    let status = scene.run_to(0, &["status", "--json"]).stdout;
    let status: serde_json::Value = serde_json::from_slice(&status).expect("it is JSON");
    assert_eq!(status[0]["containment"], "process group");
    let expected = serde_json::json!({
        "memory_max": "watched", "cpu_max": "not in force", "tasks_max": "not in force",
    });
    assert_eq!(status[0]["limits"], expected);
}
