//! What an agent writes right before its end is kept, also a last line without newline (F18).
//! Lines over the limit are the matter of `endless_line`.

use end_to_end::{AgentsFile, Scene};

const LINES: usize = 20_000;

#[test]
fn every_byte_written_before_the_exit_is_kept() {
    let lines = format!("lines={LINES}");
    let elines = format!("elines={LINES}");
    let actions = [
        elines.as_str(),
        lines.as_str(),
        "heartbeat=the last one",
        "raw=no newline",
        "exit=5",
    ];
    let agents = AgentsFile::new().puppet("talker", "restart = \"never\"\n", &actions);
    let mut scene = Scene::started(&agents);
    scene.wait_for_instance("talker", "ended", |row| {
        row.last_exit.as_deref() == Some("exit code 5")
    });
    scene.stop();
    let log = scene.log("talker.log");
    for (stream, extra) in [("out ", 1), ("err ", 0)] {
        let of_stream: Vec<&str> = log
            .iter()
            .filter_map(|line| line.strip_prefix(stream))
            .collect();
        assert_eq!(of_stream.len(), LINES + extra);
        let expected = (1..=LINES).map(|number| format!("line {number}"));
        assert!(
            of_stream
                .iter()
                .zip(expected)
                .all(|(found, wanted)| **found == wanted),
            "order of{stream}"
        );
    }
    assert!(
        log.iter().any(|line| line == "out no newline"),
        "{:?}",
        log.last()
    );
    let invocation = scene.database().invocations("talker").remove(0);
    assert_eq!(invocation.heartbeats, 1, "{invocation:?}");
    assert_eq!(invocation.log_lines, i64::try_from(2 * LINES + 1).unwrap());
    assert_eq!(
        scene
            .instance("talker")
            .heartbeat
            .map(|beat| beat.1)
            .as_deref(),
        Some("the last one")
    );
}

#[test]
fn a_message_without_newline_before_the_exit_counts() {
    let last = "raw={\"type\":\"heartbeat\",\"seq\":9,\"message\":\"goodbye\"}";
    let agents = AgentsFile::new().puppet(
        "talker",
        "restart = \"never\"\n",
        &["heartbeat", last, "crash"],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_instance("talker", "ended", |row| row.last_exit.is_some());
    let row = scene.instance("talker");
    assert_eq!(
        row.heartbeat.map(|beat| (beat.0, beat.1)),
        Some((9, "goodbye".to_owned()))
    );
    assert_eq!(scene.database().invocations("talker")[0].heartbeats, 2);
}

/// One end may be read in luck; each of these is a race between the exit and the last bytes in the pipes.
#[test]
fn nothing_is_lost_though_it_ends_at_once_many_times() {
    let lines = "instances = 4\nshort_lived_max = 100\nrestarts_max = 1000000\nfatal_retry = \"never\"\n\
                 backoff_initial = \"0s\"\nbackoff_max = \"0s\"\n";
    let actions = [
        "heartbeat",
        "lines=3",
        "eprint=bye",
        "heartbeat",
        "raw=end",
        "exit=3",
    ];
    let mut scene = Scene::started(&AgentsFile::new().puppet("brief", lines, &actions));
    for ordinal in 0..4 {
        scene.wait_for_state(&format!("brief:{ordinal}"), "FATAL");
    }
    let counts = scene.database().rows(
        "SELECT heartbeats, log_lines, count(*) FROM invocations GROUP BY 1, 2",
        [],
        |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
            ))
        },
    );
    assert_eq!(
        counts,
        [(2, 5, 400)],
        "heartbeats, lines of the log, how many invocations"
    );
}
