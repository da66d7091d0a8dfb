//! Agents with a schedule: they run at its times, and `status` shows the next one.
//! Overlaps, stops and jumping clocks are tested among the faults.

use end_to_end::{AgentsFile, Scene, now_ms, wait_for_condition};

#[test]
fn each_time_is_one_run_and_the_next_is_shown() {
    let agents = AgentsFile::new()
        .puppet(
            "often",
            "schedule = \"every 1s\"\n",
            &["mark=runs", "exit=0"],
        )
        .puppet(
            "rarely",
            "schedule = \"0 0 1 1 *\"\ntime_zone = \"UTC\"\n",
            &["mark=never"],
        )
        .puppet(
            "off",
            "schedule = \"every 1s\"\nautostart = false\n",
            &["mark=never"],
        );
    let begun_ms = now_ms();
    let mut scene = Scene::started(&agents);
    let waiting = scene.wait_for_state("rarely", "WAITING");
    assert_eq!(waiting.reason, "next run by schedule");
    let next_ms = waiting.next_attempt_ms.expect("it has a next run");
    assert!(
        next_ms > now_ms() && next_ms % 86_400_000 == 0,
        "{next_ms} is no midnight of UTC"
    );
    scene.wait_for_lines("runs", 3);
    let between = scene.wait_for_instance("often", "its time between two runs", |row| {
        row.state == "EXITED" && row.next_attempt_ms.is_some()
    });
    assert_eq!(
        between.reason,
        "finished with exit code 0; next run by schedule"
    );
    let invocations = scene.database().invocations("often");
    assert!(
        invocations[0].started_ms >= begun_ms + 1_000,
        "the first time is over one interval"
    );
    assert!(
        invocations
            .windows(2)
            .all(|pair| pair[1].started_ms - pair[0].started_ms >= 500)
    );
    assert!(invocations.iter().all(|invocation| invocation.attempt == 1));
    assert_eq!(scene.instance("often").restarts, 0);
    assert!(scene.lines("never").is_empty());
    // Another program goes on where this one was.
    scene.run_to(0, &["upgrade"]);
    let kept = scene.status(&["rarely"]).remove(0);
    assert_eq!(
        (kept.state.as_str(), kept.next_attempt_ms),
        ("WAITING", Some(next_ms))
    );
    let runs = scene.lines("runs").len();
    scene.wait_for_lines("runs", runs + 2);
    assert_eq!(scene.instance("off").state, "STOPPED");
}

#[test]
fn a_failed_run_is_tried_again_by_backoff() {
    let agents = AgentsFile::new().puppet(
        "job",
        "schedule = \"every 1s\"\n",
        &["mark=runs", "once=failed", "exit=1", "exit=0"],
    );
    let scene = Scene::started(&agents);
    scene.wait_for_lines("runs", 3);
    // The rows come a moment after the lines of the processes themselves.
    let invocations = wait_for_condition("three runs that have ended", || {
        let rows = scene.database().invocations("job");
        let ended = rows.iter().filter(|row| row.ended_ms.is_some()).count();
        if ended >= 3 { Ok(rows) } else { Err(rows) }
    });
    let attempts: Vec<u32> = invocations.iter().take(3).map(|row| row.attempt).collect();
    assert_eq!(
        attempts,
        [1, 2, 1],
        "the run after it begins anew: {invocations:?}"
    );
    assert_eq!(scene.instance("job").restarts, 1);
}

#[test]
fn a_reload_changes_the_schedule_and_runs_nothing_by_itself() {
    let with = |schedule: &str, lines: &str| {
        let lines = format!("schedule = \"{schedule}\"\n{lines}");
        AgentsFile::new().puppet("job", &lines, &["mark=runs", "exit=0"])
    };
    let mut scene = Scene::started(&with("0 0 1 1 *", ""));
    let before = scene.wait_for_state("job", "WAITING");
    let write = |scene: &Scene, agents: &AgentsFile| {
        std::fs::write(scene.path("agents.toml"), agents.text()).expect("the folder is writable");
        scene.run_to(0, &["reload"]);
    };
    write(&scene, &with("0 0 2 1 *", "env = { LEVEL = \"high\" }\n"));
    let after = wait_for_condition("the next run of the new schedule", || {
        let row = scene.instance("job");
        if row.next_attempt_ms > before.next_attempt_ms {
            Ok(Box::new(row))
        } else {
            Err(Box::new(row))
        }
    });
    assert_eq!(
        (after.state.as_str(), after.invocation_id),
        ("WAITING", None),
        "it has not run"
    );
    write(&scene, &with("every 1s", ""));
    scene.wait_for_lines("runs", 1);
}
