//! What a reader asks over time: heartbeat bars and charts.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use common::*;
use shared_state::*;

#[tokio::test]
async fn a_heartbeat_bar_counts_rolled_up_and_raw_rows_once() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "a").await;
    let from_ms = T0 / 60_000 * 60_000 - 120_000;
    let reader = Reader::open(&place.path).unwrap();
    let bar = || {
        let bars = reader
            .snapshot(std::time::Duration::from_secs(1), |snapshot| {
                snapshot.heartbeat_bar(from_ms, 3, 60_000)
            })
            .unwrap();
        bars.get(&id).cloned().unwrap_or_default()
    };
    assert!(bar().is_empty());
    for (n, status) in [0_u8, 1, 2, 0].into_iter().enumerate() {
        let row = HeartbeatRow {
            status,
            ..beat(from_ms + 50_000 * i64::try_from(n).unwrap(), 1)
        };
        writer.record(heartbeats(id, 1, vec![row]));
        writer.commit(Fact::Alive { ts_ms: T0 }).await.unwrap();
        let counted: u64 = bar().iter().map(|slot| slot.heartbeats).sum();
        assert_eq!(counted, n as u64 + 1);
    }
    let seen: Vec<_> = bar()
        .iter()
        .map(|slot| (slot.heartbeats, slot.degraded, slot.errors))
        .collect();
    assert_eq!(seen, [(2, 1, 0), (1, 0, 1), (1, 0, 0)]);
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}

/// What a reader kept of a bar while time and the roll-up moved on is what a new reader finds.
#[tokio::test]
async fn a_bar_that_moves_on_is_the_same_as_one_read_anew() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "a").await;
    thread.join(std::time::Duration::from_secs(5)).unwrap();
    let raw = place.raw();
    let begin_ms = T0 / 3_600_000 * 3_600_000;
    let kept = Reader::open(&place.path).unwrap();
    for step in 0..60_i64 {
        // Seven minutes and a bit each time, rolled up to within a minute.
        let now_ms = begin_ms + step * 430_000;
        for (table, period_ms) in [
            ("heartbeat_minutes", 60_000),
            ("heartbeat_hours", 3_600_000),
        ] {
            let sql = format!(
                "INSERT INTO {table} VALUES (?1, ?2, ?3, 1, 0)
                 ON CONFLICT (instance_id, period_ms) DO UPDATE SET heartbeats = heartbeats + ?3, degraded = degraded + 1"
            );
            for back_ms in [0, 60_000, 200_000] {
                let period = (now_ms - back_ms) / period_ms * period_ms;
                raw.execute(&sql, [id, period, step + 1]).unwrap();
            }
        }
        let mark = now_ms << 20;
        raw.execute(
            "INSERT OR REPLACE INTO meta VALUES ('heartbeats_rolled_to_id', ?1)",
            [mark.to_string()],
        )
        .unwrap();
        for (slots, slot_ms) in [(60, 60_000), (72, 1_200_000), (12, 7_200_000)] {
            let from_ms =
                now_ms / slot_ms * slot_ms - (i64::try_from(slots).unwrap() - 1) * slot_ms;
            let bars = |reader: &Reader| {
                let limit = std::time::Duration::from_secs(5);
                reader
                    .snapshot(limit, |snapshot| {
                        snapshot.heartbeat_bar(from_ms, slots, slot_ms)
                    })
                    .unwrap()
            };
            let fresh = Reader::open(&place.path).unwrap();
            assert_eq!(
                bars(&kept),
                bars(&fresh),
                "step {step}, {slots} slots of {slot_ms} ms"
            );
            assert_eq!(bars(&kept), bars(&fresh), "asked again, step {step}");
        }
    }
}

#[tokio::test]
async fn a_chart_has_at_most_the_columns_asked_for_and_keeps_gaps() {
    let place = place();
    let Opened { writer, thread, .. } = place.open();
    let id = register(&writer, "a").await;
    for second in (0..100).chain(200..300) {
        let metrics = vec![("load".to_owned(), f64::from(second))];
        let ts_ms = T0 + i64::from(second) * 1_000;
        writer.record(Fact::Metrics(MetricsRow {
            instance_id: id,
            subject: "host".into(),
            ts_ms,
            metrics,
        }));
    }
    writer.commit(Fact::Alive { ts_ms: T0 }).await.unwrap();
    let (series, chart) = place.read(|snapshot| {
        let series = snapshot.series(SeriesOf::Subject("host"))?.remove(0);
        let chart = snapshot.chart(series.series_id, T0, T0 + 300_000, 30)?;
        Ok((series, chart))
    });
    assert_eq!((series.name.as_str(), chart.len()), ("load", 20));
    assert_eq!(
        (chart[0].min, chart[0].max, chart[0].points),
        (0.0, 9.0, 10)
    );
    assert_eq!(chart[10].ts_ms, T0 + 200_000, "the gap has no columns");
    thread.join(std::time::Duration::from_secs(5)).unwrap();
}
