//! A subscriber that does not read gets a gap marker that says what it missed, and nobody else is affected (F40).
//! The dashboard's stream is tested in the dashboard.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use end_to_end::{AgentsFile, Scene, wait_for_condition};
use nix::sys::signal::Signal;
use serde_json::Value;

/// A verb that follows, with its stdout in a pipe that nobody reads yet. Killed when dropped.
struct Follower(Child);

impl Follower {
    fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let mut command = scene.command();
        command.args(arguments).stdout(Stdio::piped());
        Self(command.spawn().expect("the coordinator is built"))
    }

    /// Reads objects until one is the last that is wanted.
    fn read_until(&mut self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut objects = Vec::new();
        let stdout = self.0.stdout.take().expect("it is read once");
        for line in BufReader::new(stdout).lines() {
            let object: Value = serde_json::from_str(&line.expect("it is UTF-8"))
                .expect("it prints JSON and nothing else");
            let is_over = is_last(&object);
            objects.push(object);
            if is_over {
                return objects;
            }
        }
        panic!("it ended before: {:?}", objects.last());
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Prints so many lines made by `printf` from a number, waits for a file, and does the same again.
fn twice(count: u32, format: &str) -> String {
    let print = |from: u32, to: u32| {
        format!("awk 'BEGIN {{ for (i = {from}; i < {to}; i++) printf {format}, i }}'")
    };
    let (first, second) = (print(0, 10), print(10, count));
    format!("{first}; until [ -e go ]; do sleep 0.05; done; {second}; exec sleep 1000000")
}

#[test]
fn events_that_were_pruned_before_they_were_read_are_counted() {
    const EVENTS: u32 = 20_000;
    let event = r#""{\"type\":\"event\",\"kind\":\"tick\",\"message\":\"%d\"}\n""#;
    let agents = AgentsFile::new()
        .coordinator("[coordinator.retention]\nevents_max = 1000\n")
        .program(
            "busy",
            "ready_timeout = \"1h\"\n",
            &["sh", "-c", &twice(EVENTS, event)],
        )
        .puppet("calm", "heartbeat_timeout = \"2s\"\n", &["live=100ms"]);
    let mut scene = Scene::started(&agents);
    let calm = scene.wait_for_state("calm", "RUNNING");
    let count = |scene: &Scene| -> i64 {
        scene
            .database()
            .value("SELECT coalesce(max(event_id), 0) FROM events", [])
    };
    wait_for_condition("the first events", || match count(&scene) {
        10.. => Ok(()),
        events => Err(events),
    });
    let mut slow = Follower::start(&scene, &["events", "-f", "--json", "-n", "1"]);
    scene.touch("go");
    wait_for_condition("all events", || match count(&scene) {
        events if events >= i64::from(EVENTS) => Ok(()),
        events => Err(events),
    });
    assert_eq!(
        scene.instance("calm").invocation_id,
        calm.invocation_id,
        "nobody else is affected"
    );
    // Retention comes at each start, and then every two minutes.
    scene.stop();
    scene.start();
    wait_for_condition("retention", || {
        let left: i64 = scene.database().value("SELECT count(*) FROM events", []);
        if left < 2_000 { Ok(()) } else { Err(left) }
    });
    let last = count(&scene);
    let read = slow.read_until(|object| object["event_id"].as_i64() >= Some(last));
    let gaps: Vec<&Value> = read
        .iter()
        .map(|object| &object["gap"])
        .filter(|gap| gap.is_object())
        .collect();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let number = |value: &Value| value.as_i64().expect("an id or a count");
    let place = read
        .iter()
        .position(|object| object["gap"].is_object())
        .unwrap();
    let (before, after) = (&read[place - 1]["event_id"], &read[place + 1]["event_id"]);
    assert_eq!(
        number(&gaps[0]["events"]),
        number(after) - number(before) - 1
    );
    // What is there and what is missing is all that has happened.
    let first = number(&read[0]["event_id"]);
    let seen = i64::try_from(read.len()).unwrap() - 1;
    assert_eq!(
        seen + number(&gaps[0]["events"]),
        number(&read.last().unwrap()["event_id"]) - first + 1
    );
}

#[test]
fn log_lines_that_were_rotated_away_before_they_were_read_leave_a_gap() {
    const LINES: u32 = 20_000;
    let limits = "protocol = \"none\"\nlog_bytes_max = \"64KiB\"\nlog_files_max = 2\n";
    let agents = AgentsFile::new()
        .program(
            "busy",
            limits,
            &["sh", "-c", &twice(LINES, r#""line %d\n""#)],
        )
        .puppet("calm", "heartbeat_timeout = \"2s\"\n", &["live=100ms"]);
    let mut scene = Scene::started(&agents);
    let calm = scene.wait_for_state("calm", "RUNNING");
    scene.wait_for_lines("logs/busy.log", 10);
    let mut slow = Follower::start(&scene, &["logs", "-f", "--json", "busy", "calm"]);
    let mut quick = Follower::start(&scene, &["logs", "-f", "--json", "calm"]);
    scene.touch("go");
    let last = format!("line {}", LINES - 1);
    wait_for_condition("the last line", || {
        let lines = scene.log("busy.log");
        let is_there = lines.last().is_some_and(|line| line.ends_with(&last));
        if is_there {
            Ok(())
        } else {
            Err(lines.last().cloned())
        }
    });
    // Whoever follows another log sees what happens there meanwhile.
    scene.run_to(0, &["signal", "SIGKILL", "calm"]);
    quick.read_until(|line| {
        line["text"]
            .as_str()
            .is_some_and(|text| text.contains("SIGKILL"))
    });
    assert!(scene.instance("calm").restarts <= calm.restarts + 1);

    let read = slow.read_until(|line| line["text"] == last.as_str());
    let gaps = read.iter().filter(|object| object["gap"].is_object());
    assert!(gaps.count() >= 1, "{} lines were read", read.len());
    let mut expected = 0;
    let mut before: Option<&Value> = None;
    let mut gap: Option<&Value> = None;
    for object in read.iter().filter(|object| object["instance"] != "calm") {
        if object["gap"].is_object() {
            gap = Some(&object["gap"]);
            continue;
        }
        let text = object["text"].as_str().unwrap();
        let Some(number) = text.strip_prefix("line ") else {
            continue; // a note of the coordinator
        };
        let number: u32 = number.parse().unwrap();
        match gap.take() {
            None => assert_eq!(number, expected, "no line is missing without a word"),
            Some(gap) => {
                assert!(number >= expected, "no line comes twice");
                assert_eq!(gap["instance"], "busy");
                assert_eq!(gap["to"], object["ts"]);
                assert_eq!(gap["from"], before.expect("lines came before")["ts"]);
            }
        }
        (expected, before) = (number + 1, Some(object));
    }
}

#[test]
fn a_follower_that_is_stopped_for_a_while_disturbs_nobody_and_goes_on() {
    let agents = AgentsFile::new().puppet("calm", "heartbeat_timeout = \"2s\"\n", &["live=50ms"]);
    let mut scene = Scene::started(&agents);
    let calm = scene.wait_for_state("calm", "RUNNING");
    let mut follower = Follower::start(&scene, &["events", "-f", "--json", "-n", "1"]);
    let pid = i32::try_from(follower.0.id()).unwrap();
    end_to_end::processes::signal(pid, Signal::SIGSTOP);
    scene.run_to(0, &["restart", "calm"]);
    let next = scene.instance("calm").invocation_id;
    assert!(next > calm.invocation_id);
    end_to_end::processes::signal(pid, Signal::SIGCONT);
    let is_next = |event: &Value| event["invocation_id"].as_i64() == next;
    let read = follower.read_until(|event| is_next(event) && event["kind"] == "agent_ready");
    assert!(read.iter().all(|event| event["gap"].is_null()), "{read:?}");
}
