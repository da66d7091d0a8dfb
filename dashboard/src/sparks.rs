//! The small CPU and memory lines of the fleet page, kept between snapshots and renewed a few at a time.
//! It draws paths, not pages.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use shared_state::{Bucket, InstanceRow, ReaderError, SeriesOf, SeriesRow, Snapshot, TimeMs};

/// A line covers the last hour in columns of two minutes.
const SPAN_MS: i64 = 3_600_000;
const COLUMNS: usize = 30;

/// A line is renewed once it is this old: half a column would not be seen.
const AGE_MAX_MS: i64 = 30_000;

/// How soon after a start of everything the first lines are looked for.
const FIRST_LOOK_MS: i64 = 2_000;

/// Lines renewed with one snapshot: at about 50 µs each the snapshot stays short, and a thousand agents take a minute.
const RENEWED_MAX: usize = 64;

/// Names under which agents tell their share of the processor and their memory, the most telling first.
const CPU: [&str; 1] = ["cpu_percent"];
const MEMORY: [&str; 4] = ["pss_bytes", "rss_bytes", "memory_bytes", "memory_rss_bytes"];

/// Which of the two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Share of a processor.
    Cpu,
    /// Memory.
    Memory,
}

/// A line and its newest value.
#[derive(Clone, Debug, PartialEq)]
pub struct Spark {
    /// The figure's name, for its unit.
    pub name: &'static str,
    /// The newest value of the hour.
    pub last: f64,
    /// SVG path data in a box of 60 by 16.
    pub path: String,
}

/// All lines, by instance.
pub type Sparks = HashMap<(i64, Kind), Arc<Spark>>;

/// What is kept between snapshots.
#[derive(Debug, Default)]
pub struct SparkCache {
    known: BTreeMap<(i64, Kind), Entry>,
    listed_ms: TimeMs,
    sparks: Arc<Sparks>,
}

#[derive(Debug)]
struct Entry {
    series_id: i64,
    name: &'static str,
    drawn_ms: TimeMs,
}

impl SparkCache {
    /// Renews what is old and returns all lines.
    pub fn renew(
        &mut self,
        snapshot: &Snapshot<'_>,
        instances: &[InstanceRow],
        now_ms: TimeMs,
    ) -> Result<Arc<Sparks>, ReaderError> {
        let list_age_max_ms = match self.sparks.is_empty() {
            true => FIRST_LOOK_MS,
            false => AGE_MAX_MS,
        };
        if now_ms.saturating_sub(self.listed_ms) > list_age_max_ms || now_ms < self.listed_ms {
            self.list(snapshot, instances)?;
            self.listed_ms = now_ms;
        }
        let mut due: Vec<(TimeMs, (i64, Kind))> = self
            .known
            .iter()
            .filter(|(_, entry)| now_ms.saturating_sub(entry.drawn_ms) > AGE_MAX_MS)
            .map(|(key, entry)| (entry.drawn_ms, *key))
            .collect();
        due.sort_unstable();
        due.truncate(RENEWED_MAX);
        if due.is_empty() {
            return Ok(Arc::clone(&self.sparks));
        }
        let mut sparks = Sparks::clone(&self.sparks);
        for (_, key) in due {
            let Some(entry) = self.known.get_mut(&key) else {
                continue;
            };
            let from_ms = now_ms - SPAN_MS;
            let buckets = snapshot.chart(entry.series_id, from_ms, now_ms, COLUMNS)?;
            entry.drawn_ms = now_ms;
            match draw(entry.name, &buckets, from_ms) {
                Some(spark) => sparks.insert(key, Arc::new(spark)),
                None => sparks.remove(&key),
            };
        }
        self.sparks = Arc::new(sparks);
        Ok(Arc::clone(&self.sparks))
    }

    /// Finds which series tell about which instance: what others measured first, else its own word.
    fn list(
        &mut self,
        snapshot: &Snapshot<'_>,
        instances: &[InstanceRow],
    ) -> Result<(), ReaderError> {
        let mut found: BTreeMap<(i64, Kind), Entry> = BTreeMap::new();
        for (kind, names) in [(Kind::Cpu, &CPU[..]), (Kind::Memory, &MEMORY[..])] {
            for name in names {
                let series = snapshot.series(SeriesOf::Name(name))?;
                let by_subject = newest_by_subject(&series);
                for row in instances {
                    let told = by_subject
                        .get(&(format!("agent:{}", row.name), None))
                        .or_else(|| by_subject.get(&(String::new(), Some(row.instance_id))));
                    let key = (row.instance_id, kind);
                    if let (Some(series), false) = (told, found.contains_key(&key)) {
                        let drawn_ms = self
                            .known
                            .get(&key)
                            .filter(|entry| entry.series_id == series.series_id)
                            .map_or(0, |entry| entry.drawn_ms);
                        let entry = Entry {
                            series_id: series.series_id,
                            name,
                            drawn_ms,
                        };
                        found.insert(key, entry);
                    }
                }
            }
        }
        let mut sparks = Sparks::clone(&self.sparks);
        sparks.retain(|key, _| found.contains_key(key));
        self.sparks = Arc::new(sparks);
        self.known = found;
        Ok(())
    }
}

/// Of what several report about one subject the newest counts; what an agent says of itself is kept apart by reporter.
fn newest_by_subject(series: &[SeriesRow]) -> HashMap<(String, Option<i64>), &SeriesRow> {
    let mut newest: HashMap<(String, Option<i64>), &SeriesRow> = HashMap::new();
    for row in series {
        let reporter = row.subject.is_empty().then_some(row.instance_id);
        let kept = newest.entry((row.subject.clone(), reporter)).or_insert(row);
        if row.last_ms > kept.last_ms {
            *kept = row;
        }
    }
    newest
}

/// The line through the buckets' largest values; a column without points breaks it.
fn draw(name: &'static str, buckets: &[Bucket], from_ms: TimeMs) -> Option<Spark> {
    let last = buckets.last()?.last;
    let top = buckets
        .iter()
        .map(|bucket| bucket.max)
        .fold(f64::MIN_POSITIVE, f64::max);
    // An idle process is a flat line at the bottom, not a mountain of noise.
    let top = if name.ends_with("percent") {
        top.max(10.0)
    } else {
        top * 1.1
    };
    let width_ms = SPAN_MS / i64::try_from(COLUMNS).unwrap_or(1);
    let mut path = String::new();
    let mut before: Option<i64> = None;
    for bucket in buckets {
        let column = (bucket.ts_ms - from_ms) / width_ms;
        let y = 15.0 - 14.0 * (bucket.max / top).clamp(0.0, 1.0);
        let begins = before.is_none_or(|before| column - before > 2);
        path.push_str(&format!(
            "{}{} {y:.1}",
            if begins { 'M' } else { 'L' },
            column * 2 + 1
        ));
        before = Some(column);
    }
    // A lone point is a dot: a stroke of no length with round caps.
    path.push_str("h.1");
    Some(Spark { name, last, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(column: i64, value: f64) -> Bucket {
        let width_ms = SPAN_MS / 30;
        Bucket {
            ts_ms: column * width_ms,
            min: value,
            max: value,
            first: value,
            last: value,
            points: 1,
        }
    }

    #[test]
    fn a_gap_breaks_the_line_and_the_newest_value_is_told() {
        let buckets = [bucket(0, 50.0), bucket(1, 100.0), bucket(9, 25.0)];
        let spark = draw("cpu_percent", &buckets, 0).unwrap();
        assert_eq!(
            (spark.path.as_str(), spark.last),
            ("M1 8.0L3 1.0M19 11.5h.1", 25.0)
        );
        assert_eq!(draw("cpu_percent", &[], 0), None);
    }

    #[test]
    fn an_idle_process_is_a_flat_line_at_the_bottom() {
        let spark = draw("cpu_percent", &[bucket(0, 0.1), bucket(1, 0.2)], 0).unwrap();
        assert_eq!(spark.path, "M1 14.9L3 14.7h.1");
    }
}
