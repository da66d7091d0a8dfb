//! Responsible for what the bridge remembers across its restarts: one value that is stored with the rows it follows.
//! It does not decide what comes next (`plan` does) and does not store itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::abandoned::AbandonedRuns;
use crate::api_choice::{ApiVersion, ChosenApi};
use crate::days::DayWork;
use crate::following::FollowedRun;
use crate::learned_rates::LearnedRates;
use crate::pull::{Pull, PullKind, Span};
use crate::refused_fields::RefusedFields;

/// Counts up when an older bridge could no longer understand the value.
const VERSION: u32 = 1;

/// Longest server cursor that is remembered. A longer one is used but a restart then reads its window anew.
pub(crate) const PAGE_CURSOR_BYTES_MAX: usize = 3 * 1024;

/// Most gaps that are remembered; neighbours are one. Beyond, the oldest are forgotten.
pub(crate) const GAPS_MAX: usize = 64;

/// How far one project has been read. Times are milliseconds since 1970 UTC.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    pub(crate) version: u32,
    /// The project's name, by which a bridge that may no longer ask for it still finds what it knows.
    pub(crate) project: Option<String>,
    /// Every run that started before this, back to `covered_from_ms`, has been stored as it was when read. Absent until
    /// the first window is complete.
    pub(crate) watermark_ms: Option<i64>,
    /// How far back everything has been read.
    pub(crate) covered_from_ms: Option<i64>,
    /// The next window begins here or earlier: runs that started later are read again anyway.
    pub(crate) reread_from_ms: Option<i64>,
    /// The latest start of any run seen. Where the clock turns out to have been ahead, it tells how far reading
    /// really came.
    pub(crate) newest_start_ms: Option<i64>,
    /// Older runs that are still to be read, newest first.
    pub(crate) backfill: Option<Span>,
    /// Runs that ended before this have been read as ended, whenever they started.
    pub(crate) ended_to_ms: Option<i64>,
    /// Feedback that changed before this has been read.
    pub(crate) feedback_to_ms: Option<i64>,
    /// Feedback is read again by reading runs again, since the server cannot say which changed: what is left of the round.
    pub(crate) feedback_round: Option<Span>,
    /// The server refused to say which feedback changed.
    pub(crate) rereads_feedback: bool,
    /// The windows that are being read, at most one of each kind.
    pub(crate) pulls: Vec<Pull>,
    /// Runs that may still change and that no window will read again.
    pub(crate) followed: Vec<FollowedRun>,
    /// Runs that were given up, as far as they did not end since.
    pub(crate) abandoned: AbandonedRuns,
    /// Days that are over and were read at their time: everything from the first to the second was or is in `days`.
    pub(crate) closed_days: Option<Span>,
    /// Days to be read once more or to be counted.
    pub(crate) days: Vec<DayWork>,
    /// What was given up: windows that the server refused, days whose count does not match.
    pub(crate) gaps: Vec<Span>,
    /// Which version of the API answers.
    pub(crate) api: Option<ChosenApi>,
    /// Fields that the server does not know.
    pub(crate) refused_fields: RefusedFields,
    /// What was learned of the rates, of all projects.
    pub(crate) learned_rates: LearnedRates,
    /// What people were told once, such as a deprecation.
    pub(crate) told: BTreeSet<String>,
    /// The sweeps for ends and feedback rest until then. Not stored: a restart tries at once.
    #[serde(skip)]
    pub(crate) sweeps_rest_until_ms: i64,
    /// Older windows and days are not read before. Not stored either.
    #[serde(skip)]
    pub(crate) older_rest_until_ms: i64,
    /// Days are not counted before. Not stored either.
    #[serde(skip)]
    pub(crate) counts_rest_until_ms: i64,
}

/// The stored value is not one of ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgressError {
    /// A newer bridge wrote it.
    #[error("it has version {0}, this bridge knows up to {VERSION}")]
    Newer(u32),
    /// It does not have the expected form.
    #[error("it is not understood: {0}")]
    Malformed(String),
}

impl Progress {
    /// Nothing read yet.
    pub(crate) fn new() -> Self {
        Self {
            version: VERSION,
            ..Self::default()
        }
    }

    /// The window of this kind that is being read.
    pub(crate) fn pull(&self, kind: PullKind) -> Option<&Pull> {
        self.pulls.iter().find(|pull| pull.kind == kind)
    }

    /// The version of the API to ask, where it is not a setting.
    pub(crate) fn api_version(&self) -> ApiVersion {
        self.api.map(|api| api.version).unwrap_or_default()
    }

    /// Remembers that nothing is known of `span`.
    pub(crate) fn add_gap(&mut self, span: Span) {
        self.close_gap(span);
        self.gaps.push(span);
        self.gaps.sort_by_key(|gap| gap.from_ms);
        self.gaps.dedup_by(|later, earlier| {
            let touches = later.from_ms <= earlier.to_ms;
            if touches {
                earlier.to_ms = earlier.to_ms.max(later.to_ms);
            }
            touches
        });
        let excess = self.gaps.len().saturating_sub(GAPS_MAX);
        self.gaps.drain(..excess);
    }

    /// `span` has been read after all.
    pub(crate) fn close_gap(&mut self, span: Span) {
        let rest = self.gaps.iter().flat_map(|gap| {
            let before = Span {
                to_ms: gap.to_ms.min(span.from_ms),
                ..*gap
            };
            let after = Span {
                from_ms: gap.from_ms.max(span.to_ms),
                ..*gap
            };
            [before, after]
        });
        self.gaps = rest.filter(|gap| gap.from_ms < gap.to_ms).collect();
    }

    /// Reads a stored value back.
    pub(crate) fn from_value(value: &Value) -> Result<Self, ProgressError> {
        let progress: Self = Deserialize::deserialize(value)
            .map_err(|error: serde_json::Error| ProgressError::Malformed(error.to_string()))?;
        if progress.version > VERSION {
            return Err(ProgressError::Newer(progress.version));
        }
        Ok(progress)
    }

    /// The value to store. A server cursor that is too long is left out.
    pub(crate) fn to_value(&self) -> Value {
        let mut stored = self.clone();
        for pull in &mut stored.pulls {
            pull.page = pull
                .page
                .take()
                .filter(|page| page.cursor.len() <= PAGE_CURSOR_BYTES_MAX);
        }
        serde_json::to_value(stored).expect("strings and numbers serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abandoned::ABANDONED_MAX;
    use crate::following::FOLLOWED_MAX;
    use crate::pull::NextPage;

    fn span(from_ms: i64, to_ms: i64) -> Span {
        Span { from_ms, to_ms }
    }

    fn largest() -> Progress {
        let ms = 1_790_000_000_000;
        let span = span(ms, ms + 1);
        let run: FollowedRun = (
            "00000000-0000-4000-8000-000000000000".to_owned(),
            ms,
            ms,
            Some(ms),
        )
            .into();
        let kinds = [
            PullKind::Live,
            PullKind::Ended,
            PullKind::Feedback,
            PullKind::Backfill,
            PullKind::Day,
        ];
        let pull = |kind| Pull {
            kind,
            span,
            about: Some(span),
            page: Some(NextPage {
                cursor: "c".repeat(PAGE_CURSOR_BYTES_MAX),
                question: u64::MAX,
            }),
        };
        let mut progress = Progress {
            watermark_ms: Some(ms),
            backfill: Some(span),
            followed: vec![run; FOLLOWED_MAX],
            pulls: kinds.map(pull).to_vec(),
            days: vec![(ms, 3, ms, Some(10_000_000)).into(); 401],
            refused_fields: largest_refused(),
            told: (0..16).map(|n| format!("{n}{}", "t".repeat(130))).collect(),
            ..Progress::new()
        };
        for n in 0..2 * ABANDONED_MAX {
            progress.abandoned.note(&format!("{n:012x}"), true);
        }
        for n in 0..200 {
            let from_ms = n * 100;
            progress.add_gap(Span {
                from_ms,
                to_ms: from_ms + 1,
            });
        }
        progress
    }

    fn largest_refused() -> RefusedFields {
        let mut refused = RefusedFields::default();
        let all = crate::selection::Selection::resolve(&[], &["INPUTS", "OUTPUTS"]);
        let fields = all.fields().iter();
        fields.for_each(|field| refused.note(field, 1_790_000_000_000));
        refused
    }

    #[test]
    fn a_stored_value_reads_back() {
        for progress in [largest(), Progress::new()] {
            assert_eq!(
                Progress::from_value(&progress.to_value()).unwrap(),
                progress
            );
        }
    }

    #[test]
    fn a_foreign_value_is_refused() {
        assert!(Progress::from_value(&serde_json::json!({"version": 2})).is_err());
        assert!(Progress::from_value(&serde_json::json!("2026")).is_err());
    }

    #[test]
    fn the_largest_value_leaves_room_for_a_row() {
        let bytes = largest().to_value().to_string().len();
        assert!(bytes < 120 * 1024, "{bytes}");
    }

    #[test]
    fn gaps_join_and_close() {
        let mut progress = Progress::new();
        progress.add_gap(span(10, 20));
        progress.add_gap(span(40, 50));
        progress.add_gap(span(20, 30));
        assert_eq!(progress.gaps, [span(10, 30), span(40, 50)]);
        progress.close_gap(span(15, 45));
        assert_eq!(progress.gaps, [span(10, 15), span(45, 50)]);
        progress.close_gap(span(0, 100));
        assert_eq!(progress.gaps, []);
    }
}
