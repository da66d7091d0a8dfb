//! The wall clock jumps around a time of a schedule: no time comes twice, and what was missed is one run (F25, F41).
//! How the clock is moved stands in `jumping_clock`.

use std::time::Duration;

use end_to_end::{AgentsFile, let_time_pass, now_ms};

use super::jumping_clock::{set_clock, start_at};

const DAY_S: i64 = 86_400;

#[test]
fn no_time_comes_twice_and_missed_ones_are_one_run() {
    // Once a minute; the clock decides when a minute ends.
    let lines = "schedule = \"* * * * *\"\n";
    let agents = AgentsFile::new().puppet("job", lines, &["mark=runs", "exit=0"]);
    // Ten seconds before the end of a minute.
    let offset_s = 50 - now_ms() / 1000 % 60;
    let mut scene = start_at(&agents, offset_s);
    scene.wait_for_state("job", "WAITING");
    // The end of the minute comes now.
    set_clock(&scene, offset_s + 10);
    scene.wait_for_lines("runs", 1);
    // It comes again.
    set_clock(&scene, offset_s + 5);
    let_time_pass(Duration::from_secs(8));
    assert_eq!(scene.lines("runs").len(), 1, "the same minute began twice");
    // A day of minutes is missed: one run, and the next is in less than a minute.
    set_clock(&scene, offset_s + DAY_S);
    scene.wait_for_lines("runs", 2);
    let_time_pass(Duration::from_secs(3));
    assert_eq!(
        scene.lines("runs").len(),
        2,
        "missed times were made up for"
    );
}
