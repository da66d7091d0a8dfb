//! A stop during BACKOFF or WAITING cancels the start at once, and nothing starts later, also when what it waited for comes
//! (F8). What a stop of everything cancels is tested among the promises (`interrupt`).

use std::time::Duration;

use end_to_end::{AgentsFile, Scene, let_time_pass};

const SOON: &str = "backoff_initial = \"400ms\"\nbackoff_factor = 1\nbackoff_max = \"400ms\"\nshort_lived_max = 100000\n\
    restarts_max = 100000\n";

#[test]
fn a_stop_during_backoff_is_done_at_once_and_for_good() {
    // Several, so that every moment of a short wait is met.
    let agents = AgentsFile::new().puppet(
        "crasher",
        &format!("instances = 8\n{SOON}"),
        &["mark=starts", "exit=1"],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("crasher:7", "BACKOFF");
    scene.run_to(0, &["stop", "crasher"]);
    let starts = scene.lines("starts").len();
    let states = scene.status(&["crasher"]);
    assert!(
        states
            .iter()
            .all(|line| line.state == "STOPPED" && line.next_attempt_ms.is_none()),
        "{states:?}"
    );
    // Longer than every delay that was under way.
    let_time_pass(Duration::from_millis(1_200));
    assert_eq!(
        scene.lines("starts").len(),
        starts,
        "started after the stop"
    );
}

#[test]
fn a_stop_while_it_waits_is_done_at_once_and_what_it_waited_for_starts_nothing() {
    let agents = AgentsFile::new()
        .puppet("base", "", &["wait-for=go", "live=20ms"])
        .puppet(
            "dependent",
            "depends_on = [\"base\"]\n",
            &["mark=starts", "live=20ms"],
        )
        .puppet("other", "depends_on = [\"base\"]\n", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("dependent", "WAITING");
    scene.run_to(0, &["stop", "dependent"]);
    assert_eq!(scene.status(&["dependent"])[0].state, "STOPPED");
    scene.touch("go");
    // It waited for the same, so by now the one that was stopped would have been started.
    scene.wait_for_state("other", "RUNNING");
    let_time_pass(Duration::from_millis(300));
    let line = scene.status(&["dependent"]).remove(0);
    assert_eq!(
        (line.state.as_str(), line.goal.as_str()),
        ("STOPPED", "down")
    );
    assert!(scene.lines("starts").is_empty(), "started after the stop");
    scene.run_to(0, &["start", "dependent"]);
}

#[test]
fn a_stop_while_fatal_cancels_the_slow_retry() {
    let lines = "short_lived_max = 1\nfatal_retry = \"1s\"\n";
    let agents = AgentsFile::new().puppet("hopeless", lines, &["mark=starts", "exit=1"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("hopeless", "FATAL");
    scene.run_to(0, &["stop", "hopeless"]);
    let starts = scene.lines("starts").len();
    let_time_pass(Duration::from_millis(1_500));
    assert_eq!(
        scene.lines("starts").len(),
        starts,
        "tried again after the stop"
    );
}
