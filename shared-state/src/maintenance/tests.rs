//! Roll-ups are what a naive computation over the stored rows gives, whatever the order of arrival and whenever the
//! writer was interrupted; retention keeps its bounds and never removes what is not rolled up.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rusqlite::params;

use super::*;
use crate::{Fact, HeartbeatBatch, HeartbeatRow, MetricsRow};

const T0: TimeMs = 1_790_000_000_000 / 3_600_000 * 3_600_000;
const MINUTE: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    crate::schema::migrate(&mut connection).unwrap();
    connection
        .execute_batch(
            "INSERT INTO incarnations VALUES (1, 'h', 1, 1, 'v', 0, 0, NULL, NULL);
        INSERT INTO agents VALUES (1, 'a', 'json', '[]', '{}', 0, NULL)",
        )
        .unwrap();
    for n in 1..=3 {
        connection.execute(
            "INSERT INTO instances (instance_id, agent_id, ordinal, name, goal, state, reason, since_ms)
             VALUES (?1, 1, ?1, 'a:' || ?1, 'up', 'STOPPED', '', 0)", [n]).unwrap();
    }
    connection
}

fn run_all(connection: &Connection, applier: &mut Applier, retention: &Retention, now_ms: TimeMs) {
    let mut maintenance = Maintenance::new(retention.clone(), Instant::now());
    for _ in 0..100_000 {
        if !maintenance
            .step(connection, applier, now_ms, Instant::now())
            .unwrap()
        {
            return;
        }
    }
    panic!("maintenance does not come to an end: {maintenance:?}");
}

fn keep_all() -> Retention {
    Retention {
        heartbeats: 400 * DAY,
        points: 400 * DAY,
        minutes: 401 * DAY,
        hours: 900 * DAY,
        ..Retention::default()
    }
}

#[derive(Clone, Debug)]
enum Act {
    Beats {
        instance_id: i64,
        offset_ms: i64,
        statuses: Vec<u8>,
    },
    Figures {
        instance_id: i64,
        offset_ms: i64,
        values: Vec<f64>,
    },
    Maintain,
    /// As after a kill: what the writer remembered is gone.
    Restart,
    ClockMoves {
        by_ms: i64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..=3_i64, 0..5_000_i64, prop::collection::vec(0..=2_u8, 1..8))
            .prop_map(|(instance_id, offset_ms, statuses)| Act::Beats { instance_id, offset_ms, statuses }),
        4 => (1..=3_i64, 0..5_000_i64, prop::collection::vec(-1e6..1e6_f64, 1..4))
            .prop_map(|(instance_id, offset_ms, values)| Act::Figures { instance_id, offset_ms, values }),
        2 => Just(Act::Maintain),
        1 => Just(Act::Restart),
        4 => (1_000..180_000_i64).prop_map(|by_ms| Act::ClockMoves { by_ms }),
        1 => (1_000..3 * HOUR_MS).prop_map(|by_ms| Act::ClockMoves { by_ms }),
        1 => (-3 * HOUR_MS..-1_000).prop_map(|by_ms| Act::ClockMoves { by_ms }),
    ]
}

fn perform(connection: &Connection, acts: &[Act]) -> (Applier, i64, TimeMs) {
    let mut applier = Applier::load(connection, 1, T0).unwrap();
    let (mut now_ms, mut latest_ms, mut beats) = (T0, T0, 0);
    for act in acts {
        match act {
            Act::Beats {
                instance_id,
                offset_ms,
                statuses,
            } => {
                let row = |(seq, status): (u64, &u8)| HeartbeatRow {
                    ts_ms: now_ms + offset_ms,
                    seq,
                    status: *status,
                    ..HeartbeatRow::default()
                };
                let rows: Vec<_> = (0..).zip(statuses).map(row).collect();
                beats += i64::try_from(rows.len()).unwrap();
                let batch = HeartbeatBatch {
                    instance_id: *instance_id,
                    invocation_id: 1,
                    rows,
                };
                apply(connection, &mut applier, Fact::Heartbeats(batch));
            }
            Act::Figures {
                instance_id,
                offset_ms,
                values,
            } => {
                let metrics = (0..)
                    .zip(values)
                    .map(|(n, value): (u32, _)| (format!("m{n}"), *value))
                    .collect();
                let row = MetricsRow {
                    instance_id: *instance_id,
                    subject: "s".into(),
                    ts_ms: now_ms + offset_ms,
                    metrics,
                };
                apply(connection, &mut applier, Fact::Metrics(row));
            }
            Act::Maintain => run_all(connection, &mut applier, &keep_all(), now_ms),
            Act::Restart => applier = Applier::load(connection, 1, now_ms).unwrap(),
            Act::ClockMoves { by_ms } => now_ms += by_ms,
        }
        latest_ms = latest_ms.max(now_ms);
    }
    (applier, beats, latest_ms)
}

fn apply(connection: &Connection, applier: &mut Applier, fact: Fact) {
    applier.apply(connection, &fact).unwrap();
    applier.finish_batch(connection).unwrap();
}

type Counts = BTreeMap<(i64, i64), (i64, i64, i64)>;
type Figures = BTreeMap<(i64, i64), (i64, f64, f64, f64, f64)>;

fn counted(connection: &Connection, table: &str) -> Counts {
    let sql = format!("SELECT instance_id, period_ms, heartbeats, degraded, errors FROM {table}");
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement
        .query_map([], |row| {
            Ok((
                (row.get(0)?, row.get(1)?),
                (row.get(2)?, row.get(3)?, row.get(4)?),
            ))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

fn naive_counts(connection: &Connection, period_ms: i64) -> Counts {
    let mut counts = Counts::new();
    let mut statement = connection
        .prepare("SELECT instance_id, heartbeat_id >> 20, status FROM heartbeats")
        .unwrap();
    let rows = statement
        .query_map([], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
            ))
        })
        .unwrap();
    for (instance_id, ts_ms, status) in rows.map(Result::unwrap) {
        let count = counts
            .entry((instance_id, ts_ms / period_ms * period_ms))
            .or_default();
        *count = (
            count.0 + 1,
            count.1 + i64::from(status == 1),
            count.2 + i64::from(status == 2),
        );
    }
    counts
}

fn folded(connection: &Connection, table: &str) -> Figures {
    let sql = format!("SELECT series_id, period_ms, points, min, max, first, last FROM {table}");
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement
        .query_map([], |row| {
            Ok((
                (row.get(0)?, row.get(1)?),
                (
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                    row.get(6)?,
                ),
            ))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

fn naive_figures(connection: &Connection, period_ms: i64, to_ms: TimeMs) -> Figures {
    let mut figures = Figures::new();
    let mut statement = connection
        .prepare(
            "SELECT series_id, ts_ms, value FROM metric_points WHERE ts_ms < ?1 ORDER BY ts_ms",
        )
        .unwrap();
    let rows = statement
        .query_map([to_ms], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, f64>(2)?,
            ))
        })
        .unwrap();
    for (series_id, ts_ms, value) in rows.map(Result::unwrap) {
        figures
            .entry((series_id, ts_ms / period_ms * period_ms))
            .and_modify(|f| *f = (f.0 + 1, f.1.min(value), f.2.max(value), f.3, value))
            .or_insert((1, value, value, value, value));
    }
    figures
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn roll_ups_equal_a_naive_computation(acts in prop::collection::vec(act(), 1..60)) {
        let connection = database();
        let (mut applier, beats, latest_ms) = perform(&connection, &acts);
        run_all(&connection, &mut applier, &keep_all(), latest_ms + 2 * HOUR_MS);
        let stored: i64 = connection.query_row("SELECT count(*) FROM heartbeats", [], |row| row.get(0)).unwrap();
        prop_assert_eq!(stored, beats, "each heartbeat is stored once");
        prop_assert_eq!(counted(&connection, "heartbeat_minutes"), naive_counts(&connection, MINUTE));
        prop_assert_eq!(counted(&connection, "heartbeat_hours"), naive_counts(&connection, HOUR_MS));
        let (minutes_to, hours_to) = (applier.metrics.minutes_rolled_to, applier.metrics.hours_rolled_to);
        prop_assert!(minutes_to > latest_ms && hours_to > latest_ms, "all periods are closed");
        prop_assert_eq!(folded(&connection, "metric_minutes"), naive_figures(&connection, MINUTE, minutes_to));
        prop_assert_eq!(folded(&connection, "metric_hours"), naive_figures(&connection, HOUR_MS, hours_to));
    }
}

#[test]
fn rolling_up_twice_changes_nothing() {
    let connection = database();
    let acts = [
        Act::Beats {
            instance_id: 1,
            offset_ms: 0,
            statuses: vec![0, 1, 2],
        },
        Act::Figures {
            instance_id: 1,
            offset_ms: 0,
            values: vec![4.0],
        },
    ];
    let (mut applier, ..) = perform(&connection, &acts);
    run_all(&connection, &mut applier, &keep_all(), T0 + 3 * HOUR_MS);
    let once = (
        counted(&connection, "heartbeat_minutes"),
        folded(&connection, "metric_hours"),
    );
    let mut applier = Applier::load(&connection, 1, T0).unwrap();
    run_all(&connection, &mut applier, &keep_all(), T0 + 4 * HOUR_MS);
    assert_eq!(
        (
            counted(&connection, "heartbeat_minutes"),
            folded(&connection, "metric_hours")
        ),
        once
    );
    assert_eq!(once.1.len(), 1);
}

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
            .execute("INSERT INTO trace_runs (run_id, project_id, start_ms, writer_id, received_ms, updated_ms)
                VALUES (?1, 'p', iif(?1 % 2, ?2, NULL), 1, ?2, ?2)", params![n, started_ms]).unwrap();
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
    assert_eq!(count(&connection, "heartbeats") > 0, true);
    let counted: i64 = connection
        .query_row("SELECT sum(heartbeats) FROM heartbeat_minutes", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(counted, 100_000, "what was removed is in the roll-ups");
}
