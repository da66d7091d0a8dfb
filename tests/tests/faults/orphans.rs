//! Orphans come to the coordinator and are reaped, and no exit of an agent is mistaken for theirs (F5).
//! Processes that live on are the matter of `whole_tree_dies`.

use end_to_end::{AgentsFile, Scene};

#[test]
fn a_thousand_orphans_are_reaped_among_a_thousand_exits() {
    let lines = |instances: u32| {
        format!(
            "instances = {instances}\nshort_lived_max = 100\nrestarts_max = 1000000\nfatal_retry = \"never\"\n\
             backoff_initial = \"0s\"\nbackoff_max = \"0s\"\n"
        )
    };
    let agents = AgentsFile::new()
        .puppet("parent", &lines(5), &["orphans=2", "exit=7"])
        .puppet("childless", &lines(5), &["exit=9"]);
    let mut scene = Scene::started(&agents);
    for ordinal in 0..5 {
        scene.wait_for_state(&format!("parent:{ordinal}"), "FATAL");
        scene.wait_for_state(&format!("childless:{ordinal}"), "FATAL");
    }
    let codes = scene.database().rows(
        "SELECT a.name, v.outcome, v.exit_code, count(*) FROM invocations v
         JOIN instances i USING (instance_id) JOIN agents a USING (agent_id) GROUP BY 1, 2, 3 ORDER BY 1",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?)),
    );
    let wanted = |name: &str, code| (name.to_owned(), "exited".to_owned(), code, 500);
    assert_eq!(codes, [wanted("childless", 9), wanted("parent", 7)]);
    // That no zombie stays is checked at the end of every scene.
}
