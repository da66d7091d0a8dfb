//! A process that the agent left behind holds its pipes: the agent's exit is seen at once all the same (F17).
//! What becomes of that process is the matter of `whole_tree_dies`.

use std::time::Duration;

use end_to_end::{AgentsFile, Scene, processes};

/// In a control group the holder would end with its agent.
const WITHOUT_GROUPS: &str = "cgroup = \"off\"";

#[test]
fn the_exit_is_seen_at_once_and_draining_is_bounded() {
    let actions = [
        "heartbeat",
        "print=before the exit",
        "once=first",
        "leave=left",
        "once=second",
        "exit=3",
        "live=20ms",
    ];
    let agents = AgentsFile::new()
        .coordinator(WITHOUT_GROUPS)
        .puppet("parent", "", &actions);
    let mut scene = Scene::started(&agents);
    let left = scene.wait_for_pid("left");
    scene.wait_for_instance("parent", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    assert!(
        processes::is_alive(left),
        "the holder of the pipe must live for this test to mean anything"
    );
    let invocations = scene.database().invocations("parent");
    assert_eq!(invocations[0].exit_code, Some(3), "{invocations:?}");
    assert_eq!(invocations[0].log_lines, 1, "{invocations:?}");
    let ended_ms = invocations[0].ended_ms.expect("it ended");
    let lived = ended_ms - invocations[0].started_ms;
    let limit = i64::try_from(Duration::from_secs(20).as_millis()).unwrap();
    assert!(lived < limit, "its end was seen after {lived} ms");
}
