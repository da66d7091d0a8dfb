//! The verbs that need no coordinator: init, backup, completions, man.
//! `check` and `schema` are tested beside.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use end_to_end::{AgentsFile, Scene};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn init_writes_files_that_check_and_run_and_overwrites_nothing() {
    let mut scene = Scene::new(&AgentsFile::new());
    let agents = scene.path("agents.toml");
    std::fs::write(&agents, "# mine\n").unwrap();
    let told = scene.run_to(2, &["init"]);
    assert!(text(&told.stderr).contains("agents.toml"), "{told:#?}");
    assert!(!scene.path(".env").exists(), "all or nothing");
    assert_eq!(scene.lines("agents.toml"), ["# mine"]);

    std::fs::remove_file(&agents).unwrap();
    std::fs::write(scene.path(".env"), "# mine\n").unwrap();
    scene.run_to(2, &["init"]);
    assert!(!agents.exists(), "all or nothing");

    std::fs::remove_file(scene.path(".env")).unwrap();
    scene.run_to(0, &["init"]);
    let mode = std::fs::metadata(scene.path(".env")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600, "people put keys into it");
    scene.run_to(0, &["check"]);
    scene.start();
    scene.wait_for_state("hello", "RUNNING");
    scene.stop();
}

#[test]
fn a_backup_is_a_verified_copy_of_a_database_in_use() {
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &["live=1ms"]));
    scene.wait_for_state("worker", "RUNNING");
    let told = scene.run_to(0, &["backup", "copy.db"]);
    assert!(text(&told.stdout).contains("verified"), "{told:#?}");
    let told = scene.run_to(0, &["backup", "--json", "second.db"]);
    let json: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let copy = rusqlite::Connection::open(scene.path("second.db")).unwrap();
    let heartbeats: i64 = copy
        .query_row("SELECT count(*) FROM heartbeats", [], |row| row.get(0))
        .unwrap();
    assert!(heartbeats > 0);
    assert_eq!(json["rows"]["heartbeats"], heartbeats);
    let bytes = std::fs::metadata(scene.path("second.db")).unwrap().len();
    assert_eq!(json["bytes"], bytes);

    let before = std::fs::read(scene.path("copy.db")).unwrap();
    scene.run_to(2, &["backup", "copy.db"]);
    assert!(std::fs::read(scene.path("copy.db")).unwrap() == before);
    scene.run_to(1, &["backup", "no-such-folder/copy.db"]);
    scene.run_to(5, &["backup", "x.db", "--database", "missing.db"]);
    let left = |name: &str| scene.path(name).exists();
    assert!(!left("x.db") && !left("copy.db.partial") && !left("x.db.partial"));
}

#[test]
fn a_coordinator_starts_on_a_backup() {
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    scene.wait_for_state("worker", "RUNNING");
    scene.run_to(0, &["backup", "copy.db"]);
    scene.stop();
    for name in [
        "shared_state.db",
        "shared_state.db-wal",
        "shared_state.db-shm",
    ] {
        std::fs::remove_file(scene.path(name)).unwrap();
    }
    std::fs::rename(scene.path("copy.db"), scene.path("shared_state.db")).unwrap();
    scene.start();
    scene.wait_for_state("worker", "RUNNING");
    assert_eq!(scene.database().incarnations(), 2, "its history is there");
}

#[test]
fn completions_are_scripts_that_their_shells_accept() {
    let scene = Scene::new(&AgentsFile::new());
    for shell in ["bash", "zsh", "fish"] {
        let script = scene.run_to(0, &["completions", shell]).stdout;
        assert!(text(&script).contains("describe") && script.len() > 5_000);
        let path = scene.path(shell);
        std::fs::write(&path, script).unwrap();
        let judged = Command::new(shell).arg("-n").arg(&path).output().unwrap();
        assert!(
            judged.status.success() && judged.stderr.is_empty(),
            "{judged:?}"
        );
    }
    scene.run_to(2, &["completions", "cmd"]);
}

#[test]
fn bash_completes_verbs() {
    let scene = Scene::new(&AgentsFile::new());
    let script = scene.run_to(0, &["completions", "bash"]).stdout;
    std::fs::write(scene.path("script"), script).unwrap();
    let ask = "source ./script; COMP_WORDS=(coordinator sta); COMP_CWORD=1; \
               _coordinator coordinator sta coordinator; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    scene.prepare(&mut bash);
    let answer = bash.args(["-c", ask]).output().unwrap();
    assert_eq!(text(&answer.stdout).trim(), "status start", "{answer:?}");
}

#[test]
fn there_is_a_manual_page_for_each_verb_without_a_warning() {
    let scene = Scene::new(&AgentsFile::new());
    scene.run_to(0, &["man", "pages"]);
    let pages: Vec<_> = std::fs::read_dir(scene.path("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let help = text(&scene.run_to(0, &["--help"]).stdout);
    for verb in ["status", "logs", "describe", "wait", "init", "backup"] {
        assert!(help.contains(verb), "{help}");
        assert!(scene.path(&format!("pages/coordinator-{verb}.1")).exists());
    }
    for page in pages {
        let mut groff = Command::new("groff");
        let judged = groff.args(["-man", "-ww", "-Tutf8"]).arg(&page).output();
        let judged = judged.unwrap();
        assert!(
            judged.status.success() && judged.stderr.is_empty(),
            "{judged:?}"
        );
        assert!(judged.stdout.len() > 500, "{page:?}");
        let source = std::fs::read_to_string(&page).unwrap();
        assert!(source.contains(".SH SYNOPSIS"), "{page:?}");
    }
    assert!(text(&scene.run_to(0, &["man"]).stdout).contains(".TH coordinator"));
}

#[test]
fn the_help_of_every_verb_fits_a_terminal_of_80_columns() {
    let scene = Scene::new(&AgentsFile::new());
    let help = |arguments: &[&str]| {
        let mut command = scene.command();
        let output = command.args(arguments).env("COLUMNS", "80").output();
        text(&output.unwrap().stdout)
    };
    let all = help(&["-h"]);
    let commands = all.split("Commands:").nth(1).unwrap();
    let verbs: Vec<&str> = commands
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| {
            assert!(
                line.starts_with("  ") && !line.starts_with("   "),
                "a verb has one line: {line}"
            );
            line.split_whitespace().next().unwrap()
        })
        .collect();
    assert!(verbs.len() > 15, "{verbs:?}");
    for verb in verbs.iter().filter(|verb| **verb != "help") {
        for flag in ["-h", "--help"] {
            let help = help(&[verb, flag]);
            assert!(help.contains("Usage:"), "{verb}");
            let wide = help.lines().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "{verb}");
        }
    }
}
