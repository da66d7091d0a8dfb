//! What agents say is stored, and what they are told: hello, put, metrics, events, records with their acknowledgement.
//! How rows are written is tested in the shared-state crate.

use end_to_end::{AgentsFile, Scene, wait_for_condition};
use serde_json::{Value, json};

#[test]
fn the_hello_introduces_the_agent_to_itself() {
    let lines = "config = { batch = 500, nested = { deep = [1, 2] } }\n";
    let actions = ["listen=input", "records=4", "live=20ms"];
    let mut scene = Scene::started(&AgentsFile::new().puppet("reader", lines, &actions));
    scene.wait_for_state("reader", "RUNNING");
    scene.stop();
    scene.start();
    scene.wait_for_state("reader", "RUNNING");
    scene.stop();
    let hellos: Vec<Value> = scene
        .lines("input")
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|message: &Value| message["type"] == "hello")
        .collect();
    let wanted = |invocation: i64, cursors: Value| {
        json!({
            "type": "hello", "protocol": 1, "agent": "reader", "instance": "reader", "invocation": invocation,
            "config": { "batch": 500, "nested": { "deep": [1, 2] } },
            "database": scene.path("shared_state.db"), "socket": scene.path("coordinator.sock"), "cursors": cursors,
        })
    };
    let ids: Vec<i64> = scene
        .database()
        .invocations("reader")
        .iter()
        .map(|row| row.invocation_id)
        .collect();
    let mut first = hellos[0].clone();
    // An empty table of cursors may be left out.
    first["cursors"] = first.get("cursors").cloned().unwrap_or(json!({}));
    assert_eq!(first, wanted(ids[0], json!({})));
    assert_eq!(hellos[1], wanted(ids[1], json!({ "runs": { "batch": 4 } })));
}

#[test]
fn records_that_do_not_fit_into_a_line_are_refused_and_not_forgotten() {
    let long = format!(
        r#"raw={{"type":"records","id":7,"kind":"langsmith_run","rows":[{{"run_id":"r","project_id":"p","error":"{}"}}]}}\n"#,
        "x".repeat(3_000)
    );
    let scene = Scene::started(&AgentsFile::new().puppet(
        "bridge",
        "line_bytes_max = \"1KiB\"",
        &[&long, "await-nack=7", "event=refused:7", "live=20ms"],
    ));
    wait_for_condition("the refusal", || {
        let events = scene.database().try_rows(
            "SELECT message FROM events WHERE kind = 'refused'",
            [],
            |row| row.get::<_, String>(0),
        );
        match events {
            Ok(events) if events == ["7"] => Ok(()),
            other => Err(other),
        }
    });
    let runs = scene
        .database()
        .value::<i64>("SELECT count(*) FROM trace_runs", []);
    assert_eq!(runs, 0);
}

#[test]
fn what_is_acknowledged_is_on_disk() {
    let mut scene = Scene::started(&AgentsFile::new().puppet(
        "bridge",
        "",
        &["records=1", "records=2", "live=20ms"],
    ));
    let database = scene.database();
    wait_for_condition("two acknowledgements", || {
        let events = database.try_rows(
            "SELECT message FROM events WHERE kind = 'acknowledged'",
            [],
            |row| row.get::<_, String>(0),
        );
        match events {
            Ok(events) if events == ["1", "2"] => Ok(()),
            other => Err(other),
        }
    });
    scene.kill();
    assert_eq!(
        database.value::<i64>("SELECT count(*) FROM trace_runs", []),
        2
    );
    assert_eq!(
        database.value::<String>("SELECT value FROM cursors WHERE name = 'runs'", []),
        r#"{"batch":2}"#
    );
    scene.start();
    scene.wait_for_state("bridge", "RUNNING");
    assert_eq!(
        database.value::<i64>("SELECT count(*) FROM trace_runs", []),
        2,
        "sent twice, stored once"
    );
}

#[test]
fn records_of_an_unknown_kind_are_refused_and_the_agent_lives_on() {
    let unknown = "raw={\"type\":\"records\",\"id\":5,\"kind\":\"no such kind\",\"rows\":[{}]}\\n";
    let mut scene = Scene::started(&AgentsFile::new().puppet(
        "bridge",
        "",
        &[unknown, "await-nack=5", "live=20ms"],
    ));
    scene.expect_refusals();
    let row = scene.wait_for_state("bridge", "RUNNING");
    assert_eq!(row.restarts, 0, "{row:?}");
}

#[test]
fn state_metrics_events_and_alerts_are_stored() {
    let alert = "raw={\"type\":\"alert\",\"key\":\"disk\",\"severity\":\"critical\",\"state\":\"firing\",\
                 \"message\":\"the disk is full\",\"value\":99.5,\"threshold\":95}\\n";
    let actions = [
        "put=a:1",
        "put=a:{\"b\":[2]}",
        "put=gone:true",
        "delete=gone",
        "metrics=queue_rows:12.5",
        "event=mailbox_missing:no such mailbox",
        alert,
        "heartbeat=done",
        "idle",
    ];
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &actions));
    scene.wait_for_instance("worker", "its heartbeat", |row| row.heartbeat.is_some());
    scene.stop();
    let database = scene.database();
    let state = database.rows("SELECT key, value, version FROM state", [], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, i64>(2)?,
        ))
    });
    assert_eq!(state, [("a".to_owned(), r#"{"b":[2]}"#.to_owned(), 2)]);
    let value: f64 = database.value(
        "SELECT value FROM metric_points JOIN series USING (series_id) WHERE name = 'queue_rows' AND subject = ''",
        [],
    );
    assert!((value - 12.5).abs() < f64::EPSILON, "{value}");
    let events = database.events_of(Some("worker"), "mailbox_missing");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].message, "no such mailbox");
    let message: String = database.value(
        "SELECT message FROM alerts WHERE state = 'firing' AND key = 'disk'",
        [],
    );
    assert_eq!(message, "the disk is full");
}
