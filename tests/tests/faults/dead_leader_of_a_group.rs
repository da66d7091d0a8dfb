//! A group is signalled only while its leader is unreaped: whoever has the number later is left alone (F12).
//! Runs in a pid namespace, where the next pid can be chosen without a race with the rest of the machine.

use std::process::Command;

use end_to_end::{AgentsFile, Scene, processes, program, wait_for_condition};
use nix::sys::signal::Signal;

/// `unshare` as root, else with a user namespace of its own.
fn in_a_pid_namespace(scene: &Scene) -> Command {
    let mut command = Command::new("unshare");
    scene.prepare(&mut command);
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    command
        .arg(program("coordinator"))
        .args(["--agents", "agents.toml"]);
    command
}

#[test]
fn whoever_has_the_number_of_a_dead_group_is_left_alone() {
    // All are told to stop at once; the squatter looks half a second later.
    let crasher = "backoff_initial = \"1h\"\nbackoff_max = \"1h\"\n";
    let agents = AgentsFile::new()
        .puppet(
            "squatter",
            "",
            &[
                "heartbeat",
                "wait-for=crashed",
                "squat=crashed:signals",
                "live=20ms",
                "wait=500ms",
                "alive=crashed:signals",
            ],
        )
        .puppet("crasher", crasher, &["heartbeat", "mark=crashed", "exit=1"]);
    let mut scene = Scene::new(&agents);
    let command = in_a_pid_namespace(&scene);
    scene.start_command(command);
    scene.wait_for_state("crasher", "BACKOFF");
    scene.wait_for_lines("signals", 1);
    let unshare = scene.coordinator().pid();
    let inner = wait_for_condition("the coordinator in the namespace", || {
        let children = processes::children(unshare);
        children.first().map(|stat| stat.pid).ok_or(children)
    });
    processes::signal(inner, Signal::SIGTERM);
    let ended = scene.wait_for_end();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(scene.lines("signals"), ["squatting", "alive"]);
}
