//! `coordinator top` in a real pseudo-terminal: what it shows, what its keys do, and that it gives the terminal back.
//! What single cells look like is its own matter.

use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::{
    AgentsFile, Coordinator, Scene, let_time_pass, processes, program, wait_for_condition,
};
use nix::sys::signal::Signal;

use crate::terminal::Terminal;

fn scene() -> Scene {
    let agents = AgentsFile::new()
        .puppet(
            "worker",
            "instances = 2\n",
            &[
                "beat=1/5ms",
                "heartbeat=all is well",
                "eprint=reading",
                "live=50ms",
            ],
        )
        .puppet("off", "autostart = false\n", &["live=50ms"])
        .puppet(
            "broken",
            "backoff_initial = \"1h\"\nbackoff_max = \"1h\"\n",
            &["exit=3"],
        );
    let mut scene = Scene::started(&agents);
    for name in ["worker:0", "worker:1"] {
        scene.wait_for_state(name, "RUNNING");
    }
    scene
}

/// The line of an instance in the table, which has a blank behind the name.
fn row<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let is_row = |line: &&str| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(' '))
    };
    text.lines().find(is_row)
}

#[test]
fn agents_are_shown_and_keys_start_stop_and_restart_them() {
    let mut scene = scene();
    let mut terminal = Terminal::open(&scene, "top", 80, 24, &[]);
    let text = terminal.wait_for("all agents", |text| {
        row(text, "worker:1").is_some_and(|line| line.contains("RUNNING"))
            && row(text, "off").is_some_and(|line| line.contains("STOPPED"))
    });
    let pid = scene.status(&["worker:0"])[0].pid.unwrap().to_string();
    assert!(row(&text, "worker:0").unwrap().contains(&pid), "{text}");
    assert!(
        text.contains("shared_state.db") && text.contains("heartbeats/s"),
        "{text}"
    );
    // CPU and memory are there with the second sample.
    terminal.wait_for("figures", |text| {
        let line = row(text, "worker:0").unwrap_or_default();
        line.contains('.') && (line.contains('M') || line.contains('K'))
    });
    terminal.press("x");
    terminal.wait_for_text("stop worker:0? y/n");
    terminal.press("n");
    terminal.wait_for_text("nothing was done");
    assert_eq!(scene.status(&["worker:0"])[0].state, "RUNNING");
    terminal.press("jx");
    terminal.wait_for_text("stop worker:1? y/n");
    terminal.press("y");
    terminal.wait_for("the stop", |text| {
        row(text, "worker:1").is_some_and(|line| line.contains("STOPPED"))
    });
    assert_eq!(scene.status(&["worker:1"])[0].state, "STOPPED");
    terminal.press("s");
    terminal.wait_for("the start", |text| {
        row(text, "worker:1").is_some_and(|line| line.contains("RUNNING"))
    });
    let before = scene.instance("worker:1").invocation_id;
    terminal.press("ry");
    wait_for_condition("the restart", || match scene.instance("worker:1") {
        row if row.invocation_id > before && row.state == "RUNNING" => Ok(()),
        row => Err(Box::new(row)),
    });
    terminal.press("q");
    assert_eq!(terminal.wait_for_end(), (0, None));
    terminal.assert_given_back();
    scene.stop();
}

#[test]
fn filter_order_help_and_the_log_have_their_keys() {
    let scene = scene();
    let terminal = Terminal::open(&scene, "top", 80, 24, &[]);
    terminal.wait_for("all agents", |text| row(text, "off").is_some());
    terminal.press("/stop");
    terminal.wait_for("the filter", |text| {
        row(text, "off").is_some() && row(text, "worker:0").is_none()
    });
    terminal.press("\r");
    terminal.wait_for_text("filter \"stop\"");
    terminal.press("\x1b");
    terminal.wait_for("all again", |text| row(text, "worker:0").is_some());
    terminal.press("oo");
    let text = terminal.wait_for_text("by state");
    let place = |name: &str| text.lines().position(|line| line.starts_with(name));
    assert!(
        place("broken") < place("worker:0") && place("worker:0") < place("off"),
        "{text}"
    );
    terminal.press("?");
    terminal.wait_for_text("filter by name or state");
    terminal.press(" ");
    terminal.wait_for("no help", |text| !text.contains("filter by name or state"));
    terminal.press("jl");
    terminal.wait_for_text("log of worker:0");
    terminal.wait_for_text("err reading");
    scene.run_to(0, &["restart", "worker:0"]);
    terminal.wait_for("what is new", |text| {
        text.matches("err reading").count() > 1
    });
    terminal.press("l");
    terminal.wait_for("no log", |text| !text.contains("log of"));
}

#[test]
fn it_survives_the_coordinator_and_sees_the_next_one() {
    let mut scene = scene();
    let mut terminal = Terminal::open(&scene, "top", 120, 30, &[]);
    terminal.wait_for_text("exit code 3");
    scene.stop();
    let text = terminal.wait_for_text("no coordinator answers");
    assert!(
        row(&text, "worker:0").is_some(),
        "what was known stays: {text}"
    );
    terminal.press("s");
    terminal.wait_for_text("was not asked to start");
    scene.start();
    let pid = scene.coordinator().pid().to_string();
    terminal.wait_for("the next one", |text| {
        text.contains(&format!("coordinator {pid}")) && !text.contains("no coordinator")
    });
    terminal.press("\x03");
    assert_eq!(terminal.wait_for_end(), (0, None), "Ctrl-C");
    terminal.assert_given_back();
}

#[test]
fn it_fits_into_every_terminal() {
    let scene = scene();
    let terminal = Terminal::open(&scene, "top", 80, 24, &[]);
    terminal.wait_for("all agents", |text| row(text, "off").is_some());
    for (columns, rows) in [
        (200, 50),
        (40, 20),
        (40, 8),
        (10, 3),
        (1, 1),
        (120, 5),
        (80, 24),
    ] {
        terminal.resize(columns, rows);
        terminal.press("l?");
        if columns >= 40 && rows >= 8 {
            terminal.wait_for_text("keys");
        }
        terminal.press(" l");
    }
    let text = terminal.wait_for("all agents again", |text| row(text, "off").is_some());
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    terminal.resize(200, 50);
    terminal.wait_for_text("MESSAGE");
    terminal.resize(40, 20);
    terminal.wait_for("names and states", |text| {
        row(text, "worker:0")
            .is_some_and(|line| line.contains("RUNNING") && line.chars().count() <= 40)
    });
}

#[test]
fn a_signal_gives_the_terminal_back_and_ends_it_as_it_would_have() {
    let scene = scene();
    for (signal, word) in [(Signal::SIGTERM, "Terminated"), (Signal::SIGHUP, "Hangup")] {
        let mut terminal = Terminal::open(&scene, "top", 80, 24, &[]);
        terminal.wait_for("all agents", |text| row(text, "off").is_some());
        processes::signal(terminal.pid(), signal);
        assert_eq!(terminal.wait_for_end().1.as_deref(), Some(word));
        terminal.assert_given_back();
    }
}

#[test]
fn it_ends_with_its_terminal() {
    let scene = scene();
    let mut command = Command::new("script");
    scene.prepare(&mut command);
    let top = format!("exec {} top", program("coordinator").display());
    command.args(["--quiet", "--flush", "--command", &top, "/dev/null"]);
    command.env("TERM", "xterm").stdin(Stdio::null());
    let mut terminal = Coordinator::start(command, scene.folder());
    let top = wait_for_condition("top in the terminal", || {
        let children = processes::children(terminal.pid());
        // By now it has taken the terminal over and reads from it.
        match children.first() {
            Some(top) if top.name == "coordinator" && top.cpu > Duration::ZERO => Ok(top.pid),
            _ => Err(children),
        }
    });
    let_time_pass(Duration::from_millis(500));
    terminal.signal(Signal::SIGKILL);
    terminal.wait_for_end();
    wait_for_condition("the end of top", || match processes::is_alive(top) {
        true => Err(processes::stat(top)),
        false => Ok(()),
    });
}

#[test]
fn colours_are_left_out_where_nobody_wants_them() {
    let scene = scene();
    let colours = |variables: &[(&str, &str)]| {
        let terminal = Terminal::open(&scene, "top", 80, 24, variables);
        terminal.wait_for("all agents", |text| row(text, "off").is_some());
        let text = String::from_utf8_lossy(&terminal.bytes()).into_owned();
        ["\x1b[38;5;", "\x1b[31", "\x1b[32", "\x1b[33"]
            .iter()
            .any(|code| text.contains(code))
    };
    assert!(colours(&[]), "states have colours");
    assert!(!colours(&[("NO_COLOR", "1")]));
}

#[test]
fn without_a_terminal_it_says_so() {
    let scene = Scene::new(&AgentsFile::new());
    let told = scene.run_to(2, &["top"]);
    let text = String::from_utf8(told.stderr).unwrap();
    assert!(
        text.contains("terminal") && text.contains("status --json"),
        "{text}"
    );
    assert!(told.stdout.is_empty());
}
