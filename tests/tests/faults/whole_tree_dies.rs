//! Processes that an agent has started end with it (F11).
//! Those in control groups are tried in `control_groups`.

use end_to_end::{AgentsFile, Scene, processes, wait_for_condition};

fn wait_until_gone(pid: i32) {
    wait_for_condition("the end of the agent's own child", || {
        if processes::is_alive(pid) {
            Err(processes::stat(pid))
        } else {
            Ok(())
        }
    });
}

#[test]
fn a_stop_ends_the_children_too() {
    let agents = AgentsFile::new().puppet("parent", "", &["child=child", "live=20ms"]);
    let mut scene = Scene::started(&agents);
    let agent = scene
        .wait_for_state("parent", "RUNNING")
        .pid
        .expect("it runs");
    let child = scene.wait_for_pid("child");
    assert_eq!(processes::stat(child).map(|stat| stat.group), Some(agent));
    scene.stop();
    assert!(!processes::is_alive(child));
}

#[test]
fn children_that_ignore_term_are_killed_though_their_parent_was_polite() {
    let lines = "stop_timeout = \"10m\"\n";
    let agents = AgentsFile::new().puppet(
        "parent",
        lines,
        &["ignore=TERM", "child=child", "live=20ms"],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("parent", "RUNNING");
    let child = scene.wait_for_pid("child");
    scene.stop();
    assert!(!processes::is_alive(child));
}

#[test]
fn a_crash_ends_the_children_before_the_next_start() {
    let actions = [
        "heartbeat",
        "once=first",
        "child=child",
        "once=second",
        "crash",
        "live=20ms",
    ];
    let agents = AgentsFile::new().puppet("parent", "", &actions);
    let mut scene = Scene::started(&agents);
    let child = scene.wait_for_pid("child");
    scene.wait_for_instance("parent", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    wait_until_gone(child);
    let invocation = scene.database().invocations("parent").remove(0);
    assert_eq!(invocation.signal, Some(6), "{invocation:?}");
}

#[test]
fn a_child_that_left_the_group_is_reported_when_its_parent_ends() {
    let actions = [
        "heartbeat",
        "once=first",
        "leave=left",
        "once=second",
        "exit=3",
        "live=20ms",
    ];
    let agents = AgentsFile::new()
        .coordinator("cgroup = \"off\"")
        .puppet("parent", "", &actions);
    let scene = Scene::started(&agents);
    let left = scene.wait_for_pid("left");
    let database = scene.database();
    wait_for_condition(
        "an event that names the process that was left behind",
        || {
            let events = database.events();
            let told = events.iter().any(|event| {
                event.kind == "left_behind" && event.message.contains(&left.to_string())
            });
            if told { Ok(()) } else { Err(events) }
        },
    );
}
