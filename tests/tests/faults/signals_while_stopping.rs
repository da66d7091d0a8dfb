//! Signals to a coordinator that stops its agents: HUP is ignored, a second TERM or INT forces, and Ctrl-C in a terminal
//! never reaches agents directly (F14).

use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use end_to_end::{AgentsFile, Scene, let_time_pass, wait_for_condition};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

const STUBBORN: &[&str] = &["ignore=TERM", "heartbeat", "hang"];

#[test]
fn hup_during_a_stop_neither_reads_the_file_nor_starts_anything() {
    let stubborn = "stop_timeout = \"2s\"\n";
    let before = AgentsFile::new().puppet("slow", stubborn, STUBBORN);
    let mut scene = Scene::started(&before);
    scene.wait_for_state("slow", "RUNNING");
    let after = before
        .clone()
        .puppet("added", "", &["mark=added", "live=20ms"]);
    std::fs::write(scene.path("agents.toml"), after.text()).expect("the folder is writable");
    scene.coordinator().signal(Signal::SIGTERM);
    scene.wait_for_state("slow", "STOPPING");
    for _ in 0..20 {
        scene.coordinator().signal(Signal::SIGHUP);
        let_time_pass(Duration::from_millis(20));
    }
    let ended = scene.wait_for_end();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(
        scene.lines("added").is_empty(),
        "the file was read while everything stopped"
    );
    assert_eq!(scene.database().invocations("slow").len(), 1);
}

#[test]
fn a_second_signal_forces() {
    for second in [Signal::SIGTERM, Signal::SIGINT] {
        let agents = AgentsFile::new().puppet("slow", "stop_timeout = \"10m\"\n", STUBBORN);
        let mut scene = Scene::started(&agents);
        scene.wait_for_state("slow", "RUNNING");
        scene.coordinator().signal(Signal::SIGTERM);
        scene.wait_for_state("slow", "STOPPING");
        let begun = Instant::now();
        scene.coordinator().signal(second);
        let ended = scene.wait_for_end();
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it waited for the grace"
        );
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert!(ended.stderr.contains("was received again"), "{ended:#?}");
        assert_eq!(scene.database().invocations("slow")[0].signal, Some(9));
    }
}

#[test]
fn ctrl_c_is_seen_by_the_coordinator_and_by_no_agent() {
    // INT would end this one at once, and be its end.
    let agents = AgentsFile::new().puppet(
        "worker",
        "stop_signal = \"USR1\"\n",
        &["ignore=USR1", "heartbeat", "wait-for=go", "exit=7"],
    );
    let mut scene = Scene::new(&agents);
    let mut command = scene.command();
    command.args(["--agents", "agents.toml"]).process_group(0);
    scene.start_command(command);
    let running = scene.wait_for_state("worker", "RUNNING");
    // As a terminal does: to its whole foreground group.
    killpg(Pid::from_raw(scene.coordinator().pid()), Signal::SIGINT).expect("the group is there");
    scene.wait_for_state("worker", "STOPPING");
    let_time_pass(Duration::from_millis(300));
    wait_for_condition("it lives on", || {
        let row = scene.instance("worker");
        if row.pid == running.pid {
            Ok(())
        } else {
            Err(Box::new(row))
        }
    });
    scene.touch("go");
    assert_eq!(scene.wait_for_end().code, Some(0));
    assert_eq!(scene.database().invocations("worker")[0].exit_code, Some(7));
}
