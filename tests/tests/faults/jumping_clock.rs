//! The wall clock of the coordinator jumps by a day, either way, while agents are in every phase: nothing changes (F25).
//! Which time the rows then have is not judged, only that it follows the clock.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use end_to_end::{AgentsFile, Scene, let_time_pass, now_ms, wait_for_condition};

const DAY_S: i64 = 86_400;

/// Builds the library that moves the clock.
fn build_library(folder: &Path) -> PathBuf {
    let library = folder.join("clock.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .output()
        .expect("a C compiler is needed: scripts/requirements build");
    assert!(built.status.success(), "{built:?}");
    library
}

/// Written in place, since the coordinator has the file mapped.
pub(crate) fn set_clock(scene: &Scene, offset_s: i64) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options()
        .write(true)
        .open(scene.path("offset"));
    let file = file.expect("the test has made it");
    file.write_all_at(&offset_s.to_ne_bytes(), 0)
        .expect("it has a page");
}

/// Without this the test would prove nothing.
fn wait_for_clock(scene: &Scene, offset_s: i64) {
    wait_for_condition("the coordinator's clock is the one that was set", || {
        let sql = "SELECT seen_ms FROM incarnations";
        let ahead_ms: i64 = scene.database().value::<i64>(sql, []) - now_ms();
        if (ahead_ms - offset_s * 1000).abs() < 10_000 {
            Ok(())
        } else {
            Err(ahead_ms)
        }
    });
}

/// One agent for each phase that waits for a time.
fn agents() -> AgentsFile {
    AgentsFile::new()
        .puppet("running", "heartbeat_timeout = \"3s\"\n", &["live=50ms"])
        .puppet("starting", "ready_timeout = \"1h\"\n", &["hang"])
        .puppet(
            "backoff",
            "backoff_initial = \"1h\"\nbackoff_max = \"1h\"\n",
            &["exit=1"],
        )
        .puppet(
            "fatal",
            "short_lived_max = 1\nfatal_retry = \"10h\"\n",
            &["exit=1"],
        )
        .plain("plain", "ready_after = \"1h\"\n", &["sleep", "1000000"])
        .puppet(
            "stopping",
            "stop_timeout = \"1h\"\n",
            &["ignore=TERM", "heartbeat", "wait-for=end", "exit=0"],
        )
}

fn start(agents: &AgentsFile) -> Scene {
    start_at(agents, 0)
}

/// A coordinator whose clock is off by so much from its start on.
pub(crate) fn start_at(agents: &AgentsFile, offset_s: i64) -> Scene {
    let mut scene = Scene::new(agents);
    std::fs::write(scene.path("offset"), [0; 4096]).expect("the folder is writable");
    set_clock(&scene, offset_s);
    let library = build_library(scene.folder());
    let mut command = scene.command();
    command
        .args(["--agents", "agents.toml"])
        .env("LD_PRELOAD", library)
        .env("CLOCK_OFFSET_FILE", scene.path("offset"));
    scene.start_command(command);
    scene
}

const PHASES: [(&str, &str); 6] = [
    ("running", "RUNNING"),
    ("starting", "STARTING"),
    ("backoff", "BACKOFF"),
    ("fatal", "FATAL"),
    ("plain", "STARTING"),
    ("stopping", "STOPPING"),
];

/// A delay is drawn from zero to its bound; one that is over during the test would prove nothing.
fn wait_for_a_long_delay(scene: &mut Scene) {
    wait_for_condition("a delay of a minute or more", || {
        let row = scene.wait_for_state("backoff", "BACKOFF");
        if row.next_attempt_ms.is_some_and(|at| at > now_ms() + 60_000) {
            return Ok(());
        }
        scene.run(&["stop", "backoff"]);
        scene.run(&["start", "backoff", "--no-wait"]);
        Err(Box::new(row))
    });
}

/// The clock jumps while every phase is under way, and jumps back.
fn jump(offset_s: i64) {
    let mut scene = start(&agents());
    scene.wait_for_state("stopping", "RUNNING");
    scene.run(&["stop", "stopping", "--no-wait"]);
    wait_for_a_long_delay(&mut scene);
    let before = PHASES.map(|(name, state)| scene.wait_for_state(name, state));
    for offset_s in [offset_s, 0] {
        set_clock(&scene, offset_s);
        // Longer than each timeout of a second or so; those of hours would be over if they followed the clock.
        let_time_pass(Duration::from_secs(4));
        for before in &before {
            let now = scene.instance(&before.name);
            assert_eq!(
                (&now.state, now.invocation_id, now.pid, now.restarts),
                (
                    &before.state,
                    before.invocation_id,
                    before.pid,
                    before.restarts
                ),
                "{now:?}"
            );
        }
        wait_for_clock(&scene, offset_s);
        let beat = scene.status(&["running"]).remove(0).heartbeat_age_ms;
        assert!(beat.is_some_and(|age| (0..2000).contains(&age)), "{beat:?}");
    }
    scene.touch("end");
    scene.wait_for_state("stopping", "STOPPED");
}

#[test]
fn a_day_forward_and_back_changes_nothing_in_any_phase() {
    jump(DAY_S);
}

#[test]
fn a_day_back_and_forward_changes_nothing_in_any_phase() {
    jump(-DAY_S);
}

#[test]
fn delays_and_timeouts_last_as_long_as_ever_though_the_clock_went_back() {
    let agents = AgentsFile::new()
        .puppet(
            "deaf",
            "stop_timeout = \"1s\"\n",
            &["ignore=TERM", "heartbeat", "hang"],
        )
        .puppet(
            "silent",
            "heartbeat_timeout = \"2s\"\nwatchdog_grace = \"100ms\"\n",
            &["heartbeat", "once=a", "hang", "live=50ms"],
        )
        .puppet(
            "late",
            "ready_timeout = \"2s\"\nwatchdog_grace = \"100ms\"\n",
            &["once=b", "hang", "live=50ms"],
        );
    let mut scene = start(&agents);
    scene.wait_for_state("deaf", "RUNNING");
    scene.run(&["stop", "deaf", "--no-wait"]);
    set_clock(&scene, -DAY_S);
    let begun = Instant::now();
    for name in ["silent", "late"] {
        scene.wait_for_instance(name, "judged and restarted", |row| {
            row.restarts >= 1 && row.state == "RUNNING"
        });
    }
    scene.wait_for_state("deaf", "STOPPED");
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    set_clock(&scene, 0);
    wait_for_clock(&scene, 0);
}
