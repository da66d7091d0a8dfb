//! Responsible for who uses the most on the whole machine: the evidence of an alert.
//! It reads every process, so it is done only while there is something to explain.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use procfs::process::all_processes;
use procfs::{page_size, ticks_per_second};
use serde_json::{Value, json};

use crate::cpu_time::Identity;
use crate::figures::hundredths;
use crate::processes::identity;

/// As many as a person reads.
pub(crate) const NAMED_MAX: usize = 5;

/// All processes at one moment.
#[derive(Debug)]
pub(crate) struct Survey {
    at: Instant,
    rows: BTreeMap<Identity, Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    ticks: u64,
    rss_bytes: u64,
}

/// One process among those that use the most.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Culprit {
    pub(crate) pid: i32,
    pub(crate) name: String,
    /// In the unit of the figure: percent of a core, or bytes.
    pub(crate) value: f64,
}

impl Survey {
    pub(crate) fn take() -> Survey {
        let at = Instant::now();
        let all = all_processes().into_iter().flatten();
        let rows = all
            .filter_map(|process| {
                let stat = process.ok()?.stat().ok()?;
                let row = Row {
                    ticks: stat.utime.saturating_add(stat.stime),
                    rss_bytes: stat.rss.saturating_mul(page_size()),
                    name: stat.comm.clone(),
                };
                Some((identity(&stat), row))
            })
            .collect();
        Survey { at, rows }
    }

    /// Those that used the most CPU since an earlier survey, in percent of a core.
    pub(crate) fn by_cpu(&self, before: &Survey) -> Vec<Culprit> {
        let elapsed = self.at.saturating_duration_since(before.at);
        self.rank(|id, row| {
            let old = before.rows.get(id).map_or(0, |old| old.ticks);
            as_percent(row.ticks.saturating_sub(old), elapsed)
        })
    }

    /// Those with the most memory in RAM.
    pub(crate) fn by_memory(&self) -> Vec<Culprit> {
        self.rank(|_, row| row.rss_bytes as f64)
    }

    fn rank(&self, value: impl Fn(&Identity, &Row) -> f64) -> Vec<Culprit> {
        let mut all: Vec<Culprit> = self
            .rows
            .iter()
            .map(|(id, row)| Culprit {
                pid: id.pid,
                name: row.name.clone(),
                value: value(id, row),
            })
            .filter(|culprit| culprit.value > 0.0)
            .collect();
        all.sort_by(|one, other| other.value.total_cmp(&one.value));
        all.truncate(NAMED_MAX);
        all
    }
}

/// For an alert's evidence, with the agent to which each belongs.
pub(crate) fn as_evidence(
    culprits: &[Culprit],
    unit: &str,
    subjects: &BTreeMap<i32, String>,
) -> Value {
    let rows = culprits.iter().map(|culprit| {
        let mut row = json!({"pid": culprit.pid, "name": culprit.name});
        row[unit] = json!(culprit.value);
        if let Some(subject) = subjects.get(&culprit.pid) {
            row["subject"] = json!(subject);
        }
        row
    });
    rows.collect()
}

fn as_percent(ticks: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() {
        return 0.0;
    }
    let seconds = ticks as f64 / ticks_per_second() as f64;
    hundredths(seconds * 100.0 / elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(at: Instant, rows: &[(i32, u64, u64)]) -> Survey {
        let rows = rows.iter().map(|&(pid, ticks, rss_bytes)| {
            let row = Row {
                name: format!("p{pid}"),
                ticks,
                rss_bytes,
            };
            (Identity { pid, started: 1 }, row)
        });
        Survey {
            at,
            rows: rows.collect(),
        }
    }

    #[test]
    fn the_busiest_come_first_and_idle_ones_not_at_all() {
        let begin = Instant::now();
        let before = survey(begin, &[(1, 1000, 0), (2, 0, 0), (3, 5, 0)]);
        let rows = [(1, 1000, 9), (2, ticks_per_second(), 7), (3, 6, 8)];
        let now = survey(begin + Duration::from_secs(2), &rows);
        let found = now.by_cpu(&before);
        assert_eq!(
            found.iter().map(|one| one.pid).collect::<Vec<_>>(),
            [2, 3],
            "{found:?}"
        );
        assert_eq!(found[0].value, 50.0);
        assert_eq!(now.by_memory()[0].pid, 1);
        let subjects = BTreeMap::from([(2, "agent:a".to_owned())]);
        let evidence = as_evidence(&found[..1], "cpu_percent", &subjects);
        assert_eq!(
            evidence,
            json!([{"pid": 2, "name": "p2", "cpu_percent": 50.0, "subject": "agent:a"}])
        );
    }

    #[test]
    fn a_survey_of_this_machine_holds_this_process() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let found = Survey::take();
        let row = found.rows.iter().find(|(id, _)| id.pid == pid);
        assert!(row.is_some_and(|(_, row)| row.rss_bytes > 0));
    }
}
