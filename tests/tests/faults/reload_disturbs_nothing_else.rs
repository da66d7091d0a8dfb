//! A reload restarts an agent only for keys that its process learns at its start, and only that agent; rules apply to those
//! that run (F36). What it adds, removes and refuses is tested among the promises.

use end_to_end::{AgentsFile, Scene, wait_for_condition};

fn reload(scene: &Scene, agents: &AgentsFile) -> String {
    std::fs::write(scene.path("agents.toml"), agents.text()).expect("the folder is writable");
    let output = scene.run_to(0, &["reload"]);
    String::from_utf8(output.stdout).expect("what it prints is UTF-8")
}

fn invocations(scene: &Scene) -> Vec<(String, Option<i64>)> {
    let lines = scene.status(&[]);
    lines
        .into_iter()
        .map(|line| (line.name, line.invocation_id))
        .collect()
}

#[test]
fn each_key_that_a_process_learns_at_its_start_restarts_that_agent_alone() {
    let keys = [
        ("env", "env = { LEVEL = \"high\" }\n"),
        ("directory", "directory = \"logs\"\n"),
        ("pass_env", "pass_env = [\"LEVEL\"]\n"),
        ("config", "config = { level = 1 }\n"),
        ("line_bytes_max", "line_bytes_max = \"8KiB\"\n"),
    ];
    let with = |changed: Option<&str>| {
        let mut agents = AgentsFile::new().puppet("witness", "", &["live=20ms"]);
        for (key, line) in keys {
            let line = if changed == Some(key) { line } else { "" };
            agents = agents.puppet(key, line, &["live=20ms"]);
        }
        agents
    };
    let mut scene = Scene::started(&with(None));
    for (key, _) in keys {
        scene.wait_for_state(key, "RUNNING");
    }
    scene.wait_for_state("witness", "RUNNING");
    for (key, _) in keys {
        reload(&scene, &with(None));
        wait_for_condition("all run", || {
            let states = scene.status(&[]);
            match states.iter().all(|line| line.state == "RUNNING") {
                true => Ok(()),
                false => Err(states),
            }
        });
        let before = invocations(&scene);
        let told = reload(&scene, &with(Some(key)));
        assert!(told.contains(&format!("restarted {key}: {key}")), "{told}");
        wait_for_condition(&format!("{key} is another invocation"), || {
            let now = invocations(&scene);
            match now != before && now.iter().all(|(_, id)| id.is_some()) {
                true => Ok(()),
                false => Err(now),
            }
        });
        for ((name, id), (_, before)) in invocations(&scene).iter().zip(&before) {
            assert!(
                (id == before) || name == key,
                "{name} was restarted for {key}"
            );
        }
    }
}

#[test]
fn changed_rules_apply_to_what_runs_and_waits_now() {
    let slow = "heartbeat_timeout = \"1h\"\nwatchdog_grace = \"1h\"\nwatchdog_signal = \"KILL\"\n";
    let with = |silent: &str, stubborn: &str, crashed: &str, old: &str| {
        AgentsFile::new()
            .puppet(
                "silent",
                silent,
                &["heartbeat", "once=silent.begun", "hang", "live=20ms"],
            )
            .puppet("stubborn", stubborn, &["ignore=TERM", "heartbeat", "hang"])
            .puppet(
                "crashed",
                crashed,
                &["once=crashed.begun", "exit=1", "live=20ms"],
            )
            .puppet("old", old, &["live=20ms"])
            .puppet("witness", "", &["live=20ms"])
    };
    let long = "backoff_initial = \"1h\"\nbackoff_max = \"1h\"\n";
    let mut scene = Scene::started(&with(slow, "stop_timeout = \"1h\"\n", long, ""));
    for name in ["silent", "stubborn", "old", "witness"] {
        scene.wait_for_state(name, "RUNNING");
    }
    scene.wait_for_state("crashed", "BACKOFF");
    scene.run_to(0, &["stop", "stubborn", "--no-wait"]);
    scene.wait_for_state("stubborn", "STOPPING");
    let before = scene.instance("witness");
    let told = reload(
        &scene,
        &with(
            "heartbeat_timeout = \"200ms\"\nwatchdog_signal = \"KILL\"\n",
            "stop_timeout = \"200ms\"\n",
            "backoff_initial = \"20ms\"\nbackoff_max = \"20ms\"\n",
            "max_age = \"1s\"\n",
        ),
    );
    assert!(!told.contains("restarted"), "{told}");
    assert!(
        told.contains("changed silent: heartbeat_timeout, watchdog_grace"),
        "{told}"
    );
    assert!(told.contains("changed old: max_age"), "{told}");
    scene.wait_for_instance("silent", "ended for its silence", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    let reason = scene.database().invocations("silent")[0].reason.clone();
    assert!(reason.is_some_and(|why| why.contains("no heartbeat within 200ms")));
    scene.wait_for_instance("stubborn", "killed", |row| row.state == "STOPPED");
    assert_eq!(scene.database().invocations("stubborn")[0].signal, Some(9));
    scene.wait_for_state("crashed", "RUNNING");
    wait_for_condition("old is replaced", || {
        let events = scene.database().events_of(Some("old"), "agent_replaced");
        if events.is_empty() {
            Err(scene.status(&["old"]))
        } else {
            Ok(())
        }
    });
    assert_eq!(
        scene.instance("witness").invocation_id,
        before.invocation_id
    );
}

#[test]
fn a_problem_anywhere_changes_nothing_and_is_named_with_file_line_key_and_suggestion() {
    let agents = AgentsFile::new().puppet("worker", "", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    let before = scene.wait_for_state("worker", "RUNNING");
    let broken = AgentsFile::new()
        .puppet("worker", "env = { LEVEL = \"high\" }\n", &["live=20ms"])
        .puppet(
            "other",
            "heartbeat_timout = \"5s\"\nmax_age_variance = 2\n",
            &["live=20ms"],
        );
    std::fs::write(scene.path("agents.toml"), broken.text()).expect("the folder is writable");
    let line = |part: &str| {
        let place = broken.text().lines().position(|line| line.contains(part));
        place.expect("the file has it") + 1
    };
    let output = scene.run_to(2, &["reload"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in [
        "agents.other.heartbeat_timout: there is no such key",
        "did you mean `heartbeat_timeout`?",
        "a number from 0 to 1",
        &format!("agents.toml:{}:", line("heartbeat_timout")),
        &format!("agents.toml:{}:", line("max_age_variance")),
        "nothing has changed",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let names: Vec<_> = invocations(&scene);
    assert_eq!(names, [("worker".to_owned(), before.invocation_id)]);
}
