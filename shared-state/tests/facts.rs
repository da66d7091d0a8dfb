//! Each kind of fact becomes the rows that docs/schema.md describes, and can be read back.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use common::*;
use serde_json::json;
use shared_state::*;

#[tokio::test]
async fn agents_are_registered_renamed_and_marked_as_removed() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let registered = writer
        .register_agents(vec![agent("a", 1), agent("b", 3)], T0)
        .await
        .unwrap();
    let names: Vec<&str> = registered
        .iter()
        .map(|instance| instance.instance.as_str())
        .collect();
    assert_eq!(names, ["a", "b:0", "b:1", "b:2"]);
    let again = writer
        .register_agents(vec![agent("b", 1)], T0 + 1)
        .await
        .unwrap();
    assert_eq!(again[0].instance, "b");
    assert_eq!(
        again[0].instance_id, registered[1].instance_id,
        "an instance keeps its id and history"
    );
    let fleet = place.read(|snapshot| snapshot.fleet());
    let gone: Vec<(&str, bool)> = fleet
        .iter()
        .map(|row| (row.name.as_str(), row.removed))
        .collect();
    assert_eq!(
        gone,
        [("a", true), ("b", false), ("b:1", true), ("b:2", true)]
    );
    assert_eq!(fleet[1].log_path.as_deref(), Some("logs/b.0.log"));
    let row = place
        .read(|snapshot| snapshot.agent_config(fleet[1].agent_id))
        .unwrap();
    assert_eq!(
        (row.command.len(), row.config),
        (2, json!({"restart": "always"}))
    );
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn an_invocation_is_stored_from_start_to_end() {
    let place = place();
    let Opened {
        writer,
        thread,
        incarnation_id,
        ..
    } = place.open();
    let id = register(&writer, "a").await;
    let invocation_id = writer.next_invocation_id();
    writer.record(started(invocation_id, id, T0));
    writer.record(Fact::InstanceChanged(running(id, invocation_id)));
    writer.record(Fact::InvocationReady {
        invocation_id,
        ts_ms: T0 + 5,
    });
    writer.record(Fact::InvocationEnded(InvocationEnd {
        invocation_id,
        ended_ms: T0 + 9,
        outcome: Outcome::Signaled(9),
        reason: "killed by signal 9 (KILL)".into(),
        heartbeats: 4,
        log_lines: 3,
        truncated_lines: 2,
        dropped_rows: 1,
    }));
    // A stale change of an older process changes nothing of the new one's row.
    writer.record(Fact::InstanceChanged(running(id, invocation_id - 1)));
    writer.commit(Fact::Alive { ts_ms: T0 + 10 }).await.unwrap();
    let (instance, invocations, incarnation) = place.read(|snapshot| {
        Ok((
            snapshot.instance(id)?.unwrap(),
            snapshot.invocations(id, 10)?,
            snapshot.incarnation()?.unwrap(),
        ))
    });
    assert_eq!(
        (instance.state, instance.pid, instance.invocation_id),
        (InstanceState::Running, Some(1_234), Some(invocation_id))
    );
    let record = &invocations[0];
    assert_eq!(
        (record.ready_ms, record.ended_ms, record.signal),
        (Some(T0 + 5), Some(T0 + 9), Some(9))
    );
    assert_eq!(
        (
            record.heartbeats,
            record.log_lines,
            record.truncated_lines,
            record.dropped_rows
        ),
        (4, 3, 2, 1)
    );
    assert_eq!(
        (incarnation.incarnation_id, incarnation.seen_ms),
        (incarnation_id, T0 + 10)
    );
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn the_newest_heartbeat_is_of_the_newest_invocation() {
    let place = place();
    let mut late = beat(T0 + 2, 900);
    late.metrics = vec![("cpu".into(), 0.7)];
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "a").await;
    writer
        .record_bulk(heartbeats(id, 2, vec![beat(T0, 1), beat(T0 + 1, 2)]))
        .await
        .unwrap();
    writer
        .record_bulk(heartbeats(id, 1, vec![late]))
        .await
        .unwrap();
    writer.commit(Fact::Alive { ts_ms: T0 }).await.unwrap();
    let row = wait_for("heartbeats", || {
        let row = place.read(|snapshot| snapshot.instance(id)).unwrap();
        row.heartbeat.clone().ok_or(row.name)
    })
    .await;
    assert_eq!(
        (row.invocation_id, row.seq, row.metrics["cpu"]),
        (2, 2, 0.5)
    );
    thread.join(std::time::Duration::from_secs(5)).unwrap();
    assert_eq!(place.count("SELECT count(*) FROM heartbeats"), 3);
    assert_eq!(
        place.count("SELECT count(message) FROM heartbeats"),
        2,
        "a message is stored where it changes"
    );
    assert_eq!(
        place.count("SELECT count(*) FROM metric_points"),
        1,
        "one point a second"
    );
    assert_eq!(
        place.count("SELECT CAST(value * 10 AS INTEGER) FROM metric_points"),
        7,
        "the newest of the second"
    );
}

#[tokio::test]
async fn alerts_begin_change_and_end() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "a").await;
    let alert = |firing, critical, ts_ms| {
        Fact::Alert(AlertRow {
            instance_id: id,
            key: "cpu".into(),
            critical,
            firing,
            message: "CPU is high".into(),
            value: Some(91.0),
            threshold: Some(90.0),
            evidence: Some(json!({"samples": 3})),
            recommendation: None,
            ts_ms,
        })
    };
    for (firing, critical, ts_ms) in [
        (false, false, T0),
        (true, false, T0 + 1),
        (true, true, T0 + 2),
        (false, true, T0 + 3),
        (true, false, T0 + 4),
    ] {
        writer.commit(alert(firing, critical, ts_ms)).await.unwrap();
    }
    let (all, firing) =
        place.read(|snapshot| Ok((snapshot.alerts(false, 10)?, snapshot.alerts(true, 10)?)));
    let seen: Vec<_> = all
        .iter()
        .map(|row| (row.firing, row.critical, row.since_ms, row.resolved_ms))
        .collect();
    assert_eq!(
        seen,
        [
            (true, false, T0 + 4, None),
            (false, true, T0 + 1, Some(T0 + 3))
        ]
    );
    assert_eq!(firing.len(), 1);
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn shared_state_counts_its_versions() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "a").await;
    for (key, value) in [("x/1", 1), ("x/1", 2), ("y", 3), ("x/2", 4)] {
        writer
            .commit(Fact::Put(PutRow {
                instance_id: id,
                key: key.into(),
                value: value.into(),
                ts_ms: T0,
            }))
            .await
            .unwrap();
    }
    writer
        .commit(Fact::Delete { key: "y".into() })
        .await
        .unwrap();
    let rows = place.read(|snapshot| snapshot.state("x/", "", 10));
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.key.as_str(),
                row.value.clone(),
                row.version,
                row.writer.as_str(),
            )
        })
        .collect();
    assert_eq!(seen, [("x/1", json!(2), 2, "a"), ("x/2", json!(4), 1, "a")]);
    assert_eq!(
        place.read(|snapshot| snapshot.state("", "x/1", 10)).len(),
        1
    );
    let refused = writer
        .commit(Fact::Put(PutRow {
            instance_id: id,
            key: String::new(),
            value: json!(1),
            ts_ms: T0,
        }))
        .await;
    assert!(!refused.unwrap_err().is_retryable());
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn events_are_filtered_and_paged() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "a").await;
    for n in 0..10_u8 {
        writer.record(Fact::Event(EventRow {
            ts_ms: T0 + i64::from(n),
            instance_id: (n % 2 == 0).then_some(id),
            invocation_id: None,
            level: n % 4,
            kind: "test".into(),
            message: format!("event {n}"),
            data: Some(json!({"n": n})),
        }));
    }
    writer
        .commit(Fact::Counted {
            instance_id: 0,
            name: "seen",
            by: 3,
            ts_ms: T0,
        })
        .await
        .unwrap();
    writer
        .commit(Fact::Counted {
            instance_id: 0,
            name: "seen",
            by: 4,
            ts_ms: T0,
        })
        .await
        .unwrap();
    let read = |filter: EventFilter| place.read(move |snapshot| snapshot.events(&filter));
    assert_eq!(read(EventFilter::default()).len(), 10);
    let warnings = read(EventFilter {
        instance_id: Some(id),
        min_level: 2,
        limit: 2,
        ..EventFilter::default()
    });
    let seen: Vec<_> = warnings
        .iter()
        .map(|event| event.message.as_str())
        .collect();
    assert_eq!(seen, ["event 6", "event 2"]);
    let older = read(EventFilter {
        before_id: Some(warnings[1].event_id),
        ..EventFilter::default()
    });
    assert_eq!((older.len(), older[0].message.as_str()), (2, "event 1"));
    assert_eq!(place.read(|snapshot| snapshot.counters())[0].value, 7);
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}
