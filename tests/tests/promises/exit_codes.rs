//! The coordinator's exit codes, as docs/operations.md lists them, and that a file it refuses is left as it was.
//! Code 3 is tested among the faults (`second_coordinator`), those of `status` in `status_command`.

use end_to_end::{AgentsFile, Scene};

#[test]
fn bad_arguments_are_2() {
    let scene = Scene::new(&AgentsFile::new());
    for arguments in [
        &["--no-such-flag"][..],
        &["no-such-verb"],
        &["--log-format", "pictures"],
    ] {
        let output = scene.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
    assert_eq!(scene.run(&["--help"]).status.code(), Some(0));
    assert_eq!(scene.run(&["--version"]).status.code(), Some(0));
}

#[test]
fn an_essential_agent_that_is_fatal_ends_everything_with_4() {
    let lines = "essential = true\nshort_lived_max = 3\n";
    let agents = AgentsFile::new()
        .puppet("other", "", &["live=20ms"])
        .puppet("vital", lines, &["heartbeat", "exit=1"]);
    let mut scene = Scene::started(&agents);
    let ended = scene.wait_for_end();
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    assert!(ended.stderr.contains("vital"), "{ended:#?}");
    assert_eq!(
        scene
            .database()
            .events_of(Some("vital"), "agent_fatal")
            .len(),
        1
    );
    assert_eq!(
        scene.database().invocations("other")[0].exit_code,
        Some(0),
        "the others are stopped in order"
    );
    let reason: String = scene
        .database()
        .value("SELECT exit_reason FROM incarnations", []);
    assert!(reason.contains("vital"), "{reason}");
}

#[test]
fn a_newer_database_is_5_and_untouched() {
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    scene.wait_for_state("worker", "RUNNING");
    scene.stop();
    let path = scene.database().path().to_owned();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA user_version = 999;")
        .unwrap();
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    let output = scene.run(&["--agents", "agents.toml"]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("newer") && told.contains("shared_state.db"),
        "{told}"
    );
    assert!(
        std::fs::read(&path).unwrap() == before,
        "the file was changed"
    );
}

#[test]
fn a_file_that_is_no_database_is_5_and_untouched() {
    let scene = Scene::new(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    let rubbish = "these are a person's notes\n".repeat(1000);
    let path = scene.path("notes.db");
    std::fs::write(&path, &rubbish).unwrap();
    let output = scene.run(&["--agents", "agents.toml", "--database", "notes.db"]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), rubbish);
}

#[test]
fn a_folder_that_is_not_there_is_5() {
    let scene = Scene::new(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    let output = scene.run(&[
        "--agents",
        "agents.toml",
        "--database",
        "/proc/no-such-folder/x.db",
    ]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("/proc/no-such-folder"), "{told}");
}
