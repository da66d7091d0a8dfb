//! Retention keeps its bounds and never removes what is not rolled up.

use rusqlite::params;

use super::*;
use crate::{HeartbeatBatch, HeartbeatRow, MetricsRow};

fn count(connection: &Connection, table: &str) -> i64 {
    connection
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap()
}

#[test]
fn retention_removes_what_is_old_and_nothing_else() {
    let connection = database();
    let mut applier = Applier::load(&connection, 1, T0).unwrap();
    for hour in 0..100 {
        let ts_ms = T0 + hour * HOUR_MS;
        let rows = vec![HeartbeatRow {
            ts_ms,
            ..HeartbeatRow::default()
        }];
        apply(
            &connection,
            &mut applier,
            Fact::Heartbeats(HeartbeatBatch {
                instance_id: 1,
                invocation_id: 1,
                rows,
            }),
        );
        let metrics = vec![("cpu".to_owned(), 1.0)];
        apply(
            &connection,
            &mut applier,
            Fact::Metrics(MetricsRow {
                instance_id: 1,
                subject: String::new(),
                ts_ms,
                metrics,
            }),
        );
    }
    connection
        .execute_batch(
            "INSERT INTO trace_projects (project_id, writer_id, updated_ms) VALUES ('p', 1, 0)",
        )
        .unwrap();
    for n in 0..150 {
        let started_ms = T0 + n;
        connection
            .execute("INSERT INTO invocations (invocation_id, instance_id, incarnation_id, attempt, started_ms, ended_ms, outcome)
                VALUES (?1, 1, 1, 1, ?2, ?2, 'lost')", params![n + 1, started_ms]).unwrap();
        connection
            .execute(
                "INSERT INTO events (ts_ms, level, kind, message) VALUES (?1, 0, 'k', 'm')",
                [started_ms],
            )
            .unwrap();
        connection
            .execute("INSERT INTO alerts (instance_id, key, severity, state, message, since_ms, updated_ms, resolved_ms)
                VALUES (1, 'k', 'warning', 'resolved', '', ?1, ?1, ?1)", [started_ms]).unwrap();
        connection
            .execute("INSERT INTO trace_runs (run_id, project_no, start_us, writer_id, received_ms, updated_ms)
                VALUES (?1, 1, iif(?1 % 2, ?2 * 1000, NULL), 1, ?2, ?2)", params![n, started_ms]).unwrap();
    }
    let keep = Retention::default();
    run_all(&connection, &mut applier, &keep, T0 + 100 * HOUR_MS);
    assert_eq!(
        (
            count(&connection, "heartbeats"),
            count(&connection, "metric_points")
        ),
        (24, 48)
    );
    assert_eq!(
        (
            count(&connection, "heartbeat_minutes"),
            count(&connection, "metric_minutes")
        ),
        (100, 100)
    );
    assert_eq!(
        (
            count(&connection, "events"),
            count(&connection, "invocations")
        ),
        (150, 150)
    );
    run_all(&connection, &mut applier, &keep, T0 + 200 * DAY_MS);
    assert_eq!(
        (
            count(&connection, "metric_points"),
            count(&connection, "metric_minutes"),
            count(&connection, "metric_hours")
        ),
        (0, 0, 100)
    );
    assert_eq!(
        (
            count(&connection, "heartbeat_minutes"),
            count(&connection, "heartbeat_hours")
        ),
        (0, 100)
    );
    assert_eq!(
        (
            count(&connection, "events"),
            count(&connection, "invocations"),
            count(&connection, "alerts")
        ),
        (0, 100, 0)
    );
    assert_eq!(count(&connection, "trace_runs"), 150);
    run_all(&connection, &mut applier, &keep, T0 + 500 * DAY_MS);
    assert_eq!(
        (
            count(&connection, "trace_runs"),
            count(&connection, "series"),
            count(&connection, "metric_hours")
        ),
        (0, 0, 0)
    );
}

#[test]
fn a_wall_clock_that_runs_ahead_deletes_nothing() {
    let connection = database();
    let mut applier = Applier::load(&connection, 1, T0).unwrap();
    connection
        .execute(
            "INSERT INTO events (ts_ms, level, kind, message) VALUES (?1, 0, 'k', 'm')",
            [T0],
        )
        .unwrap();
    let mut maintenance = Maintenance::new(Retention::default(), Instant::now());
    let started = Instant::now();
    for (after, now_ms) in [(0, T0), (200, T0 + 365 * DAY_MS), (400, T0 + 365 * DAY_MS)] {
        let now = started + Duration::from_secs(after);
        while maintenance
            .step(&connection, &mut applier, now_ms, now)
            .unwrap()
        {}
    }
    assert_eq!(count(&connection, "events"), 1);
}

#[test]
fn the_file_stays_below_its_bound_by_removing_the_oldest_heartbeats() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(folder.path().join("s.db")).unwrap();
    crate::connection::configure_new_file(&connection).unwrap();
    crate::connection::configure_writer(&connection, false).unwrap();
    crate::schema::migrate(&mut connection).unwrap();
    connection
        .execute_batch(
            "INSERT INTO agents VALUES (1, 'a', 'json', '[]', '{}', 0, NULL);
        INSERT INTO instances (instance_id, agent_id, ordinal, name, goal, state, reason, since_ms)
        VALUES (1, 1, 0, 'a', 'up', 'STOPPED', '', 0)",
        )
        .unwrap();
    let mut applier = Applier::load(&connection, 1, T0).unwrap();
    connection.execute_batch("BEGIN").unwrap();
    for n in 0..100_000 {
        let message = format!(
            "a message that differs each time and is long enough to need much space on disk {n}"
        );
        let rows = vec![HeartbeatRow {
            ts_ms: T0 + n,
            message,
            ..HeartbeatRow::default()
        }];
        applier
            .apply(
                &connection,
                &Fact::Heartbeats(HeartbeatBatch {
                    instance_id: 1,
                    invocation_id: 1,
                    rows,
                }),
            )
            .unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    let used = |connection: &Connection| {
        let pragma = |name| {
            connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
                .unwrap()
        };
        (
            pragma("page_count") * 4_096,
            (pragma("page_count") - pragma("freelist_count")) * 4_096,
        )
    };
    assert!(used(&connection).1 > 10 << 20);
    let keep = Retention {
        database_bytes_max: 4 << 20,
        ..Retention::default()
    };
    run_all(&connection, &mut applier, &keep, T0 + HOUR_MS);
    assert!(
        used(&connection).1 <= 4 << 20,
        "{:?} bytes of file and of rows",
        used(&connection)
    );
    // Free space is kept for new rows up to 16 MiB; the rest goes back to the file system.
    assert!(
        used(&connection).0 <= (4 << 20) + (17 << 20),
        "{:?} bytes of file and of rows",
        used(&connection)
    );
    assert!(count(&connection, "heartbeats") > 0);
    let counted: i64 = connection
        .query_row("SELECT sum(heartbeats) FROM heartbeat_minutes", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(counted, 100_000, "what was removed is in the roll-ups");
}

#[test]
fn nothing_is_removed_before_it_is_rolled_up() {
    let connection = database();
    let mut applier = Applier::load(&connection, 1, T0).unwrap();
    let rows = vec![HeartbeatRow {
        ts_ms: T0,
        ..HeartbeatRow::default()
    }];
    apply(
        &connection,
        &mut applier,
        Fact::Heartbeats(HeartbeatBatch {
            instance_id: 1,
            invocation_id: 1,
            rows,
        }),
    );
    let metrics = vec![("cpu".to_owned(), 1.0)];
    apply(
        &connection,
        &mut applier,
        Fact::Metrics(MetricsRow {
            instance_id: 1,
            subject: String::new(),
            ts_ms: T0,
            metrics,
        }),
    );
    for task in 0..retention::TASKS {
        let keep = Retention {
            database_bytes_max: 0,
            ..Retention::default()
        };
        retention::prune(
            &connection,
            &mut applier,
            &keep,
            task,
            &mut 0,
            T0 + 1_000 * DAY_MS,
        )
        .unwrap();
    }
    assert_eq!(
        (
            count(&connection, "heartbeats"),
            count(&connection, "metric_points")
        ),
        (1, 1)
    );
}
