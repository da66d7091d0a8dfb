//! `coordinator check` and `coordinator schema`: what is wrong with a file, told before anything starts.
//! Each single message is tested where the reader of the file is.

use end_to_end::{AgentsFile, Scene};

#[test]
fn a_good_file_is_said_to_be_good() {
    let scene = Scene::new(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    for arguments in [&["check"][..], &["check", "--agents", "agents.toml"]] {
        let output = scene.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(!output.stdout.is_empty(), "silence is no answer");
    }
    assert!(!scene.database().path().exists(), "check touches nothing");
}

#[test]
fn file_line_key_found_expected_and_the_nearest_key_are_told() {
    let scene = Scene::new(&AgentsFile::new());
    let text =
        "[agents.worker]\ncommand = [\"puppet\"]\nheartbeat_timout = \"5s\"\nrestart = \"alway\"\n";
    std::fs::write(scene.path("agents.toml"), text).unwrap();
    for arguments in [
        &["check", "--agents", "agents.toml"][..],
        &["--agents", "agents.toml"],
    ] {
        let output = scene.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        for part in [
            "agents.toml:3:1",
            "agents.worker.heartbeat_timout",
            "did you mean `heartbeat_timeout`?",
            "agents.toml:4:11",
            "agents.worker.restart",
            "found \"alway\"",
            "expected: ",
            "2 problems",
        ] {
            assert!(
                told.contains(part),
                "{arguments:?} does not tell {part}: {told}"
            );
        }
    }
    assert!(
        !scene.database().path().exists(),
        "nothing starts on an invalid file"
    );
}

#[test]
fn a_user_that_does_not_exist_here_is_told() {
    let agents = AgentsFile::new().plain("mailer", "user = \"no-such-user\"\n", &["true"]);
    let output = Scene::new(&agents).run_to(2, &["check"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in [
        "agents.mailer",
        "could not find the user \"no-such-user\"",
        "1 problem",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_missing_file_says_how_to_name_another() {
    let scene = Scene::new(&AgentsFile::new());
    let output = scene.run(&["--agents", "elsewhere.toml"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("elsewhere.toml") && told.contains("--agents"),
        "{told}"
    );
}

#[test]
fn a_circle_of_dependencies_is_refused_and_shown() {
    let agents = AgentsFile::new()
        .puppet("first", "depends_on = [\"second\"]\n", &["live=20ms"])
        .puppet("second", "depends_on = [\"first\"]\n", &["live=20ms"]);
    let scene = Scene::new(&agents);
    let output = scene.run(&["check"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(told.contains("first") && told.contains("second"), "{told}");
}

#[test]
fn schema_prints_a_json_schema_that_tells_good_files_from_bad_ones() {
    let scene = Scene::new(&AgentsFile::new());
    let output = scene.run(&["schema"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let schema = serde_json::from_slice(&output.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let file =
        |key: &str| serde_json::json!({ "agents": { "w": { "command": ["w"], key: "5s" } } });
    assert!(validator.is_valid(&file("heartbeat_timeout")));
    assert!(!validator.is_valid(&file("heartbeat_timout")));
}

#[test]
fn problems_are_told_as_json_with_their_places() {
    let scene = Scene::new(&AgentsFile::new());
    let text = "[agents.worker]\ncommand = [\"puppet\"]\nrestart = \"alway\"\n";
    std::fs::write(scene.path("agents.toml"), text).unwrap();
    let told = scene.run_to(2, &["check", "--json"]);
    assert!(told.stderr.is_empty(), "{told:?}");
    let json: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let problem = &json["problems"][0];
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&3.into(), &11.into())
    );
    assert_eq!(problem["key"], "agents.worker.restart");
    for key in ["found", "expected", "file"] {
        assert!(problem[key].is_string(), "{json:#}");
    }
    std::fs::remove_file(scene.path("agents.toml")).unwrap();
    let told = scene.run_to(2, &["check", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert!(json["problems"][0]["line"].is_null(), "{json:#}");
}
