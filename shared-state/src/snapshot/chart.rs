//! Figures over time: which series there are, and their points folded into the columns of a chart.
//! It draws nothing and fills no gap.

use rusqlite::params;

use super::{ROWS_MAX, Result, Snapshot, bounded, unsigned};
use crate::apply::{HOURS_ROLLED_TO, MINUTES_ROLLED_TO, POINTS_PRUNED_TO, meta};
use crate::{Bucket, SeriesRow, TimeMs};

/// Up to this long a chart is made of points: at one a second 7 200 rows, read in about 2 ms.
const POINTS_SPAN_MS: i64 = 2 * 3_600_000;
/// Up to this long it is made of minutes (10 080 rows at most), beyond of hours.
const MINUTES_SPAN_MS: i64 = 7 * 86_400_000;
/// More columns than any screen has.
const BUCKETS_MAX: usize = 4_000;

const SERIES_OF_INSTANCE: &str = "
    SELECT series_id, instance_id, subject, name, last_ms FROM series WHERE instance_id = ?1
    ORDER BY subject, name LIMIT ?2";
const SERIES_OF_REPORTER: &str = "
    SELECT series_id, instance_id, subject, name, last_ms FROM series WHERE instance_id = ?1 AND subject = ''
    ORDER BY name LIMIT ?2";
const SERIES_OF_SUBJECT: &str = "
    SELECT series_id, instance_id, subject, name, last_ms FROM series WHERE subject = ?1 ORDER BY name LIMIT ?2";
const SERIES_NAMED: &str = "
    SELECT series_id, instance_id, subject, name, last_ms FROM series WHERE name = ?1
    ORDER BY subject, instance_id LIMIT ?2";
const POINTS: &str = "
    SELECT ts_ms, 1, value, value, value, value FROM metric_points
    WHERE series_id = ?1 AND ts_ms >= ?2 AND ts_ms < ?3 ORDER BY ts_ms";
const MINUTES: &str = "
    SELECT period_ms, points, min, max, first, last FROM metric_minutes
    WHERE series_id = ?1 AND period_ms >= ?2 AND period_ms < ?3 ORDER BY period_ms";
const HOURS: &str = "
    SELECT period_ms, points, min, max, first, last FROM metric_hours
    WHERE series_id = ?1 AND period_ms >= ?2 AND period_ms < ?3 ORDER BY period_ms";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    ("SERIES_OF_INSTANCE", SERIES_OF_INSTANCE),
    ("SERIES_OF_REPORTER", SERIES_OF_REPORTER),
    ("SERIES_OF_SUBJECT", SERIES_OF_SUBJECT),
    ("SERIES_NAMED", SERIES_NAMED),
    ("POINTS", POINTS),
    ("MINUTES", MINUTES),
    ("HOURS", HOURS),
];

/// Which series are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesOf<'a> {
    /// All that the instance reports, about itself and others.
    Instance(i64),
    /// What the instance reports about itself.
    Itself(i64),
    /// What anybody reports about a subject, such as `agent:NAME` or `host`.
    Subject(&'a str),
    /// One figure over all subjects.
    Name(&'a str),
}

impl Snapshot<'_> {
    /// The series of an instance, of a subject, or of one name.
    pub fn series(&self, of: SeriesOf<'_>) -> Result<Vec<SeriesRow>> {
        let limit = bounded(ROWS_MAX);
        match of {
            SeriesOf::Instance(instance_id) => {
                self.all(SERIES_OF_INSTANCE, params![instance_id, limit], series)
            }
            SeriesOf::Itself(instance_id) => {
                self.all(SERIES_OF_REPORTER, params![instance_id, limit], series)
            }
            SeriesOf::Subject(subject) => {
                self.all(SERIES_OF_SUBJECT, params![subject, limit], series)
            }
            SeriesOf::Name(name) => self.all(SERIES_NAMED, params![name, limit], series),
        }
    }

    /// The series between two times in at most `buckets_max` columns, in order of time. A column without points
    /// is absent. Short ranges are made of points, longer ones of minutes and hours.
    pub fn chart(
        &self,
        series_id: i64,
        from_ms: TimeMs,
        to_ms: TimeMs,
        buckets_max: usize,
    ) -> Result<Vec<Bucket>> {
        let span = to_ms.saturating_sub(from_ms);
        if span <= 0 {
            return Ok(Vec::new());
        }
        let columns = i64::try_from(buckets_max.clamp(1, BUCKETS_MAX)).unwrap_or(1);
        // Rounded up, so that there are never more columns than asked for.
        let width = (span + columns - 1) / columns;
        let mut fold = Fold {
            from_ms,
            width,
            buckets: Vec::new(),
        };
        let minutes_to = meta(self.connection, MINUTES_ROLLED_TO)?.unwrap_or(i64::MIN);
        let hours_to = meta(self.connection, HOURS_ROLLED_TO)?.unwrap_or(i64::MIN);
        let points_from = meta(self.connection, POINTS_PRUNED_TO)?.unwrap_or(i64::MIN);
        let (hours, minutes) = match span {
            ..=POINTS_SPAN_MS if from_ms >= points_from => (from_ms, from_ms),
            ..=MINUTES_SPAN_MS => (from_ms, minutes_to.clamp(from_ms, to_ms)),
            _ => (
                hours_to.clamp(from_ms, to_ms),
                minutes_to.clamp(from_ms, to_ms),
            ),
        };
        // A period that began before the range still has points in it.
        let start = |period_ms: i64| from_ms.div_euclid(period_ms) * period_ms;
        if hours > from_ms {
            self.read(HOURS, series_id, (start(3_600_000), hours), &mut fold)?;
        }
        if minutes > hours {
            let begin = if hours > from_ms {
                hours
            } else {
                start(60_000)
            };
            self.read(MINUTES, series_id, (begin, minutes), &mut fold)?;
        }
        self.read(POINTS, series_id, (minutes.max(hours), to_ms), &mut fold)?;
        Ok(fold.buckets)
    }

    fn read(
        &self,
        sql: &str,
        series_id: i64,
        (from_ms, to_ms): (TimeMs, TimeMs),
        fold: &mut Fold,
    ) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![series_id, from_ms, to_ms])?;
        while let Some(row) = rows.next()? {
            fold.add(Bucket {
                ts_ms: row.get(0)?,
                points: unsigned(row.get(1)?),
                min: row.get(2)?,
                max: row.get(3)?,
                first: row.get(4)?,
                last: row.get(5)?,
            });
        }
        Ok(())
    }
}

struct Fold {
    from_ms: TimeMs,
    width: i64,
    buckets: Vec<Bucket>,
}

impl Fold {
    fn add(&mut self, row: Bucket) {
        let column = (row.ts_ms - self.from_ms).max(0) / self.width;
        let ts_ms = self.from_ms + column * self.width;
        match self.buckets.last_mut() {
            Some(last) if last.ts_ms == ts_ms => {
                last.min = last.min.min(row.min);
                last.max = last.max.max(row.max);
                last.last = row.last;
                last.points += row.points;
            }
            _ => self.buckets.push(Bucket { ts_ms, ..row }),
        }
    }
}

fn series(row: &rusqlite::Row<'_>) -> rusqlite::Result<SeriesRow> {
    Ok(SeriesRow {
        series_id: row.get(0)?,
        instance_id: row.get(1)?,
        subject: row.get(2)?,
        name: row.get(3)?,
        last_ms: row.get(4)?,
    })
}
