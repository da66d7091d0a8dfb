//! A time of a schedule during a run is skipped or queued as configured, and starts no agent that was stopped (F41).

use std::time::Duration;

use end_to_end::{AgentsFile, EventRow, Scene, let_time_pass, wait_for_condition};

fn wait_for_events(scene: &Scene, kind: &str, count: usize) -> Vec<EventRow> {
    wait_for_condition(&format!("{count} events {kind}"), || {
        let events = scene.database().events_of(Some("job"), kind);
        if events.len() >= count {
            Ok(events)
        } else {
            Err(events)
        }
    })
}

#[test]
fn a_time_during_a_run_is_skipped_and_told() {
    let agents = AgentsFile::new().puppet(
        "job",
        "schedule = \"every 1s\"\n",
        &["mark=runs", "heartbeat", "wait-for=go", "exit=0"],
    );
    let mut scene = Scene::started(&agents);
    let running = scene.wait_for_state("job", "RUNNING");
    let skipped = wait_for_events(&scene, "run_skipped", 2);
    assert!(skipped[0].message.contains("still going"), "{skipped:?}");
    let now = scene.instance("job");
    assert_eq!((now.pid, scene.lines("runs").len()), (running.pid, 1));
    scene.touch("go");
    scene.wait_for_lines("runs", 2);
    assert!(
        scene
            .database()
            .events_of(Some("job"), "run_queued")
            .is_empty()
    );
}

#[test]
fn or_one_run_is_queued_and_never_more() {
    let agents = AgentsFile::new().puppet(
        "job",
        "schedule = \"every 1s\"\nschedule_overlap = \"queue\"\n",
        &[
            "mark=runs",
            "heartbeat",
            "once=first",
            "wait-for=go",
            "wait-for=go2",
            "exit=0",
        ],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("job", "RUNNING");
    wait_for_events(&scene, "run_queued", 1);
    let skipped = wait_for_events(&scene, "run_skipped", 2);
    assert!(
        skipped[0].message.contains("one run waits already"),
        "{skipped:?}"
    );
    // Off the schedule's beat, so that what follows is the queued run and no new time.
    let_time_pass(Duration::from_millis(300));
    scene.touch("go2");
    scene.touch("go");
    scene.wait_for_lines("runs", 2);
    let invocations = scene.database().invocations("job");
    let gap_ms = invocations[1].started_ms - invocations[0].ended_ms.expect("it has ended");
    assert!(gap_ms < 500, "the queued run began only after {gap_ms} ms");
    assert_eq!(
        scene.database().events_of(Some("job"), "run_queued").len(),
        1
    );
}

#[test]
fn a_stopped_agent_is_not_started_by_its_schedule() {
    let agents = AgentsFile::new().puppet(
        "job",
        "schedule = \"every 1s\"\nschedule_overlap = \"queue\"\n",
        &["mark=runs", "live=20ms"],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("job", "RUNNING");
    wait_for_events(&scene, "run_queued", 1);
    scene.run_to(0, &["stop", "job"]);
    let runs = scene.lines("runs").len();
    // More than two times of the schedule.
    let_time_pass(Duration::from_millis(2_500));
    let line = scene.status(&["job"]).remove(0);
    assert_eq!(
        (line.state.as_str(), line.next_attempt_ms),
        ("STOPPED", None)
    );
    assert_eq!(
        scene.lines("runs").len(),
        runs,
        "started although it was stopped"
    );
    scene.run_to(0, &["start", "job"]);
    assert_eq!(
        scene.lines("runs").len(),
        runs + 1,
        "a start by hand runs it at once"
    );
}
