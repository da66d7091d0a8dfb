//! Programs that end at once, many times: no exit is lost (F1).
//! How fast that goes is a matter of the benchmarks.

use end_to_end::{AgentsFile, Scene};

const INSTANCES: i64 = 20;
const RESTARTS: i64 = 499;

#[test]
fn ten_thousand_programs_that_end_at_once_lose_no_exit() {
    let lines = format!(
        "instances = {INSTANCES}\nrestarts_max = {RESTARTS}\nshort_lived_max = 1000000\nfatal_retry = \"never\"\n\
         backoff_initial = \"0s\"\nbackoff_max = \"0s\"\n"
    );
    let agents = AgentsFile::new().plain("brief", &lines, &["/bin/true"]);
    let mut scene = Scene::started(&agents);
    for ordinal in 0..INSTANCES {
        let row = scene.wait_for_state(&format!("brief:{ordinal}"), "FATAL");
        assert_eq!(row.restarts, RESTARTS, "{row:?}");
        assert_eq!(row.last_exit.as_deref(), Some("exit code 0"));
    }
    let database = scene.database();
    let complete: i64 = database.value(
        "SELECT count(*) FROM invocations WHERE outcome = 'exited' AND exit_code = 0 AND pid IS NOT NULL",
        [],
    );
    assert_eq!(complete, INSTANCES * (RESTARTS + 1));
    let all: i64 = database.value("SELECT count(*) FROM invocations", []);
    assert_eq!(all, complete);
    let names: Vec<String> = (0..INSTANCES)
        .map(|ordinal| format!("brief:{ordinal}"))
        .collect();
    let reasons: Vec<String> = names
        .iter()
        .map(|name| scene.instance(name).reason)
        .collect();
    assert!(
        reasons.iter().all(|reason| !reason.is_empty()),
        "{reasons:?}"
    );
}
