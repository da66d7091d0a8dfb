//! The kernel has no memory for a new process: the coordinator stays up, the agent waits in BACKOFF, nothing leaks (F4).
//! Descriptors and processes that run out are tried in `out_of_descriptors_and_processes`.

use std::process::Command;

use end_to_end::{AgentsFile, Scene, processes, program};

#[test]
fn without_memory_for_a_process_an_agent_waits_and_nothing_leaks() {
    let lines = "short_lived_max = 1000000\nrestarts_max = 1000000\n";
    let agents = AgentsFile::new()
        .puppet("victim", lines, &["live=20ms"])
        .plain("other", lines, &["sleep", "1000"]);
    let mut scene = Scene::new(&agents);
    let mut command = Command::new(program("puppet"));
    scene.prepare(&mut command);
    command.arg(format!("starve={}", program("coordinator").display()));
    scene.start_command(command);
    let coordinator = scene.coordinator().pid();
    let cause = "could not make a process: Out of memory";
    let has_tried = |times: i64| {
        move |row: &end_to_end::InstanceRow| {
            row.state == "BACKOFF" && row.restarts >= times && row.reason.contains(cause)
        }
    };
    scene.wait_for_instance("victim", "a few tries in vain", has_tried(3));
    scene.wait_for_lines("logs/other.log", 1); // a log is opened when it is first written
    let open_before = processes::open_descriptors(coordinator);
    for name in ["victim", "other"] {
        let row = scene.wait_for_instance(name, "many tries in vain", has_tried(50));
        assert!(
            row.pid.is_none() && row.next_attempt_ms.is_some(),
            "{row:?}"
        );
    }
    let open = processes::open_descriptors(coordinator);
    assert!(
        open <= open_before + 3,
        "{open_before} descriptors became {open}"
    ); // three of a start under way
    assert_eq!(scene.status(&[]).len(), 2, "it answers");
    for failed in scene.database().invocations("victim") {
        let is_open = failed.ended_ms.is_none();
        assert!(
            is_open || failed.outcome.as_deref() == Some("spawn_failed"),
            "{failed:?}"
        );
    }
    scene.stop();
}
