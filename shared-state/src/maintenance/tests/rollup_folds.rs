//! Roll-ups are what a naive computation over the stored rows gives, whatever the order of arrival and whenever the
//! writer was interrupted.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{HeartbeatBatch, HeartbeatRow, MetricsRow};

const MINUTE: i64 = 60_000;

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
