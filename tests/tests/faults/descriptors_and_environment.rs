//! What an agent inherits: three descriptors, its own environment, no signal state (F24, F2).
//! Which variables pass by default is documented in docs/configuration.md.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;

use end_to_end::{AgentsFile, Scene, wait_for_condition};
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use serde_json::Value;

fn wait_for_report(scene: &Scene, name: &str) -> Value {
    wait_for_condition(&format!("the report {name}"), || {
        let bytes = std::fs::read(scene.path(name)).unwrap_or_default();
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    })
}

/// Starts the coordinator as badly as a parent can: with a descriptor too many and signals blocked and ignored.
fn start_badly(scene: &mut Scene, variables: &[(&str, &str)]) {
    let mut command = scene.command();
    command
        .args(["--agents", "agents.toml"])
        .envs(variables.iter().copied());
    let secret = std::fs::File::create(scene.path("secret")).expect("the folder is writable");
    // SAFETY: only functions that are safe between fork and exec are called, and `secret` lives until `start_command`.
    unsafe {
        let descriptor = secret.as_raw_fd();
        command.pre_exec(move || {
            if libc::dup2(descriptor, 77) < 0 {
                return Err(std::io::Error::last_os_error());
            }
            SigSet::from_iter([Signal::SIGUSR1, Signal::SIGCHLD]).thread_block()?;
            signal(Signal::SIGHUP, SigHandler::SigIgn)?;
            signal(Signal::SIGUSR2, SigHandler::SigIgn)?;
            Ok(())
        });
    }
    scene.start_command(command);
}

#[test]
fn no_descriptor_but_the_three_is_open_in_an_agent() {
    let agents = AgentsFile::new()
        .puppet("first", "", &["report=first.json", "live=20ms"])
        .puppet(
            "second",
            "depends_on = [\"first\"]\n",
            &["report=second.json", "live=20ms"],
        )
        .plain("plain", "", &["puppet", "report=plain.json", "idle"]);
    let mut scene = Scene::new(&agents);
    start_badly(&mut scene, &[]);
    for name in ["first.json", "second.json", "plain.json"] {
        let report = wait_for_report(&scene, name);
        let descriptors = report["descriptors"].as_object().unwrap();
        let numbers: Vec<&str> = descriptors.keys().map(String::as_str).collect();
        assert_eq!(numbers, ["0", "1", "2"], "{descriptors:?}");
    }
    let plain = wait_for_report(&scene, "plain.json");
    assert_eq!(plain["descriptors"]["0"], "/dev/null");
}

#[test]
fn the_environment_is_the_agent_s_own() {
    let agents = AgentsFile::new()
        .puppet(
            "first",
            "env = { FIRST_TOKEN = \"one\" }\n",
            &["report=first.json", "live=20ms"],
        )
        .puppet(
            "second",
            "pass_env = [\"PASSED_*\"]\n",
            &["report=second.json", "live=20ms"],
        );
    let mut scene = Scene::new(&agents);
    let socket = scene.path("notify.sock");
    let _listener = UnixDatagram::bind(&socket).unwrap();
    let variables = [
        ("NOTIFY_SOCKET", socket.to_str().unwrap()),
        ("WATCHDOG_USEC", "60000000"),
        ("WATCHDOG_PID", "1"),
        ("LISTEN_FDS", "0"),
        ("LISTEN_PID", "1"),
        ("LISTEN_FDNAMES", "x"),
        ("INVOCATION_ID", "x"),
        ("SECRET_OF_THE_COORDINATOR", "x"),
        ("PASSED_ON", "yes"),
        ("LANG", "C.UTF-8"),
    ];
    start_badly(&mut scene, &variables);
    let first = wait_for_report(&scene, "first.json");
    let second = wait_for_report(&scene, "second.json");
    for report in [&first, &second] {
        for (name, _) in &variables[..8] {
            assert!(
                report["environment"].get(name).is_none(),
                "{name}: {report:#}"
            );
        }
        assert_eq!(report["environment"]["LANG"], "C.UTF-8");
    }
    assert_eq!(first["environment"]["FIRST_TOKEN"], "one");
    assert!(first["environment"].get("PASSED_ON").is_none());
    assert!(second["environment"].get("FIRST_TOKEN").is_none());
    assert_eq!(second["environment"]["PASSED_ON"], "yes");

    let environment = &first["environment"];
    assert_eq!(environment["AGENT_NAME"], "first");
    assert_eq!(environment["AGENT_INSTANCE"], "first");
    assert_eq!(environment["INSTANCE"], "0");
    let row = scene.wait_for_state("first", "RUNNING");
    assert_eq!(
        environment["AGENT_INVOCATION"],
        row.invocation_id.unwrap().to_string()
    );
    assert_eq!(
        environment["SHARED_STATE_SQLITE"],
        scene.path("shared_state.db").to_str().unwrap()
    );
    assert_eq!(
        environment["COORDINATOR_SOCKET"],
        scene.path("coordinator.sock").to_str().unwrap()
    );
    assert_eq!(first["directory"], scene.folder().to_str().unwrap());
    assert_eq!(first["group"], first["pid"], "a group of its own");
}

#[test]
fn no_signal_is_blocked_or_ignored() {
    // A program of the system: the runtime of the puppet ignores SIGPIPE by itself.
    let agents = AgentsFile::new().plain(
        "status",
        "restart = \"never\"\n",
        &["cat", "/proc/self/status"],
    );
    let mut scene = Scene::new(&agents);
    start_badly(&mut scene, &[]);
    scene.wait_for_state("status", "EXITED");
    scene.stop();
    let log = scene.log("status.log");
    // 32 and 33 are the C library's own: it sets and resets them as it likes.
    let own_of_libc = 0b11_u64 << 31;
    for name in ["SigBlk", "SigIgn", "SigCgt"] {
        let beginning = format!("out {name}:\t");
        let mask = log.iter().find_map(|line| line.strip_prefix(&beginning));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask, 16).ok());
        let set = mask.map(|mask| mask & !own_of_libc);
        assert_eq!(set, Some(0), "{name}: {log:#?}");
    }
}
