//! The verbs that change something: start, stop, restart, signal, shutdown. A verb returns when its effect has happened.
//! What `status` prints is tested beside.

use end_to_end::{AgentsFile, Scene};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn stop_start_and_restart_return_when_it_has_happened() {
    let agents = AgentsFile::new().puppet("worker", "", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    let first = scene.wait_for_state("worker", "RUNNING");
    scene.run_to(0, &["stop", "worker"]);
    let line = scene.status(&["worker"]).remove(0);
    assert_eq!((line.state.as_str(), line.pid), ("STOPPED", None));
    scene.run_to(0, &["start", "worker"]);
    let second = scene.status(&["worker"]).remove(0);
    assert_eq!(second.state, "RUNNING");
    assert!(second.invocation_id > first.invocation_id);
    let printed = scene.run_to(0, &["restart", "worker"]);
    assert!(text(&printed.stdout).contains("RUNNING"), "{printed:#?}");
    let third = scene.status(&["worker"]).remove(0);
    assert!(third.invocation_id > second.invocation_id && third.pid != second.pid);
    assert_eq!(
        third.restarts, 0,
        "what was asked for is no restart of a crash"
    );
}

#[test]
fn a_stop_during_backoff_ends_the_waiting_and_a_start_forgets_the_failures() {
    let agents = AgentsFile::new().puppet(
        "worker",
        "backoff_initial = \"1h\"\nbackoff_max = \"1h\"\n",
        &["once=crashed", "exit=3", "live=20ms"],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_instance("worker", "a wait, or running after a short one", |row| {
        ["BACKOFF", "RUNNING"].contains(&row.state.as_str()) && row.last_exit.is_some()
    });
    scene.run_to(0, &["stop", "worker"]);
    assert_eq!(scene.status(&["worker"]).remove(0).state, "STOPPED");
    scene.run_to(0, &["start", "worker"]);
    assert_eq!(scene.status(&["worker"]).remove(0).state, "RUNNING");
    scene.wait_for_state("worker", "RUNNING");
}

#[test]
fn two_hundred_restarts_in_a_row_never_overlap() {
    // That no two invocations of one instance overlap is checked at the end of each test.
    let agents = AgentsFile::new().plain("worker", "ready_after = \"0s\"\n", &["sleep", "1000000"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    for _ in 0..100 {
        scene.run_to(0, &["restart", "worker", "--no-wait"]);
        scene.run_to(0, &["restart", "worker"]);
    }
    assert_eq!(scene.status(&["worker"]).remove(0).state, "RUNNING");
    scene.stop();
}

#[test]
fn patterns_agents_and_all_are_understood_and_a_wrong_name_is_told() {
    let agents = AgentsFile::new().puppet("web", "", &["live=20ms"]).puppet(
        "worker",
        "instances = 2\n",
        &["live=20ms"],
    );
    let mut scene = Scene::started(&agents);
    for name in ["web", "worker:0", "worker:1"] {
        scene.wait_for_state(name, "RUNNING");
    }
    let down = |scene: &Scene| {
        let lines = scene.status(&[]);
        let stopped = lines.into_iter().filter(|line| line.state == "STOPPED");
        stopped.map(|line| line.name).collect::<Vec<_>>()
    };
    scene.run_to(0, &["stop", "wo*"]);
    assert_eq!(down(&scene), ["worker:0", "worker:1"]);
    scene.run_to(0, &["start", "worker:1"]);
    assert_eq!(down(&scene), ["worker:0"]);
    scene.run_to(0, &["stop", "all"]);
    assert_eq!(down(&scene).len(), 3);
    scene.run_to(0, &["start", "worker", "web"]);
    assert!(down(&scene).is_empty());
    let refused = scene.run_to(5, &["stop", "worker:2"]);
    assert!(text(&refused.stderr).contains("worker:2"), "{refused:#?}");
    assert!(down(&scene).is_empty());
}

#[test]
fn a_slow_stop_of_one_agent_delays_no_other() {
    let agents = AgentsFile::new()
        .puppet(
            "slow",
            "stop_timeout = \"2s\"\n",
            &["ignore=TERM", "heartbeat", "hang"],
        )
        .puppet("quick", "", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    for name in ["slow", "quick"] {
        scene.wait_for_state(name, "RUNNING");
    }
    scene.run_to(0, &["stop", "slow", "--no-wait"]);
    scene.run_to(0, &["restart", "quick"]);
    assert_eq!(
        scene.status(&["slow"]).remove(0).state,
        "STOPPING",
        "it is still being stopped"
    );
    scene.run_to(0, &["stop", "slow"]);
    scene.wait_for_instance("slow", "killed at its timeout", |row| {
        row.last_exit.as_deref() == Some("killed by SIGKILL (9)")
    });
}

#[test]
fn a_start_that_cannot_succeed_is_told_from_one_that_takes_long() {
    let agents = AgentsFile::new()
        .plain(
            "missing",
            "autostart = false\nshort_lived_max = 2\nbackoff_initial = \"0s\"\n",
            &["no-such-program"],
        )
        .puppet("late", "autostart = false\n", &["hang"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("missing", "STOPPED");
    let told = scene.run_to(7, &["start", "missing"]);
    assert!(
        text(&told.stdout).contains("No such file or directory"),
        "{told:#?}"
    );
    let told = scene.run_to(1, &["start", "late", "--timeout", "1"]);
    assert!(text(&told.stderr).contains("late"), "{told:#?}");
}

#[test]
fn a_signal_reaches_the_agent() {
    let agents = AgentsFile::new().puppet("worker", "restart = \"never\"\n", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    scene.run_to(2, &["signal", "SIGNONSENSE", "worker"]);
    scene.run_to(0, &["signal", "SIGUSR2", "worker"]);
    let row = scene.wait_for_state("worker", "EXITED");
    assert!(row.reason.contains("SIGUSR2"), "{row:?}");
}

#[test]
fn shutdown_returns_when_the_coordinator_has_gone() {
    let agents = AgentsFile::new().puppet("worker", "", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    scene.run_to(0, &["shutdown"]);
    let ended = scene.wait_for_end();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let told = scene.run_to(7, &["stop", "worker"]);
    assert!(text(&told.stderr).contains("none is running"), "{told:#?}");
}
