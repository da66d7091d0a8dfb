//! Each agent's log file: its lines with their time, rotated, bounded.
//! The coordinator's own log is the matter of `own_log`.

use std::time::Duration;

use end_to_end::{AgentsFile, Scene, let_time_pass, wait_for_condition};

/// `2026-11-24T21:08:01.123Z`.
fn is_a_time(word: &str) -> bool {
    let shape: String = word
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00.000Z"
}

#[test]
fn each_line_has_its_time_and_its_stream() {
    let actions = [
        "heartbeat",
        "print=to stdout",
        "eprint=to stderr",
        "print=",
        "exit=0",
    ];
    let agents = AgentsFile::new().puppet("my agent", "restart = \"never\"\n", &actions);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("my agent", "EXITED");
    scene.stop();
    let path: String = scene.database().value("SELECT log_path FROM instances", []);
    let text = std::fs::read_to_string(&path).unwrap();
    let times: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(
        times.len() >= 3 && times.iter().all(|word| is_a_time(word)),
        "{text}"
    );
    let mut rest = scene.log("my agent.log");
    assert_eq!(scene.path("logs/my agent.log"), std::path::Path::new(&path));
    rest.sort_unstable();
    assert_eq!(rest, ["err to stderr", "out ", "out to stdout"]);
}

#[test]
fn a_full_log_is_rotated_and_the_oldest_goes() {
    let lines = "restart = \"never\"\nlog_bytes_max = \"4KiB\"\nlog_files_max = 3\n";
    let agents = AgentsFile::new().puppet("talker", lines, &["heartbeat", "lines=2000", "exit=0"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("talker", "EXITED");
    scene.stop();
    // The newest line is last in the file without a number; together they hold the end of the output without a gap.
    let mut numbers = Vec::new();
    for name in ["talker.log.3", "talker.log.2", "talker.log.1", "talker.log"] {
        let file = scene.path("logs").join(name);
        let bytes = std::fs::metadata(file)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .len();
        assert!(bytes <= 4096 + 64, "{name} has {bytes} bytes");
        let log = scene.log(name);
        numbers.extend(
            log.iter()
                .map(|line| line["out line ".len()..].parse::<u32>().unwrap()),
        );
    }
    let first = numbers[0];
    assert!(numbers.iter().copied().eq(first..=2000), "{numbers:?}");
    assert!(!scene.path("logs/talker.log.4").exists());
}

#[test]
fn a_restart_goes_on_in_the_same_file() {
    let agents = AgentsFile::new().puppet("worker", "", &["print=a start", "live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("worker", "RUNNING");
    scene.stop();
    scene.start();
    scene.wait_for_state("worker", "RUNNING");
    scene.stop();
    assert_eq!(scene.log("worker.log"), ["out a start", "out a start"]);
}

#[test]
fn a_deleted_log_file_is_made_again() {
    let actions = [
        "heartbeat",
        "print=before",
        "wait-for=go",
        "print=after",
        "idle",
    ];
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &actions));
    wait_for_condition("the first line", || {
        let log = scene.log("worker.log");
        if log == ["out before"] {
            Ok(())
        } else {
            Err(log)
        }
    });
    std::fs::remove_dir_all(scene.path("logs")).unwrap();
    // It looks for the file's name once in a while only.
    let_time_pass(Duration::from_secs(3));
    scene.touch("go");
    wait_for_condition("the next line in a new file", || {
        let log = scene.log("worker.log");
        if log == ["out after"] {
            Ok(())
        } else {
            Err(log)
        }
    });
    scene.wait_for_state("worker", "RUNNING");
}
