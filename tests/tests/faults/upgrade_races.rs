//! What happens at the same time as an upgrade is not lost in it: ends of agents, signals, commands.

use end_to_end::{AgentsFile, Scene, let_time_pass, now_ms, processes, wait_for_condition};
use nix::sys::signal::Signal;
use std::time::Duration;

const ROUNDS: u64 = 25;

#[test]
fn an_agent_that_ends_during_an_upgrade_is_seen_to_end_once() {
    let agents = AgentsFile::new()
        .defaults("backoff_initial = \"0ms\"\nrestarts_max = 1000000\nshort_lived_max = 1000000\n")
        .puppet("victim", "", &["live=5ms"])
        .puppet("crasher", "", &["print=a line", "ready", "exit=3"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("victim", "RUNNING");
    for round in 0..ROUNDS {
        let victim = scene.wait_for_state("victim", "RUNNING");
        let pid = victim.pid.expect("it runs");
        scene.coordinator().signal(Signal::SIGUSR2);
        // At every moment of an upgrade, which takes some tens of milliseconds.
        let_time_pass(Duration::from_millis(round * 4));
        processes::signal(pid, Signal::SIGKILL);
        wait_for_condition("the end of the killed one, and another", || {
            let row = scene.instance("victim");
            let is_new = row.pid.is_some_and(|new| new != pid) && row.state == "RUNNING";
            if is_new { Ok(()) } else { Err(Box::new(row)) }
        });
    }
    let runs = scene.database().invocations("victim");
    let ended = runs.iter().filter(|run| run.ended_ms.is_some());
    assert_eq!(ended.clone().count() as u64, ROUNDS);
    assert!(ended.clone().all(|run| run.signal == Some(9)), "{runs:#?}");
    scene.stop();
    // Each process of the other one has printed its line, and its end is known: none was forgotten or invented.
    let runs = scene.database().invocations("crasher");
    let stopped = runs.iter().filter(|run| run.exit_code != Some(3)).count();
    assert!(
        stopped <= 1,
        "only the last one may have been stopped: {runs:#?}"
    );
    let lines = scene.log("crasher.log").len();
    assert!(
        runs.len() - lines <= 1,
        "{} processes, {lines} lines",
        runs.len()
    );
}

#[test]
fn a_term_at_any_moment_of_an_upgrade_ends_everything_in_order() {
    let agents = AgentsFile::new().puppet("a", "instances = 3\n", &["live=10ms"]);
    for round in 0..ROUNDS {
        let mut scene = Scene::started(&agents);
        scene.wait_for_state("a:2", "RUNNING");
        scene.coordinator().signal(Signal::SIGUSR2);
        let_time_pass(Duration::from_millis(round * 3));
        let begin = now_ms();
        scene.stop(); // TERM; the scene checks that nothing is left and everything is recorded
        assert!(now_ms() - begin < 30_000);
    }
}

#[test]
fn commands_beside_upgrades_are_carried_out_or_refused_and_never_forgotten() {
    let agents = AgentsFile::new()
        .puppet("a", "", &["live=10ms"])
        .puppet("b", "", &["live=10ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("b", "RUNNING");
    for round in 0..ROUNDS {
        let (verb, state) = if round % 2 == 0 {
            ("stop", "STOPPED")
        } else {
            ("start", "RUNNING")
        };
        scene.coordinator().signal(Signal::SIGUSR2);
        let_time_pass(Duration::from_millis(round * 3 % 50));
        let output = scene.run(&[verb, "a"]);
        // One that was cut off says so; asked again it does what it was told.
        if output.status.code() != Some(0) {
            scene.run_to(0, &[verb, "a"]);
        }
        assert_eq!(scene.status(&["a"])[0].state, state);
    }
    assert_eq!(scene.database().invocations("b").len(), 1);
}
