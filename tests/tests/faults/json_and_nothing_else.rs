//! `--json` prints JSON and nothing else on stdout, for every verb that reads, and whoever takes one line of it ends it
//! cleanly (F39). What the JSON says is tested with each verb.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use end_to_end::{AgentsFile, Scene, wait_for_condition};
use serde_json::Value;

/// Verbs whose whole output is one JSON value, and the code they end with.
const VALUES: &[(&[&str], i32)] = &[
    (&["status", "--json"], 3),
    (&["status", "--json", "worker"], 0),
    (&["describe", "--json", "all"], 0),
    (&["wait", "--json", "worker"], 0),
    (&["wait", "--json", "idle", "--timeout", "0"], 1),
    (&["reload", "--dry-run", "--json"], 0),
    (&["reload", "--json"], 0),
    (&["check", "--json"], 0),
    (&["check", "--json", "--agents", "missing.toml"], 2),
    (&["backup", "--json", "copy.db"], 0),
    (&["schema"], 0),
];

/// Verbs that print one object a line, and go on with `-f`.
const STREAMS: &[&[&str]] = &[
    &["events", "--json"],
    &["events", "--json", "worker"],
    &["logs", "--json", "all"],
    &["logs", "--json", "worker", "--since", "1h"],
];

/// Agents that print all that could be mistaken for something else.
fn scene() -> Scene {
    let odd = r#"raw=\xff\x00 \x1b[2J "quoted" \\n {"a":1}\n"#;
    let agents = AgentsFile::new()
        .puppet(
            "worker",
            "",
            &["print={\"type\":\"x", "eprint=an error", odd, "live=20ms"],
        )
        .puppet("idle", "autostart = false\n", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    scene.wait_for_state("idle", "STOPPED");
    scene.wait_for_lines("logs/worker.log", 4);
    scene
}

fn parsed(text: &[u8]) -> Value {
    serde_json::from_slice(text)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)))
}

#[test]
fn every_verb_that_reads_prints_json_and_nothing_else() {
    let scene = scene();
    for (arguments, code) in VALUES {
        let output = scene.run_to(*code, arguments);
        parsed(&output.stdout);
        assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    for arguments in STREAMS {
        let output = scene.run_to(0, arguments);
        let lines: Vec<&[u8]> = output.stdout.split(|byte| *byte == b'\n').collect();
        assert!(lines.len() > 2, "{arguments:?}: {output:?}");
        assert!(lines.last().is_some_and(|last| last.is_empty()));
        for line in &lines[..lines.len() - 1] {
            assert!(parsed(line).is_object(), "{arguments:?}");
        }
    }
}

#[test]
fn what_goes_wrong_is_told_on_stderr_only() {
    let scene = scene();
    for arguments in [
        &["status", "--json", "nobody"][..],
        &["describe", "--json", "nobody"],
        &["wait", "--json", "nobody"],
        &["logs", "--json", "nobody"],
        &["events", "--json", "nobody"],
        &["backup", "--json", "agents.toml"],
    ] {
        let output = scene.run(arguments);
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{output:?}"
        );
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn whoever_takes_one_line_ends_every_verb_cleanly() {
    let scene = scene();
    let follow = STREAMS
        .iter()
        .map(|arguments| [arguments, &["-f"][..]].concat());
    let whole = VALUES.iter().filter(|(_, code)| *code == 0);
    let all = follow.chain(whole.map(|(arguments, _)| arguments.to_vec()));
    for arguments in all {
        let mut command = scene.command();
        command
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if arguments.contains(&"copy.db") {
            continue; // it is written before anything is printed, and only once
        }
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::with_capacity(1, child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "{arguments:?}: {line:?}");
        drop(stdout);
        wait_for_condition("its end", || match child.try_wait().unwrap() {
            Some(_) => Ok(()),
            None => Err(arguments.clone()),
        });
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}
