//! `coordinator logs`: what agents printed, with and without a running coordinator.
//! What stands in the files is the matter of `log_files`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Output, Stdio};

use end_to_end::{AgentsFile, Scene, wait_for_condition};

fn logs(scene: &Scene, arguments: &[&str], code: i32) -> Output {
    scene.run_to(code, &[&["logs"], arguments].concat())
}

/// The lines without their times, only what agents printed.
fn texts(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    text.lines()
        .filter_map(|line| line.split_once(" out ").map(|(_, text)| text.to_owned()))
        .collect()
}

/// A folder in which a coordinator has been: two instances and one other agent.
fn left_behind() -> Scene {
    let once = "restart = \"never\"\n";
    let agents = AgentsFile::new()
        .puppet("talker", once, &["heartbeat", "lines=250", "exit=0"])
        .puppet(
            "twins",
            "restart = \"never\"\ninstances = 2\n",
            &["print=a twin", "heartbeat", "exit=0"],
        );
    let mut scene = Scene::started(&agents);
    for name in ["talker", "twins:0", "twins:1"] {
        scene.wait_for_state(name, "EXITED");
    }
    scene.stop();
    scene
}

#[test]
fn the_newest_lines_are_printed_oldest_first_without_a_coordinator() {
    let scene = left_behind();
    let file = std::fs::read(scene.path("logs/talker.log")).unwrap();
    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let newest = |count: usize| lines[lines.len() - count..].concat();
    assert_eq!(logs(&scene, &["talker"], 0).stdout, newest(100));
    assert_eq!(logs(&scene, &["talker", "-n", "3"], 0).stdout, newest(3));
    assert_eq!(logs(&scene, &["talker", "--lines", "0"], 0).stdout, b"");
    assert_eq!(logs(&scene, &["talker", "-n", "9999"], 0).stdout, file);
    assert_eq!(logs(&scene, &["talker", "--since", "1h"], 0).stdout, file);
    assert_eq!(logs(&scene, &["talker", "--since", "0s"], 0).stdout, b"");
    let found = logs(&scene, &["talker", "--grep", "line 1?7$"], 0);
    assert_eq!(texts(&found.stdout), ["line 7", "line 17"]);
    logs(&scene, &["talker", "--grep", "("], 2);
    logs(&scene, &["talker", "--since", "soon"], 2);
}

#[test]
fn several_logs_are_put_together_by_time_each_line_with_its_instance() {
    let scene = left_behind();
    let output = logs(&scene, &["all", "-n", "9999"], 0);
    let text = String::from_utf8(output.stdout).unwrap();
    let times: Vec<&str> = text.lines().map(|line| &line[8..32]).collect();
    assert!(times.len() > 252 && times.is_sorted(), "{text}");
    for name in ["talker  2", "twins:0 2", "twins:1 2"] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{text}");
    }
    let of_twins = logs(&scene, &["twins", "--grep", "a twin"], 0);
    assert_eq!(texts(&of_twins.stdout), ["a twin", "a twin"]);
    let of_one = logs(&scene, &["*:1", "--grep", "a twin"], 0).stdout;
    assert_eq!(
        of_one[..2],
        *b"20",
        "one log needs no name before its lines"
    );
    let told = logs(&scene, &["talker", "tolker"], 4);
    assert!(String::from_utf8_lossy(&told.stderr).contains("\"tolker\""));
    assert_eq!(told.stdout, b"");
}

#[test]
fn without_agents_toml_the_database_names_the_logs() {
    let scene = left_behind();
    std::fs::remove_file(scene.path("agents.toml")).unwrap();
    let found = logs(&scene, &["twins:0", "--grep", "a twin"], 0);
    assert_eq!(texts(&found.stdout), ["a twin"]);
    logs(&scene, &["nobody"], 4);
}

#[test]
fn rotated_files_are_read_as_far_back_as_needed() {
    let lines = "restart = \"never\"\nlog_bytes_max = \"4KiB\"\nlog_files_max = 30\n";
    let agents = AgentsFile::new().puppet("talker", lines, &["heartbeat", "lines=1000", "exit=0"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("talker", "EXITED");
    scene.stop();
    assert!(scene.path("logs/talker.log.5").exists());
    let found = logs(&scene, &["talker", "-n", "700", "--grep", " out "], 0);
    let expected = (301..=1000).map(|number| format!("line {number}"));
    assert!(texts(&found.stdout).into_iter().eq(expected));
}

/// Follows; killed at the end of a test that fails.
struct Following {
    child: Child,
}

impl Following {
    fn start(scene: &Scene, arguments: &[&str], stdout: Stdio) -> Self {
        let mut command: Command = scene.command();
        command.args(arguments).stdout(stdout).stdin(Stdio::null());
        Self {
            child: command.spawn().expect("the program starts"),
        }
    }

    fn wait_for_code(&mut self) -> Option<i32> {
        wait_for_condition("the end of a verb that follows", || {
            let status = self.child.try_wait().expect("a child can be waited for");
            status.ok_or("it still runs")
        })
        .code()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn following_loses_no_line_over_rotations_and_a_deletion() {
    let actions = [
        "heartbeat",
        "lines=300",
        "wait-for=more",
        "lines=300",
        "wait-for=deleted",
        "print=the end",
        "idle",
    ];
    let lines = "log_bytes_max = \"4KiB\"\nlog_files_max = 30\n";
    let mut scene = Scene::started(&AgentsFile::new().puppet("talker", lines, &actions));
    scene.wait_for_state("talker", "RUNNING");
    let followed = File::create(scene.path("followed")).unwrap();
    let all = ["logs", "-f", "talker", "-n", "9999"];
    let mut following = Following::start(&scene, &all, followed.into());
    let wait_for = |what: &str, count: usize| {
        wait_for_condition(what, || {
            let seen = texts(&std::fs::read(scene.path("followed")).unwrap());
            let is_there = seen.len() >= count;
            is_there.then_some(seen.clone()).ok_or(seen.len())
        })
    };
    wait_for("the first lines", 300);
    scene.touch("more");
    let seen = wait_for("the next lines", 600);
    let expected = (1..=300).chain(1..=300).map(|n| format!("line {n}"));
    assert!(seen.into_iter().eq(expected), "each line once, in order");
    std::fs::remove_dir_all(scene.path("logs")).unwrap();
    // The writer looks for its file once in a second, and only when it writes.
    end_to_end::let_time_pass(std::time::Duration::from_millis(1_500));
    scene.touch("deleted");
    assert_eq!(wait_for("the line after", 601).last().unwrap(), "the end");
    assert!(following.child.try_wait().unwrap().is_none());
    scene.stop();
    end_to_end::processes::signal(
        i32::try_from(following.child.id()).unwrap(),
        nix::sys::signal::Signal::SIGINT,
    );
    assert_eq!(following.wait_for_code(), None, "as Ctrl-C ends a program");
}

#[test]
fn a_reader_that_takes_one_line_ends_a_verb_that_follows() {
    let agents = AgentsFile::new()
        .puppet("quiet", "", &["print=only this", "heartbeat", "idle"])
        .puppet("chatty", "", &["heartbeat", "flood"]);
    let mut scene = Scene::started(&agents);
    for name in ["quiet", "chatty"] {
        scene.wait_for_state(name, "RUNNING");
    }
    scene.wait_for_lines("logs/quiet.log", 1);
    scene.wait_for_lines("logs/chatty.log", 100);
    for arguments in [
        ["logs", "-f", "quiet"],
        ["logs", "-f", "chatty"],
        ["logs", "-n9999", "chatty"],
        ["events", "-f", "-n9"],
    ] {
        let mut following = Following::start(&scene, &arguments, Stdio::piped());
        let mut stdout = BufReader::new(following.child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "{arguments:?}: {line:?}");
        drop(stdout);
        assert_eq!(following.wait_for_code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn control_characters_reach_a_pipe_but_no_terminal() {
    let scene = Scene::new(&AgentsFile::new().puppet("worker", "", &["idle"]));
    std::fs::create_dir(scene.path("logs")).unwrap();
    let line = b"2026-11-24T21:32:55.990Z out red \x1b[31m \xff\n";
    std::fs::write(scene.path("logs/worker.log"), line).unwrap();
    assert_eq!(logs(&scene, &["worker"], 0).stdout, line);
    let pty = nix::pty::openpty(None, None).unwrap();
    let mut child = Following::start(&scene, &["logs", "worker"], pty.slave.into());
    assert_eq!(child.wait_for_code(), Some(0));
    let mut shown = [0; 256];
    let count = File::from(pty.master).read(&mut shown).unwrap();
    let shown = String::from_utf8_lossy(&shown[..count]).into_owned();
    assert!(shown.contains("out red  [31m"), "{shown:?}");
}
