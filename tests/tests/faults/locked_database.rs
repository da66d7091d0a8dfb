//! The database is locked by somebody else: agents are heard and nobody is judged dead; what waited is stored with the
//! time at which it was read (F23). A full disk is not tried here.

use std::time::Duration;

use end_to_end::{AgentsFile, Scene, let_time_pass, now_ms, wait_for_condition};

#[test]
fn heartbeats_of_the_locked_time_are_stored_with_their_own_time() {
    let lines = "heartbeat_timeout = \"1s\"\nwatchdog_grace = \"100ms\"\n";
    // Its prints keep the pipes busy as well.
    let agents = AgentsFile::new()
        .puppet("worker", lines, &["live=50ms"])
        .puppet(
            "talker",
            lines,
            &["beat=100/20ms", "lines=20000", "live=50ms"],
        );
    let mut scene = Scene::started(&agents);
    let before = ["worker", "talker"].map(|name| scene.wait_for_state(name, "RUNNING"));
    let database = scene.database();
    let connection = rusqlite::Connection::open(database.path()).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked_ms = now_ms();
    let_time_pass(Duration::from_secs(5));
    let status = scene.status(&["worker"]).remove(0);
    assert_eq!(status.pid, before[0].pid, "{status:?}");
    assert!(
        status.heartbeat_age_ms.is_some_and(|age| age < 1000),
        "{status:?}"
    );
    connection.execute_batch("ROLLBACK").unwrap();
    let free_ms = now_ms();

    let stored_since_ms = |from_ms: i64| -> Vec<i64> {
        database.rows(
            "SELECT heartbeat_id >> 20 FROM heartbeats WHERE instance_id = ?1 AND heartbeat_id >> 20 >= ?2 ORDER BY 1",
            [before[0].instance_id, from_ms],
            |row| row.get(0),
        )
    };
    wait_for_condition("heartbeats are stored again", || {
        let rows = stored_since_ms(free_ms);
        if rows.len() > 3 { Ok(()) } else { Err(rows) }
    });
    let times: Vec<i64> = stored_since_ms(locked_ms)
        .into_iter()
        .filter(|at| *at < free_ms)
        .collect();
    assert!(times.len() > 50, "five seconds at 50 ms each: {times:?}");
    let gap_ms = times.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(gap_ms < Some(1000), "a gap of {gap_ms:?}");
    for before in &before {
        let now = scene.instance(&before.name);
        assert_eq!(
            (now.invocation_id, now.restarts),
            (before.invocation_id, 0),
            "{now:?}"
        );
    }
}
