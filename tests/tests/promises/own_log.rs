//! What the coordinator itself says: on stderr, as text or JSON, and in a file.
//! What agents print is the matter of `log_files`.

use end_to_end::{AgentsFile, Scene};

fn run_with(arguments: &[&str]) -> (Scene, String) {
    let agents = AgentsFile::new().puppet("worker", "", &["once=first", "exit=3", "live=20ms"]);
    let mut scene = Scene::new(&agents);
    let mut command = scene.command();
    command.args(["--agents", "agents.toml"]).args(arguments);
    scene.start_command(command);
    scene.wait_for_instance("worker", "restarted", |row| {
        row.restarts == 1 && row.state == "RUNNING"
    });
    let ended = scene.stop();
    (scene, ended.stderr)
}

#[test]
fn without_a_terminal_it_is_json_one_object_a_line() {
    let (_scene, stderr) = run_with(&[]);
    assert!(stderr.lines().count() > 3, "{stderr}");
    for line in stderr.lines() {
        let object: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(object.is_object(), "{line}");
    }
    assert!(stderr.contains("worker"), "{stderr}");
    assert!(
        stderr.contains("exit code 3"),
        "the reason of a restart is told: {stderr}"
    );
}

#[test]
fn text_is_for_people() {
    let (scene, stderr) = run_with(&["--log-format", "text"]);
    assert!(
        !stderr.contains('\u{1b}'),
        "no colours where there is no terminal: {stderr}"
    );
    assert!(
        stderr
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_err()),
        "{stderr}"
    );
    assert!(stderr.contains("exit code 3"), "{stderr}");
    assert!(
        stderr.contains("shared_state.db"),
        "it says which database it uses: {stderr}"
    );
    // The same in a file of its own.
    let folder = std::fs::read_dir(scene.path("logs")).unwrap();
    let own: Vec<String> = folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("coordinator.") && name.ends_with(".log"))
        .collect();
    assert_eq!(own.len(), 1, "{own:?}");
    let text = std::fs::read_to_string(scene.path("logs").join(&own[0])).unwrap();
    assert!(text.contains("exit code 3"), "{text}");
}
