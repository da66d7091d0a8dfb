//! What `coordinator status` says: states, reasons, exit codes (LSB).
//! Which state comes when is the matter of the other modules.

use end_to_end::{AgentsFile, Scene, now_ms};

#[test]
fn json_has_the_promised_fields_of_each_agent() {
    let agents = AgentsFile::new()
        .puppet(
            "worker",
            "",
            &["beat=3/5ms", "heartbeat=all is well", "idle"],
        )
        .puppet("waiting", "depends_on = [\"late\"]\n", &["live=20ms"])
        .puppet("late", "", &["hang"])
        .puppet("unwanted", "autostart = false\n", &["live=20ms"])
        .puppet(
            "crashed",
            "backoff_initial = \"1h\"\nbackoff_max = \"1h\"\n",
            &["exit=3"],
        )
        .puppet("done", "restart = \"never\"\n", &["heartbeat", "exit=0"])
        .puppet("twins", "instances = 2\n", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    for (name, state) in [
        ("waiting", "WAITING"),
        ("late", "STARTING"),
        ("unwanted", "STOPPED"),
        ("crashed", "BACKOFF"),
        ("done", "EXITED"),
        ("twins:0", "RUNNING"),
        ("twins:1", "RUNNING"),
    ] {
        let row = scene.wait_for_state(name, state);
        assert!(!row.reason.is_empty(), "a reason is always there: {row:?}");
        let line = scene.status(&[name]).remove(0);
        assert_eq!(
            (line.name.as_str(), line.state.as_str(), line.pid),
            (name, state, row.pid)
        );
        assert_eq!(line.reason, row.reason);
    }
    scene.wait_for_instance("worker", "four heartbeats", |row| {
        row.heartbeat.as_ref().is_some_and(|beat| beat.0 == 4)
    });
    let all = scene.status(&[]);
    assert_eq!(all.len(), 8, "{all:#?}");
    let of = |name: &str| all.iter().find(|line| line.name == name).unwrap();
    let worker = of("worker");
    assert_eq!(
        (worker.agent.as_str(), worker.protocol.as_str()),
        ("worker", "json")
    );
    assert_eq!(
        (worker.status.as_deref(), worker.message.as_deref()),
        (Some("ok"), Some("all is well"))
    );
    assert_eq!(worker.goal.to_lowercase(), "up");
    assert!(
        worker
            .uptime_ms
            .is_some_and(|age| (0..60_000).contains(&age)),
        "{worker:?}"
    );
    assert!(
        worker
            .heartbeat_age_ms
            .is_some_and(|age| (0..60_000).contains(&age)),
        "{worker:?}"
    );
    assert!(worker.invocation_id.is_some(), "{worker:?}");
    assert_eq!(of("twins:1").agent, "twins");
    assert!(
        of("waiting").reason.contains("late"),
        "it says for what: {:?}",
        of("waiting")
    );
    assert_eq!(of("unwanted").goal.to_lowercase(), "down");
    let crashed = of("crashed");
    assert_eq!(crashed.last_exit.as_deref(), Some("exit code 3"));
    assert!(
        crashed
            .next_attempt_ms
            .is_some_and(|at| at > now_ms() - 60_000),
        "{crashed:?}"
    );
    assert_eq!(of("done").last_exit.as_deref(), Some("exit code 0"));
}

#[test]
fn the_exit_code_tells_whether_all_run() {
    let agents = AgentsFile::new()
        .puppet("worker", "", &["live=20ms"])
        .puppet("done", "restart = \"never\"\n", &["heartbeat", "exit=0"]);
    let mut scene = Scene::new(&agents);
    let code = |scene: &Scene, arguments: &[&str]| scene.run(arguments).status.code();
    assert_eq!(code(&scene, &["status"]), Some(4), "no coordinator answers");
    scene.start();
    scene.wait_for_state("worker", "RUNNING");
    scene.wait_for_state("done", "EXITED");
    assert_eq!(code(&scene, &["status", "worker"]), Some(0));
    assert_eq!(code(&scene, &["status", "--json", "worker"]), Some(0));
    assert_eq!(code(&scene, &["status"]), Some(3), "one of them has ended");
    assert_eq!(code(&scene, &["status", "done"]), Some(3));
    assert_eq!(code(&scene, &["status", "nobody"]), Some(4));
    scene.stop();
    assert_eq!(
        code(&scene, &["status"]),
        Some(4),
        "no coordinator answers any more"
    );
}

#[test]
fn the_text_names_each_agent_with_state_and_reason() {
    let agents = AgentsFile::new()
        .puppet("worker", "", &["heartbeat=all is well", "idle"])
        .puppet(
            "crashed",
            "backoff_initial = \"1h\"\nbackoff_max = \"1h\"\n",
            &["exit=3"],
        );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    scene.wait_for_state("crashed", "BACKOFF");
    let output = scene.run(&["status"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |name: &str| {
        text.lines()
            .find(|line| line.contains(name))
            .unwrap_or_else(|| panic!("{text}"))
    };
    assert!(line("worker").contains("RUNNING"), "{text}");
    assert!(
        line("crashed").contains("BACKOFF") && line("crashed").contains("exit code 3"),
        "{text}"
    );
}
