//! The exit code of every verb in every situation, as the table in docs/operations.md has them: those of LSB.
//! Those of the coordinator itself are tested in `exit_codes`.

use end_to_end::{AgentsFile, Scene};

/// What stands in agents.toml and runs.
fn agents() -> AgentsFile {
    AgentsFile::new()
        .puppet("worker", "", &["live=20ms"])
        .puppet("idle", "autostart = false\n", &["live=20ms"])
        .puppet("late", "autostart = false\n", &["hang"])
        .plain(
            "missing",
            "autostart = false\nshort_lived_max = 2\nbackoff_initial = \"0s\"\n",
            &["no-such-program"],
        )
}

/// Situation and code for each verb, in this order: what one does is what the next finds.
const WITH_A_COORDINATOR: &[(&str, &str, i32)] = &[
    ("status worker", "all running", 0),
    ("status", "not all running", 3),
    ("status nobody", "no such agent", 4),
    ("status --no-such-flag", "bad arguments", 2),
    ("restart worker", "done", 0),
    ("stop worker", "done", 0),
    ("stop worker", "it was done already", 0),
    ("signal SIGUSR1 worker", "it does not run", 7),
    ("start worker", "done", 0),
    ("start worker", "it was done already", 0),
    ("signal NONSENSE worker", "no signal", 2),
    ("start late --timeout 1", "not in time", 1),
    ("start late --no-wait", "nobody waits", 0),
    ("start missing", "it cannot be started", 7),
    ("start nobody", "no such agent", 5),
    ("reset worker", "it need not have failed", 0),
    ("reset nobody", "no such agent", 5),
    ("scale worker 1", "it is so already", 0),
    ("scale nobody 2", "no such agent", 5),
    ("scale worker many", "no number", 2),
    ("upgrade /bin/false", "it cannot take over", 1),
    ("upgrade", "done", 0),
    ("top", "no terminal", 2),
    ("stop nobody", "no such agent", 5),
    ("restart nobody", "no such agent", 5),
    ("signal SIGUSR1 nobody", "no such agent", 5),
    ("start", "nobody is named", 2),
    ("reload --dry-run", "a good file", 0),
    ("describe worker", "done", 0),
    ("describe idle", "it need not run", 0),
    ("describe nobody", "no such agent", 4),
    ("wait worker", "it is so already", 0),
    ("wait idle --timeout 0", "not in time", 1),
    ("wait worker --for asleep", "no such state", 2),
    ("wait nobody", "no such agent", 5),
    ("logs worker", "done", 0),
    ("logs nobody", "no such agent", 4),
    ("logs worker --grep (", "no regular expression", 2),
    ("events", "done", 0),
    ("events nobody", "no such agent", 4),
    ("check", "no problem", 0),
    ("backup copy.db", "done", 0),
    ("backup copy.db", "the file exists", 2),
    ("shutdown", "done", 0),
];

const WITHOUT_A_COORDINATOR: &[(&str, &str, i32)] = &[
    ("status", "no coordinator", 4),
    ("describe worker", "no coordinator", 4),
    ("wait worker", "no coordinator", 7),
    ("start worker", "no coordinator", 7),
    ("stop worker", "no coordinator", 7),
    ("restart worker", "no coordinator", 7),
    ("signal SIGUSR1 worker", "no coordinator", 7),
    ("reset worker", "no coordinator", 7),
    ("scale worker 2", "no coordinator", 7),
    ("reload", "no coordinator", 7),
    ("upgrade", "no coordinator", 7),
    ("shutdown", "no coordinator", 7),
    ("logs worker", "needs none", 0),
    ("events", "needs none", 0),
    ("events --database missing.db", "no database", 5),
    ("backup other.db", "needs none", 0),
    ("backup x.db --database missing.db", "no database", 5),
    ("check --agents missing.toml", "no file", 2),
    ("init", "agents.toml exists", 2),
    ("completions bash", "done", 0),
    ("completions cmd", "no such shell", 2),
    ("man", "done", 0),
    ("schema", "done", 0),
];

fn try_all(scene: &Scene, table: &[(&str, &str, i32)]) {
    for (verb, situation, code) in table {
        let arguments: Vec<&str> = verb.split(' ').collect();
        let output = scene.run(&arguments);
        assert_eq!(
            output.status.code(),
            Some(*code),
            "{verb} ({situation}): {output:#?}"
        );
    }
}

#[test]
fn each_verb_tells_by_its_exit_code_what_has_happened() {
    let mut scene = Scene::started(&agents());
    scene.wait_for_state("worker", "RUNNING");
    try_all(&scene, WITH_A_COORDINATOR);
    scene.wait_for_end();
    try_all(&scene, WITHOUT_A_COORDINATOR);
    std::fs::write(scene.path("agents.toml"), "nonsense = 1\n").unwrap();
    try_all(&scene, &[("check", "a problem", 2)]);
    scene.run_to(2, &[]);
}

#[test]
fn a_reload_of_a_file_with_a_problem_is_2() {
    let mut scene = Scene::started(&agents());
    scene.wait_for_state("worker", "RUNNING");
    std::fs::write(scene.path("agents.toml"), "nonsense = 1\n").unwrap();
    try_all(
        &scene,
        &[
            ("reload", "a problem", 2),
            ("reload --dry-run", "a problem", 2),
        ],
    );
}
