//! A process that becomes older than `max_age` is stopped gracefully and another takes its place; nothing has failed.

use end_to_end::{AgentsFile, Scene};

#[test]
fn an_old_process_is_replaced_without_being_counted_as_a_failure() {
    let lines = "max_age = \"1s\"\nmax_age_variance = 0.2\nrestart = \"never\"\n";
    let agents = AgentsFile::new()
        .puppet("worker", lines, &["mark=begun", "live=20ms", "mark=asked"])
        .plain(
            "plain",
            "max_age = \"1s\"\nready_after = \"0s\"\n",
            &["sleep", "1000000"],
        );
    let mut scene = Scene::started(&agents);
    let first = scene.wait_for_state("worker", "RUNNING");
    for name in ["worker", "plain"] {
        scene.wait_for_instance(name, "its second invocation", |row| {
            row.state == "RUNNING" && scene_has_two(row.invocation_id, first.invocation_id)
        });
    }
    scene.wait_for_lines("asked", 1);
    let invocations = scene.database().invocations("worker");
    assert_eq!(
        invocations[0].exit_code,
        Some(0),
        "it ended as asked: {invocations:?}"
    );
    let lived_ms = invocations[0].ended_ms.expect("it has ended") - invocations[0].started_ms;
    assert!(lived_ms >= 800, "replaced after {lived_ms} ms");
    assert_eq!(invocations[1].attempt, 1, "{invocations:?}");
    assert_eq!(scene.instance("worker").restarts, 0);
    let told = &scene.database().events_of(Some("worker"), "agent_replaced")[0];
    assert!(told.message.contains("max_age"), "{told:?}");
    assert_eq!(scene.database().invocations("plain")[0].signal, Some(15));
}

/// Ids grow over all instances, so every later one is greater.
fn scene_has_two(id: Option<i64>, first: Option<i64>) -> bool {
    id > first.map(|id| id + 1)
}
