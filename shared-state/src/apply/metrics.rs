//! Stores figures: finds or makes the series, keeps the newest point of each second. It makes no roll-up, but tells it
//! where to begin again when a point arrives behind it.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::{ApplyError, count, meta, set_meta};
use crate::TimeMs;

/// Minutes before this are rolled up.
pub(crate) const MINUTES_ROLLED_TO: &str = "metric_minutes_rolled_to_ms";
/// Hours before this are rolled up.
pub(crate) const HOURS_ROLLED_TO: &str = "metric_hours_rolled_to_ms";
/// Points before this may have been removed.
pub(crate) const POINTS_PRUNED_TO: &str = "metric_points_pruned_to_ms";

/// Series of one reporter: a monitor that reports ten figures for each of 4 000 processes fits. An agent that puts
/// ids into names does not fill the disk.
const SERIES_PER_INSTANCE_MAX: i64 = 40_000;

const FIND: &str =
    "SELECT series_id, last_ms FROM series WHERE instance_id = ?1 AND subject = ?2 AND name = ?3";
const MAKE: &str = "
    INSERT INTO series (instance_id, subject, name, last_ms) VALUES (?1, ?2, ?3, ?4) RETURNING series_id";
const COUNT_SERIES: &str = "SELECT count(*) FROM series WHERE instance_id = ?1";
const TOUCH: &str = "UPDATE series SET last_ms = max(last_ms, ?2) WHERE series_id = ?1";
const POINT: &str = "
    INSERT INTO metric_points (series_id, ts_ms, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (series_id, ts_ms) DO UPDATE SET value = excluded.value";

/// The start of the second, minute or hour of a time.
pub(crate) fn second_of(ts_ms: TimeMs) -> TimeMs {
    floor(ts_ms, 1_000)
}

fn floor(ts_ms: TimeMs, period_ms: i64) -> TimeMs {
    ts_ms.div_euclid(period_ms) * period_ms
}

#[derive(Debug)]
struct Series {
    name: String,
    series_id: i64,
    second_ms: TimeMs,
    /// A newer value of that second, written once at the end of the batch.
    newer: Option<f64>,
    touched_minute_ms: TimeMs,
}

/// The series of one subject, in the order in which the reporter names them: usually the same each time.
#[derive(Debug, Default)]
struct Subject {
    series: Vec<Series>,
    at: HashMap<String, usize>,
    /// Whether a series has a newer value.
    has_newer: bool,
}

#[derive(Debug, Default)]
struct Reporter {
    subjects: HashMap<String, Subject>,
    series: Option<i64>,
    /// Whether a subject has a newer value.
    has_newer: bool,
}

/// What is remembered of series between batches.
#[derive(Debug)]
pub(crate) struct Metrics {
    reporters: HashMap<i64, Reporter>,
    pub(crate) minutes_rolled_to: TimeMs,
    pub(crate) hours_rolled_to: TimeMs,
    pub(crate) points_pruned_to: TimeMs,
}

impl Metrics {
    pub(crate) fn load(connection: &Connection, now_ms: TimeMs) -> rusqlite::Result<Self> {
        if meta(connection, MINUTES_ROLLED_TO)?.is_none() {
            set_meta(connection, MINUTES_ROLLED_TO, floor(now_ms, 60_000))?;
            set_meta(connection, HOURS_ROLLED_TO, floor(now_ms, 3_600_000))?;
        }
        Ok(Self {
            reporters: HashMap::new(),
            minutes_rolled_to: meta(connection, MINUTES_ROLLED_TO)?.unwrap_or(now_ms),
            hours_rolled_to: meta(connection, HOURS_ROLLED_TO)?.unwrap_or(now_ms),
            points_pruned_to: meta(connection, POINTS_PRUNED_TO)?.unwrap_or(i64::MIN),
        })
    }

    pub(crate) fn store(
        &mut self,
        connection: &Connection,
        instance_id: i64,
        subject: &str,
        ts_ms: TimeMs,
        metrics: &[(String, f64)],
    ) -> Result<(), ApplyError> {
        if metrics.is_empty() {
            return Ok(());
        }
        let reporter = self.reporters.entry(instance_id).or_default();
        if !reporter.subjects.contains_key(subject) {
            reporter
                .subjects
                .insert(subject.to_owned(), Subject::default());
        }
        let Reporter {
            subjects,
            series: known,
            has_newer,
        } = reporter;
        let Some(of_subject) = subjects.get_mut(subject) else {
            return Ok(());
        };
        let second_ms = second_of(ts_ms);
        let mut stored = false;
        for (position, (name, value)) in metrics.iter().enumerate() {
            let at = match of_subject.series.get(position) {
                Some(series) if series.name == *name => position,
                _ => match of_subject.at.get(name.as_str()) {
                    Some(at) => *at,
                    None => {
                        let Some(series) =
                            find_or_make(connection, known, (instance_id, subject, name), ts_ms)?
                        else {
                            continue;
                        };
                        of_subject.series.push(series);
                        of_subject
                            .at
                            .insert(name.clone(), of_subject.series.len() - 1);
                        of_subject.series.len() - 1
                    }
                },
            };
            let series = &mut of_subject.series[at];
            if !value.is_finite() {
                continue;
            }
            if series.second_ms == second_ms {
                series.newer = Some(*value);
                of_subject.has_newer = true;
                *has_newer = true;
                continue;
            }
            store_newer(connection, series)?;
            store_point(connection, series, second_ms, *value)?;
            stored = true;
        }
        // Refused names are not remembered: they would be without end.
        if of_subject.series.is_empty() {
            subjects.remove(subject);
        }
        if stored && second_ms < self.minutes_rolled_to {
            self.begin_again(connection, second_ms)?;
        }
        Ok(())
    }

    /// Writes the newest value of the present second where it is not the first one.
    pub(crate) fn finish_batch(&mut self, connection: &Connection) -> Result<(), ApplyError> {
        for reporter in self.reporters.values_mut() {
            if !std::mem::take(&mut reporter.has_newer) {
                continue;
            }
            for subject in reporter.subjects.values_mut() {
                if std::mem::take(&mut subject.has_newer) {
                    let mut series = subject.series.iter_mut();
                    series.try_for_each(|series| store_newer(connection, series))?;
                }
            }
        }
        Ok(())
    }

    /// A point arrived behind the roll-up: its minute and hour are made again, while their points are still there.
    fn begin_again(
        &mut self,
        connection: &Connection,
        second_ms: TimeMs,
    ) -> Result<(), ApplyError> {
        let oldest_whole = floor(self.points_pruned_to.saturating_add(60_000 - 1), 60_000);
        let minute = floor(second_ms, 60_000);
        if minute < oldest_whole {
            return Ok(());
        }
        self.minutes_rolled_to = minute;
        set_meta(connection, MINUTES_ROLLED_TO, minute)?;
        if floor(minute, 3_600_000) < self.hours_rolled_to {
            self.hours_rolled_to = floor(minute, 3_600_000);
            set_meta(connection, HOURS_ROLLED_TO, self.hours_rolled_to)?;
        }
        Ok(())
    }

    pub(crate) fn forget_uncommitted(&mut self, connection: &Connection) {
        // Series ids and seconds may be of rows that are gone.
        self.reporters.clear();
        // Where this cannot be read, an earlier mark only means that more is made again.
        if let Ok(Some(rolled_to)) = meta(connection, MINUTES_ROLLED_TO) {
            self.minutes_rolled_to = rolled_to;
        }
        if let Ok(Some(rolled_to)) = meta(connection, HOURS_ROLLED_TO) {
            self.hours_rolled_to = rolled_to;
        }
    }
}

fn find_or_make(
    connection: &Connection,
    known: &mut Option<i64>,
    (instance_id, subject, name): (i64, &str, &str),
    ts_ms: TimeMs,
) -> Result<Option<Series>, ApplyError> {
    let found = {
        let mut find = connection.prepare_cached(FIND)?;
        let mut rows = find.query(params![instance_id, subject, name])?;
        rows.next()?
            .map(|row| Ok::<_, rusqlite::Error>((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .transpose()?
    };
    let series = |series_id, touched_ms| Series {
        name: name.to_owned(),
        series_id,
        second_ms: i64::MIN,
        newer: None,
        touched_minute_ms: touched_ms,
    };
    if let Some((series_id, last_ms)) = found {
        return Ok(Some(series(series_id, floor(last_ms, 60_000))));
    }
    let count_now = match *known {
        Some(count) => count,
        None => connection
            .prepare_cached(COUNT_SERIES)?
            .query_row([instance_id], |row| row.get(0))?,
    };
    if count_now >= SERIES_PER_INSTANCE_MAX {
        *known = Some(count_now);
        count(connection, instance_id, "series_refused", 1, ts_ms)?;
        return Ok(None);
    }
    let series_id = connection
        .prepare_cached(MAKE)?
        .query_row(params![instance_id, subject, name, ts_ms], |row| row.get(0))?;
    *known = Some(count_now + 1);
    Ok(Some(series(series_id, floor(ts_ms, 60_000))))
}

fn store_newer(connection: &Connection, series: &mut Series) -> rusqlite::Result<()> {
    if let Some(value) = series.newer.take() {
        connection.prepare_cached(POINT)?.execute(params![
            series.series_id,
            series.second_ms,
            value
        ])?;
    }
    Ok(())
}

fn store_point(
    connection: &Connection,
    series: &mut Series,
    second_ms: TimeMs,
    value: f64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(POINT)?
        .execute(params![series.series_id, second_ms, value])?;
    series.second_ms = second_ms;
    let minute = floor(second_ms, 60_000);
    if minute > series.touched_minute_ms {
        connection
            .prepare_cached(TOUCH)?
            .execute(params![series.series_id, second_ms])?;
        series.touched_minute_ms = minute;
    }
    Ok(())
}
