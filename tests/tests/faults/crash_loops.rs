//! Crashes that come back whatever the interval back off, those after a healthy time do not, and a start by hand forgets
//! them (F27, F29). The arithmetic of the delays is tested in the lifecycle crate.

use end_to_end::{AgentsFile, InvocationRow, Scene};

/// From the end of each invocation to the start of the next.
fn delays_ms(rows: &[InvocationRow]) -> Vec<i64> {
    let delay = |pair: &[InvocationRow]| pair[1].started_ms - pair[0].ended_ms.expect("it is over");
    rows.windows(2).map(delay).collect()
}

#[test]
fn a_crash_every_fifth_of_a_second_backs_off() {
    // It is healthy each time, but never for long enough.
    let lines = "stable_after = \"10s\"\nshort_lived_max = 1000\nrestarts_max = 1000\nbackoff_initial = \"10ms\"\n\
                 backoff_factor = 4.0\nbackoff_max = \"400ms\"\n";
    let actions = ["beat=10/20ms", "exit=1"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("crasher", lines, &actions));
    scene.wait_for_instance("crasher", "a dozen crashes", |row| row.restarts >= 12);
    let rows = scene.database().invocations("crasher");
    let attempts: Vec<u32> = rows.iter().map(|row| row.attempt).collect();
    assert!(
        attempts
            .iter()
            .copied()
            .eq(1..=u32::try_from(rows.len()).unwrap()),
        "{attempts:?}"
    );
    // Each delay is drawn from zero to its bound: nine small ones in a row have odds of one in ten millions.
    let delays = delays_ms(&rows);
    let longest = delays[3..].iter().max();
    assert!(longest > Some(&60), "the first bound is 10 ms: {delays:?}");
    scene.stop();
}

#[test]
fn a_crash_after_a_healthy_time_gets_the_initial_delay_again_and_again() {
    // Failures that added up would soon wait for hours, and the test would run out of patience.
    let lines = "stable_after = \"150ms\"\nshort_lived_max = 2\nrestarts_max = 1000\nbackoff_initial = \"50ms\"\n\
                 backoff_factor = 100.0\nbackoff_max = \"10h\"\n";
    let actions = ["beat=15/20ms", "exit=1"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("monthly", lines, &actions));
    scene.wait_for_instance("monthly", "eight crashes", |row| row.restarts >= 8);
    let rows = scene.database().invocations("monthly");
    assert!(rows.iter().all(|row| row.attempt == 1), "{rows:?}");
    scene.stop();
}

#[test]
fn a_start_by_hand_forgets_all_earlier_failures() {
    let lines = "short_lived_max = 3\nrestarts_max = 2\nfatal_retry = \"never\"\n";
    let actions = ["heartbeat", "exit=1"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("hopeless", lines, &actions));
    let row = scene.wait_for_state("hopeless", "FATAL");
    assert!(
        !row.reason.is_empty() && row.next_attempt_ms.is_none(),
        "{row:?}"
    );
    scene.run(&["start", "hopeless", "--no-wait"]);
    scene.wait_for_instance("hopeless", "FATAL again, after as many tries", |now| {
        now.state == "FATAL" && now.invocation_id > row.invocation_id
    });
    let rows = scene.database().invocations("hopeless");
    let attempts: Vec<u32> = rows.iter().map(|row| row.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 1, 2, 3]);
    let fatal = scene.database().events_of(Some("hopeless"), "agent_fatal");
    assert_eq!(fatal.len(), 2, "{fatal:?}");
}
