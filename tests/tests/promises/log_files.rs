//! Each agent's log file: its lines with their time, rotated, bounded.
//! The coordinator's own log is the matter of `own_log`.

use end_to_end::{AgentsFile, Scene};

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
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines
            .iter()
            .all(|line| is_a_time(line.split(' ').next().unwrap())),
        "{lines:?}"
    );
    let mut rest: Vec<&str> = lines
        .iter()
        .map(|line| line.split_once(' ').unwrap().1.trim_end())
        .collect();
    rest.sort_unstable();
    assert_eq!(rest, ["err to stderr", "out", "out to stdout"]);
}

#[test]
fn a_full_log_is_rotated_and_the_oldest_goes() {
    let lines = "restart = \"never\"\nlog_bytes_max = \"4KiB\"\nlog_files_max = 3\n";
    let agents = AgentsFile::new().puppet("talker", lines, &["heartbeat", "lines=2000", "exit=0"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("talker", "EXITED");
    scene.stop();
    // The newest line is last in the file without a number; together they hold the end of the output without a gap.
    let names = [
        "logs/talker.log.3",
        "logs/talker.log.2",
        "logs/talker.log.1",
        "logs/talker.log",
    ];
    let mut numbers = Vec::new();
    for name in names {
        let bytes = std::fs::metadata(scene.path(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .len();
        assert!(bytes <= 4096 + 64, "{name} has {bytes} bytes");
        numbers.extend(
            scene
                .lines(name)
                .iter()
                .map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()),
        );
    }
    let first = numbers[0];
    assert!(numbers.iter().copied().eq(first..=2000), "{numbers:?}");
    assert!(!scene.path("logs/talker.log.4").exists());
}

#[test]
fn a_restart_goes_on_in_the_same_file() {
    let agents =
        AgentsFile::new().puppet("worker", "", &["heartbeat", "print=a start", "live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_lines("logs/worker.log", 1);
    scene.stop();
    scene.start();
    scene.wait_for_lines("logs/worker.log", 2);
}
