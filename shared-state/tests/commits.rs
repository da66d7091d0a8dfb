//! What is acknowledged is on disk; a locked database loses nothing that must not be lost; one bad row harms no other.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::*;
use serde_json::json;
use shared_state::*;

fn put(instance_id: i64, key: String) -> Fact {
    Fact::Put(PutRow {
        instance_id,
        key,
        value: json!(1),
        ts_ms: T0,
    })
}

#[tokio::test]
async fn an_acknowledged_fact_is_seen_by_another_connection() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "a").await;
    let reader = Reader::open(&place.path).unwrap();
    for n in 0..50 {
        writer.commit(put(id, format!("key/{n:03}"))).await.unwrap();
        let seen = reader
            .snapshot(Duration::from_secs(1), |snapshot| {
                snapshot.state("key/", "", 100)
            })
            .unwrap();
        assert_eq!(seen.len(), n + 1);
    }
    thread.join(Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn facts_that_arrive_together_share_a_transaction() {
    let place = place();
    let options = WriterOptions {
        // Much longer than recording takes, also on a machine that is busy with something else.
        group_commit: Duration::from_secs(3),
        clock: || T0,
        ..WriterOptions::default()
    };
    let Opened { writer, thread, .. } = place.open_with(options);
    let id = register(&writer, "a").await;
    // The first maintenance writes its marks once, whenever the thread comes to it; afterwards it has nothing to do.
    wait_for("the first maintenance", || {
        let marks = "SELECT count(*) FROM meta WHERE key = 'metric_points_pruned_to_ms'";
        match place.count(marks) {
            1 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let reader = Reader::open(&place.path).unwrap();
    let before = reader.data_version().unwrap();
    let mut versions = std::collections::BTreeSet::new();
    for n in 0..1_000 {
        writer.record(put(id, format!("{n}")));
    }
    wait_for("one commit", || {
        versions.insert(reader.data_version().unwrap());
        let rows = reader
            .snapshot(Duration::from_secs(1), |snapshot| {
                snapshot.state("", "", 2_000)
            })
            .unwrap()
            .len();
        if rows == 1_000 { Ok(()) } else { Err(rows) }
    })
    .await;
    versions.insert(reader.data_version().unwrap());
    versions.remove(&before);
    assert_eq!(versions.len(), 1, "all of them in one transaction");
    thread.join(Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn a_locked_database_is_retried_and_only_bulk_is_dropped() {
    let place = place();
    let options = WriterOptions {
        queue_rows_max: 64,
        bulk_wait: Duration::from_millis(30),
        clock: || T0,
        ..WriterOptions::default()
    };
    let Opened { writer, thread, .. } = place.open_with(options);
    let id = register(&writer, "a").await;
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (mut sent, mut dropped) = (0_u64, 0_u64);
    for n in 0..20_i64 {
        let rows = (0..10).map(|k| beat(T0 + n * 10 + k, 1)).collect();
        match writer.record_bulk(heartbeats(id, 1, rows)).await {
            Ok(()) => sent += 10,
            Err(drop) => dropped += drop.rows as u64,
        }
        writer.record(put(id, format!("kept/{n}")));
    }
    assert!(sent > 0 && sent <= 64, "{sent} rows found room");
    let health = wait_for("health tells it", || {
        let health = writer.health();
        if health.failing.is_some() {
            Ok(health)
        } else {
            Err(health)
        }
    })
    .await;
    assert!(health.failing.unwrap().contains("locked") && health.writing_since.is_some());
    assert_eq!(health.dropped_rows, dropped);
    other.execute_batch("ROLLBACK").unwrap();
    wait_for("writing resumes by itself", || {
        let health = writer.health();
        if health.failing.is_none() && health.queue_rows == 0 {
            Ok(())
        } else {
            Err(health)
        }
    })
    .await;
    writer.commit(Fact::Alive { ts_ms: T0 }).await.unwrap();
    thread.join(Duration::from_secs(5)).unwrap();
    assert_eq!(
        place.count("SELECT count(*) FROM heartbeats"),
        i64::try_from(sent).unwrap()
    );
    assert_eq!(place.count("SELECT count(*) FROM state"), 20);
    assert_eq!(
        place.count("SELECT value FROM counters WHERE name = 'rows_dropped'"),
        i64::try_from(dropped).unwrap()
    );
}

#[tokio::test]
async fn closing_against_a_locked_database_ends_in_time_and_says_what_is_lost() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "a").await;
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    writer.record(put(id, "lost".into()));
    let asked = tokio::spawn({
        let writer = writer.clone();
        async move { writer.commit(put(id, "asked".into())).await }
    });
    tokio::task::yield_now().await;
    let closed = tokio::task::spawn_blocking(|| thread.join(Duration::from_millis(200)))
        .await
        .unwrap();
    assert_eq!(closed, Err(CloseError::Unwritten { rows: 2 }));
    assert!(asked.await.unwrap().unwrap_err().is_retryable());
    assert_eq!(
        writer.commit(Fact::Alive { ts_ms: T0 }).await,
        Err(WriteError::Closed)
    );
}

#[tokio::test]
async fn one_row_that_cannot_be_stored_costs_no_other() {
    let place = place();
    let options = WriterOptions {
        group_commit: Duration::from_millis(100),
        clock: || T0,
        ..WriterOptions::default()
    };
    let Opened { writer, thread, .. } = place.open_with(options);
    let id = register(&writer, "a").await;
    writer.record(put(id, "before".into()));
    // No such instance; no such status; a process in a state that has none.
    writer.record(put(999, "foreign".into()));
    let odd = HeartbeatRow {
        status: 7,
        ..beat(T0 + 1, 2)
    };
    writer
        .record_bulk(heartbeats(id, 1, vec![beat(T0, 1), odd, beat(T0 + 2, 3)]))
        .await
        .unwrap();
    writer.record(Fact::InstanceChanged(InstanceChange {
        state: InstanceState::Stopped,
        ..running(id, 1)
    }));
    writer.commit(put(id, "after".into())).await.unwrap();
    assert_eq!(place.count("SELECT count(*) FROM state"), 2);
    assert_eq!(
        place.count("SELECT count(*) FROM heartbeats"),
        2,
        "the good rows of the batch are stored"
    );
    assert_eq!(place.count("SELECT seq FROM latest_heartbeats"), 3);
    assert_eq!(
        place.count("SELECT sum(value) FROM counters WHERE name = 'rows_refused'"),
        3
    );
    assert_eq!(writer.health().failing, None);
    thread.join(Duration::from_secs(5)).unwrap();
}

const CHILD: &str = "SHARED_STATE_TEST_CHILD";

/// The process that is killed: prints each number after its row is acknowledged.
#[tokio::test]
async fn child_that_commits_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let opened = open_writer(path.as_ref(), identity(T0), WriterOptions::default()).unwrap();
    let id = register(&opened.writer, "a").await;
    let invocation_id = opened.writer.next_invocation_id();
    opened.writer.record(started(invocation_id, id, T0));
    let mut out = std::io::stdout();
    for n in 0_u64.. {
        let rows = (0..20)
            .map(|k| beat(T0 + i64::try_from(n).unwrap(), k))
            .collect();
        let _ = opened
            .writer
            .record_bulk(heartbeats(id, invocation_id, rows))
            .await;
        opened
            .writer
            .commit(put(id, format!("acked/{n:09}")))
            .await
            .unwrap();
        writeln!(out, "acked {n}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let place = place();
    for round in 0..5_u8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child_that_commits_until_it_is_killed",
                "--nocapture",
            ])
            .env(CHILD, &place.path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acked = None;
        let take = 5 + 13 * usize::from(round);
        let mut note = |line: String| {
            if let Some(number) = line
                .rsplit("acked ")
                .next()
                .and_then(|number| number.parse::<u64>().ok())
            {
                acked = Some(number);
            }
        };
        lines
            .by_ref()
            .map(Result::unwrap)
            .filter(|line| line.contains("acked"))
            .take(take)
            .for_each(&mut note);
        child.kill().unwrap();
        child.wait().unwrap();
        lines.map_while(Result::ok).for_each(&mut note);
        let acked = acked.expect("the child acknowledged something");
        let Opened {
            writer,
            thread,
            lost,
            ..
        } = place.open();
        assert_eq!(
            lost.len(),
            1,
            "round {round}: the invocation that was running is reported once"
        );
        assert_eq!(
            (
                lost[0].instance_name.as_str(),
                lost[0].pid,
                lost[0].pid_start_ticks
            ),
            ("a", Some(1_234), Some(99))
        );
        let missing = place.count(&format!(
            "WITH RECURSIVE n (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM n WHERE k < {acked})
             SELECT count(*) FROM n WHERE format('acked/%09d', k) NOT IN (SELECT key FROM state)"
        ));
        assert_eq!(
            missing, 0,
            "round {round}: all {acked} acknowledged rows are there"
        );
        assert_eq!(
            place.count("SELECT count(*) FROM invocations WHERE outcome = 'lost'"),
            i64::from(round) + 1
        );
        assert_eq!(
            place.count("SELECT count(*) FROM invocations WHERE ended_ms IS NULL"),
            0
        );
        assert_eq!(
            place
                .raw()
                .query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
                .unwrap(),
            "ok"
        );
        drop(writer);
        thread.join(Duration::from_secs(5)).unwrap();
    }
}

#[tokio::test]
async fn what_a_dead_coordinator_left_is_closed_in_words() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "a").await;
    let invocation_id = writer.next_invocation_id();
    writer.record(started(invocation_id, id, T0));
    writer.record(Fact::InstanceChanged(running(id, invocation_id)));
    thread.join(Duration::from_secs(5)).unwrap();
    let Opened {
        writer,
        thread,
        lost,
        ..
    } = place.open();
    assert_eq!(lost.len(), 1);
    assert!(
        writer.next_invocation_id() > invocation_id,
        "numbers never come back"
    );
    let row = place.read(|snapshot| snapshot.instance(id)).unwrap();
    assert_eq!((row.state, row.pid), (InstanceState::Stopped, None));
    assert!(row.reason.contains("coordinator died"), "{}", row.reason);
    thread.join(Duration::from_secs(5)).unwrap();
    assert!(place.open().lost.is_empty());
}
