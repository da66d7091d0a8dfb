//! Responsible for what the bridge remembers across its restarts: one value that is stored with the rows it follows.
//! It does not decide what comes next (`plan` does) and does not store itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Counts up when an older bridge could no longer understand the value.
const VERSION: u32 = 1;

/// Most runs that are followed by id. More would not fit a line together with a large row; those beyond are found
/// again by reading from an earlier start, see [`Progress::reread_from_ms`].
pub(crate) const FOLLOWED_MAX: usize = 1_000;

/// Longest server cursor that is remembered. A longer one is used but a restart then reads its window anew.
pub(crate) const PAGE_CURSOR_BYTES_MAX: usize = 8 * 1024;

/// How far one project has been read. Times are milliseconds since 1970 UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) version: u32,
    /// Every run that started before this, back to the beginning of the backfill less `backfill`, has been stored
    /// as it was when read. Absent until the first window is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) watermark_ms: Option<i64>,
    /// The next window begins here or earlier: runs that started later are read again anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reread_from_ms: Option<i64>,
    /// The latest start of any run seen. Where the clock turns out to have been ahead, it tells how far reading
    /// really came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest_start_ms: Option<i64>,
    /// Older runs that are still to be read, newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backfill: Option<Span>,
    /// The window that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pull: Option<Pull>,
    /// Runs that may still change and that no window will read again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) followed: Vec<FollowedRun>,
    /// What people were told once, such as a deprecation.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) told: BTreeSet<String>,
}

/// A half-open range of start times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// Why a window is read; decides what its completion means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PullKind {
    /// The newest part, up to now: moves the watermark.
    Live,
    /// An older part: shortens the backfill.
    Backfill,
}

/// A window that is being read page by page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pull {
    pub(crate) kind: PullKind,
    pub(crate) span: Span,
    /// The server's cursor of the next page, absent before the first is stored, and the body it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<NextPage>,
}

/// Where a window goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NextPage {
    /// The server's, opaque.
    pub(crate) cursor: String,
    /// The body that it was given for; with another one it means nothing.
    pub(crate) body: String,
}

/// A run that may still change, kept as an array to be short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "(String, i64, i64, Option<i64>)",
    into = "(String, i64, i64, Option<i64>)"
)]
pub(crate) struct FollowedRun {
    pub(crate) run_id: String,
    pub(crate) start_ms: i64,
    /// First followed.
    pub(crate) since_ms: i64,
    /// Absent while it is open.
    pub(crate) end_ms: Option<i64>,
    /// Not asked again before; not stored, so a restart asks at once.
    pub(crate) due_ms: i64,
}

impl From<(String, i64, i64, Option<i64>)> for FollowedRun {
    fn from((run_id, start_ms, since_ms, end_ms): (String, i64, i64, Option<i64>)) -> Self {
        Self {
            run_id,
            start_ms,
            since_ms,
            end_ms,
            due_ms: i64::MIN,
        }
    }
}

impl From<FollowedRun> for (String, i64, i64, Option<i64>) {
    fn from(run: FollowedRun) -> Self {
        (run.run_id, run.start_ms, run.since_ms, run.end_ms)
    }
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
        if let Some(pull) = &mut stored.pull {
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

    #[test]
    fn a_stored_value_reads_back() {
        let run = FollowedRun {
            run_id: "id".into(),
            start_ms: 1,
            since_ms: 2,
            end_ms: None,
            due_ms: i64::MIN,
        };
        let span = Span {
            from_ms: 1,
            to_ms: 9,
        };
        let page = Some(NextPage {
            cursor: "c".into(),
            body: "{}".into(),
        });
        let progress = Progress {
            watermark_ms: Some(5),
            followed: vec![run],
            backfill: Some(span),
            pull: Some(Pull {
                kind: PullKind::Live,
                span,
                page,
            }),
            ..Progress::new()
        };
        assert_eq!(
            Progress::from_value(&progress.to_value()).unwrap(),
            progress
        );
        assert_eq!(
            Progress::from_value(&Progress::new().to_value()).unwrap(),
            Progress::new()
        );
    }

    #[test]
    fn a_foreign_value_is_refused() {
        assert!(Progress::from_value(&serde_json::json!({"version": 2})).is_err());
        assert!(Progress::from_value(&serde_json::json!("2026")).is_err());
    }

    #[test]
    fn the_largest_value_leaves_room_for_a_row() {
        let id = "00000000-0000-4000-8000-000000000000";
        let ms = 1_790_000_000_000;
        let run = FollowedRun {
            run_id: id.into(),
            start_ms: ms,
            since_ms: ms,
            end_ms: Some(ms),
            due_ms: 0,
        };
        let page = Some(NextPage {
            cursor: "c".repeat(PAGE_CURSOR_BYTES_MAX),
            body: "b".repeat(2_000),
        });
        let span = Span {
            from_ms: ms,
            to_ms: ms,
        };
        let progress = Progress {
            followed: vec![run; FOLLOWED_MAX],
            pull: Some(Pull {
                kind: PullKind::Live,
                span,
                page,
            }),
            ..Progress::new()
        };
        assert!(progress.to_value().to_string().len() < 110 * 1024);
    }
}
