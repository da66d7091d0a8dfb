//! Responsible for the figures of the heartbeat: each is present only once it is known.
//! It does not send them.

use std::collections::{BTreeMap, BTreeSet};

use crate::ask_page::ReadPage;
use crate::progress::Progress;
use crate::store::Stored;

/// What this process has counted and seen so far.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Rows that were acknowledged, new and changed ones.
    pub(crate) runs_stored: u64,
    /// Runs in the pages that were read, each as often as it was sent.
    pub(crate) runs_read: u64,
    /// Pages that were read, of windows and by id.
    pub(crate) pages_read: u64,
    /// Fields that were sent and could not be understood.
    pub(crate) fields_unreadable: u64,
    /// Fields that were cut or left out because of their size.
    pub(crate) fields_oversized: u64,
    /// Rows that the coordinator refused for good.
    pub(crate) runs_refused: u64,
    /// When the last window was complete, milliseconds since 1970 UTC.
    pub(crate) last_pull_ms: Option<i64>,
    /// People were told of a day whose count does not match, and not of its end.
    pub(crate) has_mismatch: bool,
    /// Runs that the last whole live window showed as open.
    open_in_window: Option<BTreeSet<String>>,
    /// The same for the window that is being read; absent where an earlier process had begun it.
    open_so_far: Option<BTreeSet<String>>,
}

impl Figures {
    /// A page was read.
    pub(crate) fn note_page(&mut self, page: &ReadPage) {
        self.pages_read += 1;
        self.runs_read += page.seen.len() as u64;
        self.fields_unreadable += page.fields_unreadable;
        self.fields_oversized += page.fields_oversized;
    }

    /// Rows were stored.
    pub(crate) fn note_stored(&mut self, stored: Stored) {
        self.runs_stored += stored.rows;
        self.runs_refused += stored.refused;
    }

    /// A live window begins with its first page.
    pub(crate) fn begin_window(&mut self) {
        self.open_so_far = Some(BTreeSet::new());
    }

    /// A page of it showed this run as open.
    pub(crate) fn note_open(&mut self, run_id: &str) {
        if let Some(open) = &mut self.open_so_far {
            open.insert(run_id.to_owned());
        }
    }

    /// It is complete.
    pub(crate) fn complete_window(&mut self) {
        if let Some(open) = self.open_so_far.take() {
            self.open_in_window = Some(open);
        }
    }

    /// The figures by name. `now_ms` is the server's time, `last_status` that of its last answer.
    pub(crate) fn metrics(
        &self,
        progress: &Progress,
        now_ms: i64,
        last_status: Option<u16>,
    ) -> BTreeMap<String, f64> {
        let counted = [
            ("runs_stored", self.runs_stored),
            ("runs_read", self.runs_read),
            ("pages_read", self.pages_read),
            ("fields_unreadable", self.fields_unreadable),
            ("fields_oversized", self.fields_oversized),
            ("runs_refused", self.runs_refused),
        ];
        #[expect(
            clippy::cast_precision_loss,
            reason = "a metric is a float; counts stay far below 2^53"
        )]
        let counted = counted.map(|(name, value)| (name, Some(value as f64)));
        let backfill_ms = progress.watermark_ms.map(|_| {
            progress
                .backfill
                .map_or(0, |rest| rest.to_ms - rest.from_ms)
        });
        let times = [
            ("watermark_ms", progress.watermark_ms),
            (
                "watermark_lag_ms",
                progress
                    .watermark_ms
                    .map(|watermark_ms| (now_ms - watermark_ms).max(0)),
            ),
            ("backfill_ms", backfill_ms),
            ("last_pull_ms", self.last_pull_ms),
            ("last_http_status", last_status.map(i64::from)),
            ("runs_pending", self.pending(progress)),
            (
                "runs_settling",
                progress.watermark_ms.map(|_| settling(progress)),
            ),
            ("runs_abandoned", abandoned(progress)),
            ("covered_from_ms", progress.covered_from_ms),
            (
                "gaps",
                progress.watermark_ms.map(|_| length(&progress.gaps)),
            ),
            (
                "days_unchecked",
                progress.watermark_ms.map(|_| length(&progress.days)),
            ),
        ];
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 stay far below 2^53"
        )]
        let times = times.map(|(name, value)| (name, value.map(|value| value as f64)));
        let known = counted.into_iter().chain(times);
        known
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    /// Runs that have not ended, of the newest window and of those that are followed.
    pub(crate) fn pending(&self, progress: &Progress) -> Option<i64> {
        let mut open: BTreeSet<&str> = self
            .open_in_window
            .as_ref()?
            .iter()
            .map(String::as_str)
            .collect();
        for run in &progress.followed {
            match run.end_ms {
                None => open.insert(&run.run_id),
                Some(_) => open.remove(run.run_id.as_str()),
            };
        }
        i64::try_from(open.len()).ok()
    }
}

fn length<T>(list: &[T]) -> i64 {
    i64::try_from(list.len()).expect("a bounded list")
}

/// The figures of several projects as one: counts are summed, of times the one that is furthest behind is told.
pub(crate) fn merge(
    each: impl IntoIterator<Item = BTreeMap<String, f64>>,
) -> BTreeMap<String, f64> {
    let mut all: BTreeMap<String, f64> = BTreeMap::new();
    for (name, figure) in each.into_iter().flatten() {
        let known = all.get(&name).copied();
        let merged = match (name.as_str(), known) {
            (_, None) => figure,
            ("last_http_status", _) => figure,
            ("watermark_ms" | "last_pull_ms", Some(known)) => known.min(figure),
            ("watermark_lag_ms" | "backfill_ms" | "covered_from_ms", Some(known)) => {
                known.max(figure)
            }
            (_, Some(known)) => known + figure,
        };
        all.insert(name, merged);
    }
    all
}

/// Runs that did not end in time and are no longer asked for, as far as they are not known to have ended since.
pub(crate) fn abandoned(progress: &Progress) -> Option<i64> {
    let count = progress.abandoned.count();
    (count > 0 || progress.watermark_ms.is_some()).then_some(count)
}

/// Runs that ended and may still get tokens and costs.
pub(crate) fn settling(progress: &Progress) -> i64 {
    let count = progress
        .followed
        .iter()
        .filter(|run| run.end_ms.is_some())
        .count();
    i64::try_from(count).expect("a bounded list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_absent() {
        let metrics = Figures::default().metrics(&Progress::new(), 1_000, None);
        for name in [
            "runs_pending",
            "watermark_lag_ms",
            "last_pull_ms",
            "last_http_status",
            "backfill_ms",
        ] {
            assert_eq!(metrics.get(name), None, "{name}");
        }
        assert_eq!(metrics.get("runs_stored"), Some(&0.0));
    }

    #[test]
    fn a_pending_run_is_counted_once_and_until_it_ends() {
        let mut figures = Figures::default();
        figures.begin_window();
        figures.note_open("a");
        figures.note_open("b");
        let mut progress = Progress::new();
        assert_eq!(
            figures.pending(&progress),
            None,
            "half a window tells nothing"
        );
        figures.complete_window();
        progress.followed.push(("a".to_owned(), 0, 0, None).into());
        assert_eq!(figures.pending(&progress), Some(2));
        progress.followed[0].end_ms = Some(5);
        assert_eq!(
            (figures.pending(&progress), settling(&progress)),
            (Some(1), 1)
        );
    }

    #[test]
    fn several_projects_are_as_far_as_the_one_that_is_behind() {
        let of = |figures: [(&str, f64); 3]| figures.map(|(name, value)| (name.to_owned(), value));
        let each = [
            of([
                ("watermark_ms", 5.0),
                ("watermark_lag_ms", 9.0),
                ("runs_stored", 1.0),
            ]),
            of([
                ("watermark_ms", 7.0),
                ("watermark_lag_ms", 2.0),
                ("runs_stored", 2.0),
            ]),
        ];
        let merged = merge(each.map(BTreeMap::from));
        assert_eq!(
            merged,
            BTreeMap::from(of([
                ("watermark_ms", 5.0),
                ("watermark_lag_ms", 9.0),
                ("runs_stored", 3.0)
            ]))
        );
    }

    #[test]
    fn a_window_that_another_process_began_tells_nothing() {
        let mut figures = Figures::default();
        figures.note_open("a");
        figures.complete_window();
        assert_eq!(figures.pending(&Progress::new()), None);
    }
}
