//! One agent floods its pipe: the others are heard in time, and memory stays bounded (F22).
//! How much of the flood is kept is a matter of the log's size limit.

use std::time::Duration;

use end_to_end::{AgentsFile, Scene, let_time_pass, processes};

#[test]
fn others_are_heard_in_time_and_memory_is_bounded() {
    let flooder = "log_bytes_max = \"64KiB\"\nlog_files_max = 2\nheartbeat_timeout = \"never\"\n";
    let agents = AgentsFile::new()
        .puppet("flooder", flooder, &["heartbeat", "flood"])
        .puppet("quiet", "heartbeat_timeout = \"3s\"\n", &["live=100ms"]);
    let mut scene = Scene::started(&agents);
    let quiet = scene.wait_for_state("quiet", "RUNNING");
    let flooder = scene.wait_for_state("flooder", "RUNNING");
    let_time_pass(Duration::from_secs(5));
    for before in [quiet, flooder] {
        let now = scene.instance(&before.name);
        assert_eq!(
            (now.state.as_str(), now.invocation_id),
            ("RUNNING", before.invocation_id),
            "{now:?}"
        );
    }
    let peak = processes::peak_memory_bytes(scene.coordinator().pid());
    assert!(peak < 100 << 20, "the coordinator needed {peak} bytes");
    scene.stop();
    let rotated = [
        "logs/flooder.log",
        "logs/flooder.log.1",
        "logs/flooder.log.2",
    ];
    for name in rotated {
        let bytes = std::fs::metadata(scene.path(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .len();
        assert!(bytes <= 2 * 64 * 1024, "{name} has {bytes} bytes");
    }
    assert!(!scene.path("logs/flooder.log.3").exists());
}
