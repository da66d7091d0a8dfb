//! A flag wins over the environment, that over `.env`, that over agents.toml, that over the default.
//! The order itself is computed and tested in the config crate; here the whole program takes part.

use std::ffi::OsStr;
use std::process::Command;

use end_to_end::{AgentsFile, Scene, wait_for_condition};

/// A scene whose environment says nothing of a database.
fn scene(lines: &str) -> (Scene, Command) {
    let agents = AgentsFile::new().coordinator(lines).puppet(
        "worker",
        "",
        &["report=report.json", "live=20ms"],
    );
    let scene = Scene::new(&agents);
    let mut command = scene.command();
    command
        .env_remove("SHARED_STATE_SQLITE")
        .args(["--agents", "agents.toml"]);
    (scene, command)
}

/// Starts it and says which database the agent was told.
fn database_in_force(mut scene: Scene, command: Command) -> String {
    scene.start_command(command);
    let report: serde_json::Value = wait_for_condition("the agent's report", || {
        let bytes = std::fs::read(scene.path("report.json")).unwrap_or_default();
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    });
    let path = report["environment"]["SHARED_STATE_SQLITE"]
        .as_str()
        .expect("every agent is told the database");
    let path = std::path::Path::new(path);
    assert!(path.exists(), "{path:?}");
    assert_eq!(path.parent(), Some(scene.folder()));
    let name = path
        .file_name()
        .and_then(OsStr::to_str)
        .expect("it is a file")
        .to_owned();
    // The scene's own checks are about the default name.
    if name != "shared_state.db" {
        let coordinator = scene.coordinator();
        coordinator.signal(nix::sys::signal::Signal::SIGTERM);
        let ended = scene.wait_for_end();
        assert_eq!(ended.code, Some(0), "{ended:#?}");
    }
    name
}

#[test]
fn the_default_is_in_the_working_directory() {
    let (scene, command) = scene("");
    assert_eq!(database_in_force(scene, command), "shared_state.db");
}

#[test]
fn the_file_wins_over_the_default() {
    let (scene, command) = scene("database = \"of-file.db\"\n");
    assert_eq!(database_in_force(scene, command), "of-file.db");
}

#[test]
fn dotenv_wins_over_the_file() {
    let (scene, command) = scene("database = \"of-file.db\"\n");
    std::fs::write(
        scene.path(".env"),
        "# a comment\nSHARED_STATE_SQLITE=of-dotenv.db\n",
    )
    .unwrap();
    assert_eq!(database_in_force(scene, command), "of-dotenv.db");
}

#[test]
fn the_environment_wins_over_dotenv() {
    let (scene, mut command) = scene("database = \"of-file.db\"\n");
    std::fs::write(scene.path(".env"), "SHARED_STATE_SQLITE=of-dotenv.db\n").unwrap();
    command.env("SHARED_STATE_SQLITE", "of-environment.db");
    assert_eq!(database_in_force(scene, command), "of-environment.db");
}

#[test]
fn the_flag_wins_over_everything() {
    let (scene, mut command) = scene("database = \"of-file.db\"\n");
    std::fs::write(scene.path(".env"), "SHARED_STATE_SQLITE=of-dotenv.db\n").unwrap();
    command
        .env("SHARED_STATE_SQLITE", "of-environment.db")
        .args(["--database", "of-flag.db"]);
    assert_eq!(database_in_force(scene, command), "of-flag.db");
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let (scene, mut command) = scene("database = \"of-file.db\"\n");
    command.env("SHARED_STATE_SQLITE", "");
    assert_eq!(database_in_force(scene, command), "of-file.db");
}

#[test]
fn socket_and_logs_have_their_variables_and_flags() {
    let (mut scene, mut command) = scene("");
    command
        .env("COORDINATOR_SOCKET", "of-environment.sock")
        .env("AGENT_LOG_DIR", "logs-of-environment")
        .args(["--log-dir", "logs-of-flag"]);
    scene.start_command(command);
    scene.wait_for_state("worker", "RUNNING");
    assert!(scene.path("of-environment.sock").exists());
    assert!(scene.path("logs-of-flag").is_dir());
    assert!(!scene.path("logs-of-environment").exists() && !scene.path("logs").exists());
    let output = scene.run(&["status", "--json", "--socket", "of-environment.sock"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_dotenv_with_a_mistake_is_told() {
    let (scene, mut command) = scene("");
    std::fs::write(scene.path(".env"), "this is no assignment\n").unwrap();
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains(".env"),
        "{output:?}"
    );
}
