//! A database that was written in earnest and then damaged is reported with exit code 5, and not a byte of it changes (F35).
//! A file of a newer schema, and one that never was a database, are among the promises (`exit_codes`).

use std::path::PathBuf;

use end_to_end::{AgentsFile, Scene};

/// A folder whose database holds what a real run has written, in one file.
fn stopped_scene() -> (Scene, PathBuf) {
    let agents = AgentsFile::new().puppet("worker", "", &["beat=50/5ms", "live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_instance("worker", "some rows", |row| {
        row.heartbeat.as_ref().is_some_and(|beat| beat.0 >= 50)
    });
    scene.stop();
    let path = scene.database().path().to_owned();
    let connection = rusqlite::Connection::open(&path).expect("the file is sound");
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("nobody else has it open");
    drop(connection);
    (scene, path)
}

/// Damages the file, starts, and puts the file back so that the scene can be judged.
fn refuse(damage: impl Fn(&mut Vec<u8>)) {
    let (scene, path) = stopped_scene();
    let sound = std::fs::read(&path).expect("it is there");
    let mut damaged = sound.clone();
    damage(&mut damaged);
    std::fs::write(&path, &damaged).expect("it can be written");
    let output = scene.run(&["--agents", "agents.toml"]);
    assert_eq!(output.status.code(), Some(5), "{output:#?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("shared_state.db"),
        "it names the file: {told}"
    );
    assert!(
        std::fs::read(&path).expect("it is there") == damaged,
        "the file was changed"
    );
    std::fs::write(&path, &sound).expect("it can be written");
}

#[test]
fn a_schema_that_cannot_be_read_is_refused() {
    refuse(|bytes| bytes[100..4096].fill(0xa5));
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    refuse(|bytes| bytes.truncate(3 * 4096 + 100));
}

#[test]
fn pages_full_of_garbage_are_refused() {
    refuse(|bytes| {
        let from = bytes.len() / 3 / 4096 * 4096;
        bytes[from..from + 8 * 4096].fill(0xa5);
    });
}
