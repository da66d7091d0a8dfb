//! The agents.toml of the repository runs as it is, without any configuration and without an API key.
//! What the two agents measure and pull is tested where they are.

use std::path::Path;

use end_to_end::{AgentsFile, Scene, program, wait_for_condition};

#[test]
fn both_run_and_the_bridge_says_what_is_missing() {
    // Built beside the coordinator; said here, since the coordinator would only tell a missing file.
    program("performance-monitor");
    program("langsmith-bridge");
    let mut scene = Scene::new(&AgentsFile::new());
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the repository");
    std::fs::copy(repository.join("agents.toml"), scene.path("agents.toml")).unwrap();
    scene.start();
    scene.wait_for_state("performance-monitor", "RUNNING");
    scene.wait_for_state("langsmith-bridge", "RUNNING");
    let bridge = wait_for_condition("the bridge's heartbeat", || {
        let line = scene.status(&["langsmith-bridge"]).remove(0);
        if line.status.is_some() {
            Ok(line)
        } else {
            Err(Box::new(line))
        }
    });
    assert_eq!(bridge.status.as_deref(), Some("degraded"), "{bridge:?}");
    assert!(
        bridge
            .message
            .as_ref()
            .is_some_and(|text| text.contains("LANGCHAIN_API_KEY")),
        "{bridge:?}"
    );
    assert_eq!(bridge.restarts, 0, "{bridge:?}");
    let database = scene.database();
    for subject in [
        "host",
        "agent:langsmith-bridge",
        "agent:performance-monitor",
        "coordinator",
    ] {
        wait_for_condition(&format!("figures of {subject}"), || {
            let subjects = database.rows("SELECT DISTINCT subject FROM series", [], |row| {
                row.get::<_, String>(0)
            });
            if subjects.iter().any(|known| known == subject) {
                Ok(())
            } else {
                Err(subjects)
            }
        });
    }
}
