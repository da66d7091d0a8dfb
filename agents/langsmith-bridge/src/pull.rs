//! Responsible for what a window is while it is read: why, from when to when, and where it goes on.
//! It decides neither which is read next (`plan`) nor what an answer means (`reading`).

use serde::{Deserialize, Serialize};

/// A half-open range of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// Why a window is read; decides what its completion means. In the order in which they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PullKind {
    /// The newest part, up to now: moves the watermark.
    Live,
    /// Runs of any age that ended lately, for those that nobody follows.
    Ended,
    /// Runs of any age whose feedback changed lately.
    Feedback,
    /// An older part: shortens the backfill.
    Backfill,
    /// A day that is over, once more: finds what arrived or changed too late for everything else.
    Day,
}

/// A window that is being read page by page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pull {
    pub(crate) kind: PullKind,
    /// Start times.
    pub(crate) span: Span,
    /// When runs ended, or their feedback changed, where that is what the window is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<Span>,
    /// The server's cursor of the next page, absent before the first is stored, and the body it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<NextPage>,
}

/// Where a window goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NextPage {
    /// The server's, opaque.
    pub(crate) cursor: String,
    /// A fingerprint of the question that it was given for; with another one it means nothing.
    pub(crate) question: u64,
}
