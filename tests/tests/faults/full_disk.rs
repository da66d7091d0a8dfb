//! The disk is full: agents run on, it is said, what could not be written is counted, and writing resumes by itself (F34).
//! Needs a file system of its own, in a mount namespace of its own: the test starts itself once more inside of one.

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use end_to_end::{
    AgentsFile, InstanceRow, Scene, StatusLine, let_time_pass, now_ms, processes,
    wait_for_condition,
};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;

const INSIDE: &str = "END_TO_END_INSIDE_NAMESPACE";
/// Prints and never ends; its numbers show what is missing.
const TALKER: &str = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done";

/// Whether this is the inner run; the outer one runs it and passes its verdict on.
fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut command = Command::new("unshare");
    command.arg(if geteuid().is_root() { "-m" } else { "-Urm" });
    let own = std::env::current_exe().expect("a test knows its own path");
    let ended = command
        .arg(own)
        .args(["--exact", &format!("full_disk::{test}"), "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare is part of util-linux");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&ended.stdout), text(&ended.stderr));
    assert!(ended.status.success(), "in the namespace: {out}\n{err}");
    assert!(
        out.contains("1 passed"),
        "the inner run ran nothing: {out}\n{err}"
    );
    false
}

/// A scene whose database and logs lie on a small disk; the links are for the witnesses only.
fn start(agents: &AgentsFile) -> (Scene, Disk) {
    let mut scene = Scene::new(agents);
    let disk = scene.path("disk");
    std::fs::create_dir(&disk).expect("the folder is writable");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
        .arg(&disk)
        .status();
    assert!(mounted.expect("mount is part of util-linux").success());
    let mount = Disk(disk.clone());
    for name in ["shared_state.db", "logs"] {
        std::os::unix::fs::symlink(disk.join(name), scene.path(name)).expect("it is new");
    }
    let mut command = scene.command();
    command
        .args(["--agents", "agents.toml"])
        .env("SHARED_STATE_SQLITE", disk.join("shared_state.db"))
        .env("NOTIFY_SOCKET", scene.path("notify.sock"));
    scene.start_command(command);
    (scene, mount)
}

/// Takes every byte that is left.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).expect("there is room");
    while file.write_all(&[0; 4096]).is_ok() {}
}

/// The mounted disk; also after a failure the folder can be removed.
struct Disk(PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Puts the database where the scene looks for it in the end, without its disk.
fn keep_database(scene: &Scene) {
    for name in ["shared_state.db", "shared_state.db-wal"] {
        let kept = scene.path(name);
        let _ = std::fs::remove_file(&kept); // the link
        std::fs::copy(scene.path("disk").join(name), kept).expect("there is room in the folder");
    }
}

fn status(scene: &Scene, name: &str) -> StatusLine {
    let socket = scene.path("disk/coordinator.sock");
    let output = scene.run(&[
        "status",
        "--json",
        "--socket",
        socket.to_str().expect("ASCII"),
        name,
    ]);
    let mut lines: Vec<StatusLine> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("status answers: {error}: {output:?}"));
    lines.remove(0)
}

/// The newest status text that the service manager has heard.
fn hear(manager: &UnixDatagram, last: &mut String) {
    let mut buffer = [0; 4096];
    while let Ok(count) = manager.recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        for status in text.lines().filter_map(|line| line.strip_prefix("STATUS=")) {
            status.clone_into(last);
        }
    }
}

#[test]
fn agents_run_on_and_writing_resumes_by_itself() {
    if !is_inside("agents_run_on_and_writing_resumes_by_itself") {
        return;
    }
    let agents = AgentsFile::new()
        .coordinator("queue_rows_max = 1024")
        .puppet(
            "worker",
            "heartbeat_timeout = \"1s\"\nwatchdog_grace = \"100ms\"\n",
            &["live=2ms"],
        )
        .puppet("victim", "", &["live=50ms"])
        .plain("talker", "", &["sh", "-c", TALKER]);
    let (mut scene, disk) = start(&agents);
    let manager = UnixDatagram::bind(scene.path("notify.sock")).expect("the folder is writable");
    manager.set_nonblocking(true).expect("a socket can be so");
    let before = scene.wait_for_state("worker", "RUNNING");
    let victim = scene.wait_for_state("victim", "RUNNING");
    wait_for_condition("the talker is heard", || {
        match scene.log("talker.log").len() {
            0..10 => Err(()),
            _ => Ok(()),
        }
    });

    fill(&scene.path("disk/filler"));
    let full_ms = now_ms();
    let mut told = String::new();
    wait_for_condition("the status says that the database takes nothing", || {
        hear(&manager, &mut told);
        if told.contains("the database takes nothing") {
            Ok(())
        } else {
            Err(told.clone())
        }
    });
    let again = stay_full(&mut scene, &before, &victim);

    std::fs::remove_file(scene.path("disk/filler")).expect("it is there");
    let free_ms = now_ms();
    let database = scene.database();
    wait_for_condition("heartbeats are stored again", || {
        let sql = "SELECT count(*) FROM heartbeats WHERE heartbeat_id >> 20 >= ?1";
        let stored: i64 = database.value(sql, [free_ms]);
        if stored > 10 { Ok(()) } else { Err(stored) }
    });
    wait_for_condition("the status says no more of it", || {
        hear(&manager, &mut told);
        if told.contains("takes nothing") {
            Err(told.clone())
        } else {
            Ok(())
        }
    });
    let row = scene.wait_for_instance("victim", "its restart is stored", |row| {
        row.pid == again.pid
    });
    assert_eq!(row.restarts, 1, "{row:?}");
    check_what_is_missing(&scene, full_ms);
    scene.stop();
    keep_database(&scene);
    drop(disk);
}

/// Agents run on and are restarted; returns the new process of the one that is killed.
fn stay_full(scene: &mut Scene, before: &InstanceRow, victim: &InstanceRow) -> StatusLine {
    // An agent that dies meanwhile is started again.
    processes::signal(victim.pid.expect("it runs"), Signal::SIGKILL);
    let again = wait_for_condition("the victim is back", || {
        let now = status(scene, "victim");
        if now.state == "RUNNING" && now.pid != victim.pid {
            Ok(now)
        } else {
            Err(Box::new(now))
        }
    });
    // Longer than the heartbeat timeout, and more heartbeats than the queue holds.
    let_time_pass(Duration::from_secs(5));
    let now = status(scene, "worker");
    assert_eq!(
        (now.state.as_str(), now.pid),
        ("RUNNING", before.pid),
        "{now:?}"
    );
    assert!(
        now.heartbeat_age_ms.is_some_and(|age| age < 3000),
        "{now:?}"
    );
    assert_eq!(status(scene, "victim").pid, again.pid);
    let stderr = scene.coordinator().stderr();
    assert!(stderr.contains("the database takes nothing"), "{stderr}");
    assert!(
        stderr.contains("failed to write") && stderr.contains("talker.log"),
        "{stderr}"
    );
    again
}

/// Rows are counted in the database, lines in the log itself.
fn check_what_is_missing(scene: &Scene, full_ms: i64) {
    let dropped: i64 = scene.database().value(
        "SELECT coalesce(sum(value), 0) FROM counters WHERE name = 'rows_dropped' AND updated_ms >= ?1",
        [full_ms],
    );
    assert!(dropped > 0, "more came than the queue holds");
    let resumed = wait_for_condition("the talker's log goes on and says what is missing", || {
        let lines = scene.lines("logs/talker.log");
        let lost = lines
            .iter()
            .position(|line| line.contains("lines dropped here"));
        match lost.filter(|at| lines.len() > at + 5) {
            Some(at) => Ok((at, lines)),
            None => Err(lines.len()),
        }
    });
    check_gap(&resumed.1, resumed.0);
}

/// The numbers around the gap differ by exactly what the note says.
fn check_gap(lines: &[String], at: usize) {
    let number = |line: &String| -> u64 {
        let word = line.rsplit(' ').next().expect("a line has words");
        word.parse()
            .unwrap_or_else(|_| panic!("a whole line: {line:?}"))
    };
    let words: Vec<&str> = lines[at].split(' ').collect();
    let said: u64 = words[2].parse().unwrap_or_else(|_| panic!("{words:?}"));
    let is_line = |line: &&String| line.contains(" out line ");
    let before = lines[..at].iter().rfind(is_line).map(number);
    let after = lines[at..].iter().find(is_line).map(number);
    let (before, after) = (before.expect("it was heard"), after.expect("it goes on"));
    let missing = after - before - 1;
    assert!(missing > 0, "{before} {after}");
    assert_eq!(
        missing,
        said,
        "{:#?}",
        &lines[at.saturating_sub(3)..(at + 3).min(lines.len())]
    );
}
