//! The conditions of `depends_on`: started, ready, completed; independent agents start together.
//! What happens where a condition cannot come true is tested among the faults.

use end_to_end::{AgentsFile, Scene};

fn needs(name: &str, condition: &str) -> String {
    format!("depends_on = [{{ agent = \"{name}\", condition = \"{condition}\" }}]\n")
}

#[test]
fn completed_waits_for_a_successful_end_and_started_does_not_wait_for_readiness() {
    let agents = AgentsFile::new()
        .puppet(
            "migrate",
            "restart = \"on-failure\"\n",
            &["once=failed", "exit=1", "wait-for=go", "exit=0"],
        )
        .puppet(
            "after",
            &needs("migrate", "completed"),
            &["mark=after", "live=20ms"],
        )
        .puppet("slow", "", &["wait-for=go", "live=20ms"])
        .puppet("beside", &needs("slow", "started"), &["live=20ms"])
        .puppet("behind", "depends_on = [\"slow\"]\n", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("beside", "RUNNING");
    scene.wait_for_state("slow", "STARTING");
    scene.wait_for_state("behind", "WAITING");
    // It has failed once and runs again: neither of both is its completion.
    scene.wait_for_instance("migrate", "its second run", |row| {
        row.state == "STARTING" && row.restarts == 1
    });
    let waiting = scene.wait_for_state("after", "WAITING");
    assert_eq!(waiting.reason, "waits for the completion of migrate");
    assert!(scene.lines("after").is_empty());
    scene.touch("go");
    for name in ["after", "behind"] {
        scene.wait_for_state(name, "RUNNING");
    }
    let ended = scene.database().invocations("migrate")[1].ended_ms;
    let started = scene.database().invocations("after")[0].started_ms;
    assert!(started >= ended.expect("it has ended"));
}

#[test]
fn independent_agents_start_beside_each_other() {
    let mut agents = AgentsFile::new();
    for name in ["a", "b", "c"] {
        agents = agents.puppet(name, "", &["wait-for=go", "live=20ms"]);
    }
    let last = "depends_on = [\"a\", \"b\", \"c\"]\n";
    let mut scene = Scene::started(&agents.puppet("last", last, &["live=20ms"]));
    // None of them is ready, so none has waited for another.
    for name in ["a", "b", "c"] {
        scene.wait_for_state(name, "STARTING");
    }
    let waiting = scene.wait_for_state("last", "WAITING");
    assert_eq!(waiting.reason, "waits for a; b; c");
    scene.touch("go");
    scene.wait_for_state("last", "RUNNING");
}

#[test]
fn all_instances_of_a_dependency_count() {
    let agents = AgentsFile::new()
        .puppet(
            "worker",
            "instances = 2\n",
            &["once=first", "wait-for=go", "live=20ms"],
        )
        .puppet("last", "depends_on = [\"worker\"]\n", &["live=20ms"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_instance("last", "one of both is ready", |row| {
        row.state == "WAITING"
            && row.reason.starts_with("waits for worker:")
            && !row.reason.contains(';')
    });
    scene.touch("go");
    scene.wait_for_state("last", "RUNNING");
}
