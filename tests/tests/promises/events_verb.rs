//! `coordinator events`: what has happened, with and without a running coordinator.
//! Which events there are is the matter of other modules.

use std::fs::File;
use std::process::Output;

use end_to_end::{AgentsFile, Coordinator, Scene, wait_for_condition};
use nix::sys::signal::Signal;
use serde_json::Value;

fn events(scene: &Scene, arguments: &[&str], code: i32) -> Output {
    scene.run_to(code, &[&["events"], arguments].concat())
}

/// Each line as JSON; anything else on stdout fails.
fn objects(stdout: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stdout).expect("JSON is UTF-8");
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

#[test]
fn json_is_one_object_a_line_and_nothing_else() {
    let warning = r#"raw={"type":"event","level":"warn","kind":"odd","message":"a warning"}\n"#;
    let actions = [warning, "heartbeat", "live=20ms"];
    let agents = AgentsFile::new().puppet("worker", "", &actions).puppet(
        "other",
        "instances = 2\n",
        &["live=20ms"],
    );
    let mut scene = Scene::started(&agents);
    for name in ["worker", "other:0", "other:1"] {
        scene.wait_for_state(name, "RUNNING");
    }
    wait_for_condition("the agent's event", || {
        let found = objects(&events(&scene, &["--json", "worker"], 0).stdout);
        let is_there = found.iter().any(|event| event["level"] == "warn");
        is_there.then_some(()).ok_or(found)
    });
    for runs in [true, false] {
        if !runs {
            scene.stop();
        }
        let all = objects(&events(&scene, &["--json"], 0).stdout);
        let ids: Vec<i64> = all
            .iter()
            .map(|event| event["event_id"].as_i64().unwrap())
            .collect();
        assert!(ids.len() > 6 && ids.is_sorted(), "{all:#?}");
        let newest = objects(&events(&scene, &["--json", "-n", "2", "all"], 0).stdout);
        assert_eq!(newest, all[all.len() - 2..]);
        let warnings = events(&scene, &["--json", "--level", "warn", "worker"], 0);
        let warnings = objects(&warnings.stdout);
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        assert_eq!(warnings[0]["instance"], "worker");
        let others = objects(&events(&scene, &["--json", "oth*"], 0).stdout);
        let is_other = |event: &Value| event["instance"].as_str().unwrap().starts_with("other:");
        assert!(others.len() >= 4 && others.iter().all(is_other));
    }
}

#[test]
fn text_is_one_harmless_line_for_each_event() {
    let actions = ["event=odd:broken \u{1b}[2J", "heartbeat", "live=20ms"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &actions));
    scene.wait_for_state("worker", "RUNNING");
    scene.stop();
    let output = events(&scene, &["worker"], 0);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(" info  worker "), "{text}");
    assert!(text.contains("broken  [2J"), "{text}");
}

#[test]
fn following_prints_what_happens_also_after_a_restart_of_the_coordinator() {
    let agents = AgentsFile::new()
        .puppet("worker", "", &["live=20ms"])
        .puppet("other", "", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    for name in ["worker", "other"] {
        scene.wait_for_state(name, "RUNNING");
    }
    let mut command = scene.command();
    command.args(["events", "-f", "--json", "-n", "0", "worker"]);
    let stdout = scene.path("followed");
    let mut shell = std::process::Command::new("sh");
    scene.prepare(&mut shell);
    let program = command.get_program().to_string_lossy().into_owned();
    let arguments: Vec<_> = command
        .get_args()
        .map(|word| word.to_string_lossy())
        .collect();
    File::create(&stdout).unwrap();
    shell.args(["-c", "exec \"$0\" \"$@\" >followed", &program]);
    shell.args(arguments.iter().map(AsRef::<str>::as_ref));
    let mut following = Coordinator::start(shell, scene.folder());
    let seen = || objects(&std::fs::read(&stdout).unwrap());
    // Until it follows, what happens is not its matter.
    wait_for_condition("the first event that is followed", || {
        let done = scene.run(&["restart", "all"]).status.success();
        (done && !seen().is_empty()).then_some(()).ok_or(done)
    });
    scene.stop();
    scene.start();
    let invocation_id = scene.wait_for_state("worker", "RUNNING").invocation_id;
    wait_for_condition("the start by the next coordinator", || {
        let is_it = |event: &Value| event["invocation_id"].as_i64() == invocation_id;
        let started = |event: &Value| event["kind"] == "agent_started" && is_it(event);
        seen().iter().any(started).then_some(()).ok_or_else(seen)
    });
    let seen = seen();
    assert!(
        seen.iter().all(|event| event["instance"] == "worker"),
        "{seen:#?}"
    );
    let mut ids: Vec<_> = seen
        .iter()
        .map(|event| event["event_id"].as_i64())
        .collect();
    let count = ids.len();
    assert!(ids.is_sorted());
    ids.dedup();
    assert_eq!(ids.len(), count, "no event is printed twice");
    following.signal(Signal::SIGINT);
    assert_eq!(following.wait_for_end().stderr, "");
}

#[test]
fn a_wrong_name_and_a_missing_database_are_told() {
    let mut scene = Scene::new(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    let told = events(&scene, &["--json"], 5);
    assert!(String::from_utf8_lossy(&told.stderr).contains("no file yet"));
    assert_eq!(told.stdout, b"");
    scene.start();
    scene.wait_for_state("worker", "RUNNING");
    let told = events(&scene, &["--json", "wroker"], 4);
    assert!(String::from_utf8_lossy(&told.stderr).contains("\"wroker\""));
    assert_eq!(told.stdout, b"");
    events(&scene, &["--level", "loud"], 2);
}
