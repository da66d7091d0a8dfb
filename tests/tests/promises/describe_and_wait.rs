//! `coordinator describe` shows everything about an agent, and `wait` returns when it is in a state.
//! Their exit codes stand in the table of `exit_codes_of_verbs`.

use end_to_end::{AgentsFile, Scene, processes};
use serde_json::Value;

fn describe(scene: &Scene, names: &[&str]) -> Vec<Value> {
    let arguments = [&["describe", "--json"], names].concat();
    let output = scene.run_to(0, &arguments);
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("it prints JSON and nothing else")
}

#[test]
fn describe_shows_configuration_processes_invocations_and_neighbours() {
    let secret = "env = { API_KEY = \"hunter2\", LEVEL = \"low\" }\n";
    let agents = AgentsFile::new()
        .puppet(
            "worker",
            &format!("{secret}log_bytes_max = \"4KiB\"\n"),
            &["once=crashed", "exit=3", "elines=300", "live=20ms"],
        )
        .plain(
            "tree",
            "depends_on = [\"worker\"]\n",
            &["sh", "-c", "sleep 1000000 & wait"],
        );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    let tree = scene.wait_for_state("tree", "RUNNING");
    let all = describe(&scene, &["all"]);
    let worker = &all[0];
    assert_eq!(
        (&worker["name"], &worker["state"]),
        (&"worker".into(), &"RUNNING".into())
    );
    assert_eq!(worker["config"]["env"]["API_KEY"], "***");
    assert_eq!(worker["config"]["env"]["LEVEL"], "low");
    let names = worker["environment"].as_array().unwrap();
    assert!(names.contains(&"API_KEY".into()) && names.contains(&"AGENT_NAME".into()));
    assert_eq!(worker["needed_by"][0]["name"], "tree");
    let invocations = worker["invocations"].as_array().unwrap();
    assert_eq!(invocations.len(), 2, "{invocations:#?}");
    assert!(invocations[0]["ended_ms"].is_null());
    assert_eq!(invocations[1]["reason"], "exit code 3");
    assert_eq!(invocations[1]["exit_code"], 3);
    let files = worker["log_files"].as_array().unwrap();
    assert!(files.len() > 1, "it was rotated: {files:?}");
    for file in files {
        let length = std::fs::metadata(file["path"].as_str().unwrap())
            .unwrap()
            .len();
        assert!(length > 0 && file["bytes"].as_u64().unwrap() > 0);
    }
    assert_eq!(worker["processes"][0]["pid"], worker["pid"]);

    let tree_now = &all[1];
    assert_eq!(tree_now["depends_on"][0]["state"], "RUNNING");
    let processes = tree_now["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 2, "{processes:?}");
    assert_eq!(processes[0]["pid"].as_i64(), tree.pid.map(i64::from));
    assert_eq!(
        (&processes[1]["name"], &processes[1]["depth"]),
        (&"sleep".into(), &1.into())
    );

    let text = scene.run_to(0, &["describe", "worker", "-n", "1"]).stdout;
    let text = String::from_utf8(text).unwrap();
    for shown in [
        "RUNNING: ready",
        "API_KEY",
        "needed by     tree (RUNNING)",
        "worker.log",
        "***",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let everything = text + &format!("{all:?}");
    assert!(!everything.contains("hunter2"), "{everything}");
}

#[test]
fn what_an_agent_says_cannot_change_the_terminal_of_who_describes_it() {
    let agents = AgentsFile::new().puppet("worker", "", &["heartbeat=red \u{1b}[31m", "idle"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    let text = scene.run_to(0, &["describe", "worker"]).stdout;
    let is_harmless = |byte: &u8| *byte == b'\n' || *byte >= b' ';
    assert!(
        text.iter().all(is_harmless),
        "{}",
        String::from_utf8_lossy(&text)
    );
}

#[test]
fn wait_returns_when_the_state_is_there_and_tells_when_it_does_not_come() {
    let agents = AgentsFile::new()
        .puppet("worker", "", &["live=20ms"])
        .puppet(
            "job",
            "restart = \"never\"\n",
            &["heartbeat", "wait-for=go", "exit=0"],
        );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    scene.run_to(0, &["wait", "worker", "job"]);
    assert_eq!(scene.status(&["worker"])[0].state, "RUNNING");
    let late = scene.run_to(1, &["wait", "job", "--for", "exited", "--timeout", "1"]);
    let told = String::from_utf8(late.stderr).unwrap();
    assert!(told.contains("job"), "{told}");
    // One that already waits sees it happen.
    let waiting = {
        let mut command = scene.command();
        command.args(["wait", "job", "--for", "stopped,exited", "--json"]);
        command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    scene.touch("go");
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&json["met"], &json["agents"][0]["state"]),
        (&true.into(), &"EXITED".into())
    );
    let json = scene
        .run_to(1, &["wait", "all", "--timeout", "0", "--json"])
        .stdout;
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["missing"], serde_json::json!(["job"]));
    let coordinator = scene.coordinator().pid();
    assert!(processes::is_alive(coordinator));
}

#[test]
fn wait_ends_when_the_coordinator_does() {
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    scene.wait_for_state("worker", "RUNNING");
    let open_before = processes::open_descriptors(scene.coordinator().pid());
    let mut command = scene.command();
    command.args(["wait", "worker", "--for", "fatal", "--timeout", "600"]);
    let mut waiting = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    end_to_end::wait_for_condition("it waits", || {
        match processes::open_descriptors(scene.coordinator().pid()) {
            open if open > open_before => Ok(()),
            open => Err(open),
        }
    });
    scene.stop();
    assert_eq!(waiting.wait().unwrap().code(), Some(7));
}

#[test]
fn wait_goes_on_over_an_upgrade() {
    let agents = AgentsFile::new().puppet(
        "job",
        "restart = \"never\"\n",
        &["heartbeat", "wait-for=go", "exit=0"],
    );
    let mut scene = Scene::started(&agents);
    let job = scene.wait_for_state("job", "RUNNING");
    let open_before = processes::open_descriptors(scene.coordinator().pid());
    let mut command = scene.command();
    command.args(["wait", "job", "--for", "exited", "--timeout", "60"]);
    let mut waiting = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    end_to_end::wait_for_condition("it waits", || {
        match processes::open_descriptors(scene.coordinator().pid()) {
            open if open > open_before => Ok(()),
            open => Err(open),
        }
    });
    scene.run_to(0, &["upgrade"]);
    assert_eq!(scene.instance("job").invocation_id, job.invocation_id);
    assert!(waiting.try_wait().unwrap().is_none(), "it still waits");
    scene.touch("go");
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
}
