//! The system has no descriptor or no process left for an agent: the coordinator stays up, the agent waits in BACKOFF
//! with the cause and starts once there is room, and nothing leaks (F4). Memory that runs out is
//! tried in `out_of_memory_for_processes`.

use std::os::unix::fs::{MetadataExt, chown};
use std::process::Command;

use end_to_end::{AgentsFile, Scene, let_time_pass, processes, program, wait_for_condition};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use std::time::Duration;

/// No user of any machine, so that nobody else's processes count.
const LONELY_USER: u32 = 61_803;

/// Sets the soft limit of a running process, `max` for all that the hard one allows.
fn set_limit(pid: i32, resource: &str, soft: &str) {
    let owner = std::fs::metadata(format!("/proc/{pid}"))
        .expect("it lives")
        .uid();
    let mut command = Command::new("prlimit");
    if owner == LONELY_USER {
        // Root may do it only with a capability that containers lack; the owner always may.
        command = Command::new("setpriv");
        let owner = owner.to_string();
        command.args([
            "--reuid",
            &owner,
            "--regid",
            &owner,
            "--clear-groups",
            "prlimit",
        ]);
    }
    let soft = match soft {
        "max" => hard_limit(pid, resource),
        soft => soft.to_owned(),
    };
    command.args(["--pid", &pid.to_string(), &format!("{resource}={soft}:")]);
    let done = command.output();
    let done = done.expect("prlimit and setpriv are part of util-linux");
    assert!(done.status.success(), "{resource}={soft}: {done:?}");
}

fn hard_limit(pid: i32, resource: &str) -> String {
    let name = match resource {
        "--nofile" => "Max open files",
        _ => "Max processes",
    };
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("it lives");
    let line = limits.lines().find(|line| line.starts_with(name));
    // NAME SOFT HARD UNIT, and the name has blanks.
    let hard = line.and_then(|line| line.split_whitespace().nth_back(1));
    hard.expect("the kernel tells all limits").to_owned()
}

/// Takes the room away, kills one agent, and gives the room back: what must hold in between and after.
fn survive_without(scene: &mut Scene, resource: &str, soft: &str, cause: &str) {
    let before = ["victim", "other"].map(|name| scene.wait_for_state(name, "RUNNING"));
    for name in ["logs/victim.log", "logs/other.log"] {
        scene.wait_for_lines(name, 1); // a log is opened when it is first written
    }
    let coordinator = scene.coordinator().pid();
    let open_before = processes::open_descriptors(coordinator);
    set_limit(coordinator, resource, soft);
    processes::signal(before[0].pid.expect("it runs"), Signal::SIGKILL);
    let row = scene.wait_for_instance("victim", "a few tries in vain", |row| {
        row.state == "BACKOFF" && row.restarts >= 5
    });
    assert!(row.reason.contains(cause), "{row:?}");
    assert!(
        row.next_attempt_ms.is_some() && row.pid.is_none(),
        "{row:?}"
    );
    for failed in &scene.database().invocations("victim")[1..] {
        let reason = failed.reason.clone().unwrap_or_default();
        if failed.ended_ms.is_some() {
            assert_eq!(
                failed.outcome.as_deref(),
                Some("spawn_failed"),
                "{failed:?}"
            );
            assert!(reason.contains(cause) && failed.pid.is_none(), "{failed:?}");
        }
    }
    let open = processes::open_descriptors(coordinator);
    assert!(
        open < open_before,
        "{open} are open after failures, {open_before} were before"
    );

    set_limit(coordinator, resource, "max");
    let after = scene.wait_for_instance("victim", "started again", |row| {
        row.state == "RUNNING" && row.heartbeat.is_some()
    });
    assert_ne!(after.pid, before[0].pid);
    let other = scene.instance("other");
    assert_eq!(
        (other.state.as_str(), other.invocation_id, other.restarts),
        ("RUNNING", before[1].invocation_id, 0)
    );
    wait_for_condition(
        "as many descriptors as before",
        || match processes::open_descriptors(coordinator) {
            open if open == open_before => Ok(()),
            open => Err((open, open_before)),
        },
    );
}

fn two_agents() -> AgentsFile {
    let lines = "short_lived_max = 1000000\nrestarts_max = 1000000\nheartbeat_timeout = \"5s\"\n";
    AgentsFile::new()
        .puppet("victim", lines, &["print=hello", "live=20ms"])
        .puppet("other", lines, &["print=hello", "live=20ms"])
}

#[test]
fn without_descriptors_an_agent_waits_and_starts_once_there_are_some() {
    let mut scene = Scene::started(&two_agents());
    survive_without(&mut scene, "--nofile", "4", "Too many open files");
    assert_eq!(scene.status(&["victim"])[0].state, "RUNNING");
}

#[test]
fn without_processes_an_agent_waits_and_starts_once_there_are_some() {
    let mut scene = Scene::new(&two_agents());
    let mut command = scene.command();
    if geteuid().is_root() {
        // The limit does not hold for root. The capability is for binaries that only root can reach.
        for path in [scene.folder(), &scene.path("agents.toml")] {
            chown(path, Some(LONELY_USER), Some(LONELY_USER)).expect("root may give files away");
        }
        let user = LONELY_USER.to_string();
        command = Command::new("setpriv");
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
        command.args([
            "--inh-caps",
            "-all,+dac_override",
            "--ambient-caps",
            "-all,+dac_override",
        ]);
        command.arg(program("coordinator"));
        scene.prepare(&mut command);
    }
    command.args(["--agents", "agents.toml"]);
    scene.start_command(command);
    survive_without(&mut scene, "--nproc", "1", "Try again");
}

#[test]
fn a_client_is_answered_once_there_are_descriptors_and_nothing_spins_until_then() {
    let mut scene = Scene::started(&two_agents());
    let before = scene.wait_for_state("victim", "RUNNING");
    let coordinator = scene.coordinator().pid();
    set_limit(coordinator, "--nofile", "4");
    let cpu = |pid| processes::stat(pid).expect("it lives").cpu;
    let cpu_before = cpu(coordinator);
    let mut asking = scene.command();
    asking.args(["status", "--json", "victim"]);
    asking.stdout(std::process::Stdio::piped());
    let asking = asking.spawn().expect("the program runs");
    let_time_pass(Duration::from_secs(1));
    let used = cpu(coordinator) - cpu_before;
    assert!(used < Duration::from_millis(500), "{used:?} in one second");
    set_limit(coordinator, "--nofile", "max");
    let output = asking.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(scene.instance("victim").invocation_id, before.invocation_id);
}

#[test]
fn whoever_wants_to_make_room_is_answered_though_no_descriptor_is_left() {
    let mut scene = Scene::started(&two_agents());
    scene.wait_for_state("victim", "RUNNING");
    let other = scene.wait_for_state("other", "RUNNING");
    let coordinator = scene.coordinator().pid();
    // The first number that is free: below the limit everything is taken.
    let is_open = |number: &u32| {
        std::fs::symlink_metadata(format!("/proc/{coordinator}/fd/{number}")).is_ok()
    };
    let free = (0..)
        .find(|number| !is_open(number))
        .expect("numbers do not end");
    set_limit(coordinator, "--nofile", &free.to_string());
    for _ in 0..3 {
        assert_eq!(scene.status(&["other"])[0].pid, other.pid);
    }
    let stopped = scene.run(&["stop", "victim"]);
    assert_eq!(stopped.status.code(), Some(0), "{stopped:?}");
    set_limit(coordinator, "--nofile", "max");
    scene.wait_for_state("victim", "STOPPED");
}

#[test]
fn more_agents_than_descriptors_take_turns() {
    let lines = "instances = 16\nrestart = \"on-failure\"\nshort_lived_max = 1000000\nrestarts_max = 1000000\n";
    let actions = ["heartbeat", "wait-for=go", "exit=0"];
    let mut scene = Scene::new(&AgentsFile::new().puppet("worker", lines, &actions));
    let mut command = Command::new("sh");
    scene.prepare(&mut command);
    command
        .args(["-c", "ulimit -n 48 && exec \"$0\" --agents agents.toml"])
        .arg(program("coordinator"));
    scene.start_command(command);
    let database = scene.database();
    let waiting = wait_for_condition("some run and the others wait", || {
        let (running, others): (Vec<_>, Vec<_>) = database
            .instances()
            .into_iter()
            .partition(|row| row.state == "RUNNING");
        let all_wait = others.iter().all(|row| row.state == "BACKOFF");
        if !running.is_empty() && running.len() + others.len() == 16 && all_wait {
            Ok(others)
        } else {
            Err((running, others))
        }
    });
    assert!(
        !waiting.is_empty(),
        "48 descriptors are not enough for sixteen agents"
    );
    for row in &waiting {
        assert!(row.reason.contains("Too many open files"), "{row:?}");
    }
    // Those that run make room by ending, and everybody gets a turn.
    scene.touch("go");
    wait_for_condition("everybody has had a turn", || {
        let mut rows = database.instances();
        rows.retain(|row| row.state != "EXITED" || row.last_exit.as_deref() != Some("exit code 0"));
        if rows.is_empty() { Ok(()) } else { Err(rows) }
    });
}
