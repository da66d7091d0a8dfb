//! What an agent prints between its messages is a log line, never a fault (F21).
//! Bytes that are no text are the matter of `strange_bytes`.

use end_to_end::{AgentsFile, Scene};

#[test]
fn a_stray_print_goes_to_the_log_and_disturbs_nothing() {
    let actions = [
        "print=starting up",
        "heartbeat=one",
        "print=Traceback (most recent call last):",
        "print={\"a\": 1}",
        "print=[1, 2]",
        "print=null",
        "eprint=on stderr",
        "print={\"type\": 5}",
        "heartbeat=two",
        "idle",
    ];
    let agents = AgentsFile::new().puppet("chatty", "", &actions);
    let mut scene = Scene::started(&agents);
    let row = scene.wait_for_instance("chatty", "its second heartbeat", |row| {
        row.heartbeat.as_ref().is_some_and(|beat| beat.1 == "two")
    });
    assert_eq!(
        (row.state.as_str(), row.restarts),
        ("RUNNING", 0),
        "{row:?}"
    );
    scene.stop();
    let log = scene.log("chatty.log");
    for wanted in [
        "out starting up",
        "out Traceback (most recent call last):",
        "out {\"a\": 1}",
        "out [1, 2]",
        "out null",
        "err on stderr",
        "out {\"type\": 5}",
    ] {
        assert!(log.iter().any(|line| line == wanted), "{wanted}: {log:#?}");
    }
    let invocation = scene.database().invocations("chatty").remove(0);
    assert_eq!(
        (invocation.heartbeats, invocation.log_lines),
        (2, 7),
        "{invocation:?}"
    );
}
