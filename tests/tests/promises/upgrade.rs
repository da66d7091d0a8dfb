//! `coordinator upgrade`: another program takes over in the same process, and no agent notices.
//! What happens when that goes wrong stands in `upgrade_refused`, what happens at the same time in `upgrade_races`.

use std::collections::BTreeSet;

use end_to_end::{AgentsFile, Scene, processes, wait_for_condition};
use nix::sys::signal::Signal;
use serde_json::Value;

const UPGRADES: i64 = 100;

/// The numbers of lines such as `out line 7`.
fn numbers(log: &[String], stream: &str) -> Vec<u64> {
    let prefix = format!("{stream} line ");
    let numbers = log.iter().filter_map(|line| line.strip_prefix(&prefix));
    numbers
        .map(|number| number.parse().expect("nothing follows the number"))
        .collect()
}

fn assert_counts_up(what: &str, numbers: &[u64]) {
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert!(!numbers.is_empty(), "{what}: nothing was counted");
    assert_eq!(numbers, expected, "{what}: a gap, or something twice");
}

#[test]
fn a_hundred_upgrades_lose_no_line_and_restart_no_agent() {
    let agents = AgentsFile::new()
        .puppet("counter", "instances = 2\n", &["listen=heard", "count=4ms"])
        .plain(
            "shell",
            "",
            &[
                "sh",
                "-c",
                "n=0; trap 'exit 0' TERM; while :; do n=$((n+1)); echo line $n; sleep 0.01; done",
            ],
        );
    let mut scene = Scene::started(&agents);
    let names = ["counter:0", "counter:1", "shell"];
    for name in names {
        scene.wait_for_state(name, "RUNNING");
    }
    let before = scene.status(&[]);
    let coordinator = scene.coordinator().pid();
    let descriptors = processes::open_descriptors(coordinator);
    for round in 1..=UPGRADES {
        if round % 10 == 0 {
            scene.coordinator().signal(Signal::SIGUSR2);
            wait_for_condition("the next program", || {
                let seen = scene.database().incarnations();
                if seen == round + 1 { Ok(()) } else { Err(seen) }
            });
        } else {
            scene.run_to(0, &["upgrade"]);
        }
    }
    let after = scene.status(&[]);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.pid, after.pid);
        assert_eq!(after.restarts, 0);
        assert_eq!(after.state, "RUNNING");
        assert!(after.uptime_ms > before.uptime_ms, "{before:?} {after:?}");
    }
    wait_for_condition("no more open descriptors than before", || {
        let now = processes::open_descriptors(coordinator);
        if now <= descriptors + 1 {
            Ok(())
        } else {
            Err((now, descriptors))
        }
    });
    scene.stop();
    assert_eq!(scene.database().incarnations(), UPGRADES + 1);
    for name in names {
        assert_eq!(scene.database().invocations(name).len(), 1, "{name}");
        let log = scene.log(&format!("{}.log", name.replace(':', ".")));
        assert_counts_up(&format!("stdout of {name}"), &numbers(&log, "out"));
    }
    for ordinal in 0..2 {
        check_counter(&scene, ordinal);
    }
    let heard = scene.lines("heard");
    let acks = heard.iter().filter(|line| line.contains("\"ack\"")).count();
    let runs: i64 = scene
        .database()
        .value("SELECT count(*) FROM trace_runs", []);
    assert!(acks > 0 && runs > 0, "records were stored and acknowledged");
}

/// Everything that one counter has sent is there once.
fn check_counter(scene: &Scene, ordinal: u32) {
    let name = format!("counter:{ordinal}");
    let log = scene.log(&format!("{}.log", name.replace(':', ".")));
    let lines = numbers(&log, "err");
    assert_counts_up(&format!("stderr of {name}"), &lines);
    let seqs: Vec<i64> = scene.database().rows(
        "SELECT h.seq FROM heartbeats h JOIN instances i USING (instance_id) WHERE i.name = ?1 ORDER BY 1",
        [&name],
        |row| row.get(0),
    );
    let count = i64::try_from(lines.len()).expect("there are few");
    let expected: Vec<i64> = (1..=count).collect();
    assert_eq!(seqs, expected, "heartbeats of {name}");
    let invocation = &scene.database().invocations(&name)[0];
    assert_eq!(invocation.heartbeats, count);
    assert_eq!(invocation.log_lines, 2 * count);
    assert_eq!(
        invocation.exit_code,
        Some(0),
        "it got all its acks: {invocation:?}"
    );
}

/// More acks than a pipe holds wait for this agent, which does not read yet.
const ACKS: i64 = 5_000;

#[test]
fn what_an_agent_has_not_read_yet_reaches_it_after_an_upgrade() {
    let acks = ACKS.to_string();
    let agents = AgentsFile::new().puppet(
        "reader",
        "ready_timeout = \"1h\"\n",
        &[
            &format!("burst={acks}"),
            "mark=sent",
            "wait-for=go",
            &format!("await-acks={acks}"),
            "live=20ms",
        ],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_lines("sent", 1);
    wait_for_condition("the last cursor is stored", || {
        let value = scene.database().try_rows(
            "SELECT json_extract(value, '$.batch') FROM cursors",
            [],
            |row| row.get::<_, i64>(0),
        );
        if value.as_deref() == Ok(&[ACKS]) {
            Ok(())
        } else {
            Err(value)
        }
    });
    for _ in 0..3 {
        scene.run_to(0, &["upgrade"]);
    }
    scene.touch("go");
    // It becomes ready only after all acks, and fails if one is missing.
    let row = scene.wait_for_state("reader", "RUNNING");
    assert_eq!(row.restarts, 0);
}

#[test]
fn lines_that_wait_for_the_log_file_are_in_it_after_an_upgrade() {
    const LINES: u64 = 300_000;
    let print = format!("lines={LINES}");
    let agents = AgentsFile::new()
        .defaults("log_bytes_max = \"100MB\"\n")
        .puppet("printer", "", &["ready", &print, "live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_lines("logs/printer.log", 1_000);
    let mut upgrades = 0;
    while scene.instance("printer").heartbeat.is_none() {
        scene.run_to(0, &["upgrade"]);
        upgrades += 1;
    }
    scene.stop();
    let numbers = numbers(&scene.log("printer.log"), "out");
    assert_eq!(numbers.len() as u64, LINES, "after {upgrades} upgrades");
    assert_counts_up("stdout", &numbers);
}

#[test]
fn every_state_is_kept_and_goes_on() {
    let agents = AgentsFile::new()
        .defaults("")
        .puppet("stopped", "", &["live=20ms"])
        .plain(
            "later",
            "backoff_initial = \"1h\"\nbackoff_max = \"1h\"\n",
            &["false"],
        )
        .plain(
            "given-up",
            "short_lived_max = 1\nfatal_retry = \"never\"\n",
            &["false"],
        )
        .plain("finished", "restart = \"on-failure\"\n", &["true"])
        .puppet("waiting", "depends_on = [\"later\"]\n", &["live=20ms"])
        .puppet("by-hand", "autostart = false\n", &["live=20ms"])
        .puppet(
            "stubborn",
            "stop_timeout = \"3s\"\n",
            &["ignore=TERM", "ready", "hang"],
        );
    let mut scene = Scene::started(&agents);
    let states = [
        ("stopped", "RUNNING"),
        ("later", "BACKOFF"),
        ("given-up", "FATAL"),
        ("finished", "EXITED"),
        ("waiting", "WAITING"),
        ("stubborn", "RUNNING"),
    ];
    for (name, state) in states {
        scene.wait_for_state(name, state);
    }
    scene.run_to(0, &["stop", "stopped"]);
    scene.run_to(0, &["stop", "--no-wait", "stubborn"]);
    scene.wait_for_state("stubborn", "STOPPING");
    let told = |scene: &Scene| -> Vec<_> {
        let lines = scene.status(&[]).into_iter();
        lines
            .map(|line| {
                (
                    line.name,
                    line.state,
                    line.pid,
                    line.last_exit,
                    line.next_attempt_ms,
                )
            })
            .collect()
    };
    let before = told(&scene);
    let rows = scene.database().instances();
    scene.run_to(0, &["upgrade"]);
    for (before, after) in before.iter().zip(told(&scene)) {
        let near = before
            .4
            .zip(after.4)
            .is_none_or(|(one, other)| one.abs_diff(other) < 1_000);
        assert!(near, "{before:?} {after:?}");
        assert_eq!(
            (&before.0, &before.1, &before.2, &before.3),
            (&after.0, &after.1, &after.2, &after.3)
        );
    }
    assert_eq!(scene.database().instances(), rows, "the rows say the same");
    // The new program kills the stubborn one at the time that the old one had set.
    let stubborn = scene.wait_for_state("stubborn", "STOPPED");
    assert!(
        stubborn
            .last_exit
            .is_some_and(|exit| exit.contains("SIGKILL"))
    );
    scene.run_to(0, &["start", "stopped", "by-hand"]);
    scene.wait_for_state("by-hand", "RUNNING");
}

#[test]
fn the_agents_toml_in_force_is_carried_over_and_not_the_edited_one() {
    let before = AgentsFile::new().puppet("kept", "", &["live=20ms"]);
    let mut scene = Scene::started(&before);
    scene.wait_for_state("kept", "RUNNING");
    let edited = before.puppet("new", "", &["live=20ms"]);
    std::fs::write(scene.path("agents.toml"), edited.text()).expect("the folder is writable");
    scene.run_to(0, &["upgrade"]);
    let names = |scene: &Scene| -> BTreeSet<String> {
        scene
            .status(&[])
            .into_iter()
            .map(|line| line.name)
            .collect()
    };
    assert_eq!(names(&scene), BTreeSet::from(["kept".to_owned()]));
    scene.run_to(0, &["reload"]);
    scene.wait_for_state("new", "RUNNING");
    let line = String::from_utf8(scene.run_to(0, &["reload"]).stdout).expect("UTF-8");
    assert!(line.contains("unchanged: 2"), "{line}");
}

#[test]
fn the_new_program_gets_the_arguments_and_the_environment_of_the_old_one() {
    let agents = AgentsFile::new().puppet(
        "teller",
        "pass_env = [\"GIVEN\"]\n",
        &["print=a line", "report=report", "live=20ms"],
    );
    let mut scene = Scene::new(&agents);
    let mut command = scene.command();
    command.args(["--agents", "agents.toml", "--log-dir", "other"]);
    command.env("GIVEN", "by the shell");
    scene.start_command(command);
    scene.wait_for_state("teller", "RUNNING");
    let coordinator = scene.coordinator().pid();
    let arguments = std::fs::read(format!("/proc/{coordinator}/cmdline")).expect("it lives");
    scene.run_to(0, &["upgrade"]);
    assert_eq!(
        std::fs::read(format!("/proc/{coordinator}/cmdline")).expect("it lives"),
        arguments
    );
    let name = std::fs::read_to_string(format!("/proc/{coordinator}/comm")).expect("it lives");
    assert_eq!(name.trim(), "coordinator");
    std::fs::remove_file(scene.path("report")).expect("the first process has reported");
    scene.run_to(0, &["restart", "teller"]);
    let report = wait_for_condition("the report of the second process", || {
        let text = scene.lines("report").join("\n");
        serde_json::from_str::<Value>(&text).map_err(|error| format!("{error}: {text}"))
    });
    let environment = report["environment"].to_string();
    assert!(environment.contains("by the shell"), "{environment}");
    assert!(!environment.contains("HANDOVER"), "{environment}");
    assert!(scene.path("other/teller.log").exists());
}
