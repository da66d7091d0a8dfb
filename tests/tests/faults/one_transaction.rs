//! The end of an invocation is one transaction: exit, reason and counters are all there or none (F33).
//! That it survives a kill of the coordinator is the matter of `killed_coordinator`.

use end_to_end::{AgentsFile, PATIENCE, Scene};
use std::time::Instant;

/// Ends that lack one of their parts, seen by one read transaction.
const TORN: &str = "
    SELECT ended_ms, outcome, exit_code, reason, heartbeats, log_lines FROM invocations v
    WHERE (ended_ms IS NOT NULL OR outcome IS NOT NULL OR reason IS NOT NULL OR exit_code IS NOT NULL)
        AND (ended_ms IS NULL OR outcome IS NOT 'exited' OR exit_code IS NOT 3 OR reason IS NOT 'exit code 3'
            OR heartbeats <> 5 OR log_lines <> 4)";

#[test]
fn exit_reason_and_counters_appear_together() {
    let lines = "instances = 4\nshort_lived_max = 40\nrestarts_max = 1000000\nfatal_retry = \"never\"\n\
                 backoff_initial = \"1ms\"\nbackoff_max = \"1ms\"\n";
    let actions = ["beat=5/1ms", "lines=3", "eprint=bye", "exit=3"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("brief", lines, &actions));
    scene.wait_for_instance("brief:0", "known", |_| true);
    let database = scene.database();
    let connection = database.open().expect("the database is there");
    let deadline = Instant::now() + PATIENCE;
    let mut looks = 0;
    loop {
        let mut statement = connection.prepare_cached(TORN).unwrap();
        let torn = statement.query_map([], |row| {
            let columns = (0..6).map(|column| row.get::<_, rusqlite::types::Value>(column));
            columns.collect::<rusqlite::Result<Vec<_>>>()
        });
        let torn: Vec<_> = torn.unwrap().map(Result::unwrap).collect();
        assert!(
            torn.is_empty(),
            "a part of an end without the rest, at look {looks}: {torn:?}"
        );
        looks += 1;
        let ended: i64 = connection
            .query_row(
                "SELECT count(*) FROM invocations WHERE ended_ms IS NOT NULL",
                [],
                |row| row.get(0),
            )
            .unwrap();
        if ended == 4 * 40 {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{ended} of 160 invocations ended"
        );
    }
    assert!(
        looks > 100,
        "only {looks} looks were taken while they ended"
    );
}
