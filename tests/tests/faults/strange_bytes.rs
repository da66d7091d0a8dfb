//! Bytes that are no text, no JSON or too much of it: the heartbeat after them is accepted (F20).
//! How each is decoded is tested where the decoder is.

use end_to_end::{AgentsFile, Scene};

#[test]
fn whatever_the_bytes_the_heartbeat_after_them_is_accepted() {
    let actions = [
        "heartbeat",
        "raw=\\xff\\xfe\\x80 no text at all\\n",
        "raw=a\\x00b\\n",
        "raw=\\xef\\xbb\\xbfwith a mark\\n",
        "raw={\"type\":\"heartbeat\",\"seq\":\"\\xff\"}\\n",
        "deep=10000",
        "raw={\"type\":\"heartbeat\",\"metrics\":{\"x\":1e999}}\\n",
        "raw={\"type\":\"heartbeat\",\"seq\":99999999999999999999999999}\\n",
        "raw={\"type\":\"no such type\"}\\n",
        "raw={\"type\":\"heartbeat\"\\n",
        "raw=\\n\\n\\r\\n",
        "raw={\"type\":\"event\",\"kind\":\"odd\",\"message\":\"a\\\\u0000b\",\"data\":{\"n\":1e400}}\\n",
        "raw={\"type\":\"put\",\"key\":\"\",\"value\":1}\\n",
        "raw={\"type\":\"heartbeat\",\"seq\":41,\"message\":\"windows\"}\\r\\n",
        "raw={\"type\":\"heartbeat\",\"seq\":42,\"message\":\"caf\\xc3",
        "wait=100ms",
        "raw=\\xa9\"}\\n",
        "wait-for=go",
        "heartbeat=after all of it",
        "idle",
    ];
    let agents = AgentsFile::new().puppet("odd", "", &actions);
    let mut scene = Scene::started(&agents);
    scene.wait_for_instance("odd", "the split heartbeat", |row| {
        row.heartbeat
            .as_ref()
            .is_some_and(|beat| beat.0 == 42 && beat.1 == "café")
    });
    scene.touch("go");
    let row = scene.wait_for_instance("odd", "the last heartbeat", |row| {
        row.heartbeat
            .as_ref()
            .is_some_and(|beat| beat.1 == "after all of it")
    });
    assert_eq!(
        (row.state.as_str(), row.restarts),
        ("RUNNING", 0),
        "{row:?}"
    );
    scene.stop();
    let log = std::fs::read(scene.path("logs/odd.log")).unwrap();
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("no text at all"), "{log}");
    assert!(log.contains("with a mark"), "{log}");
}
