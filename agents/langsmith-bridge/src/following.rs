//! Responsible for the runs that are followed by their id because they may still change: which, until when, how often.
//! It asks for none of them.

use serde::{Deserialize, Serialize};

use crate::plan::{Policy, RETENTION_MAX_MS, milliseconds};
use crate::progress::Progress;
use crate::reading::SeenRun;

/// Most runs that are followed by id. More would not fit a line together with a large row; those beyond are found by
/// their end once they have one, see [`crate::pull::PullKind::Ended`].
pub(crate) const FOLLOWED_MAX: usize = 800;

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

/// A followed run is asked about at most after a tenth of the time it has been followed, and no later than this.
const FOLLOW_EVERY_MAX_MS: i64 = 10 * 60_000;

/// Whether a run has been open for so long that nobody asks for it any more.
pub(crate) fn is_abandoned(run: &SeenRun, read_ms: i64, policy: &Policy) -> bool {
    let is_old = |start_ms: i64| read_ms - start_ms >= milliseconds(policy.abandon_after);
    run.is_pending && run.start_ms.is_some_and(is_old)
}

/// Keeps or drops one run among the followed, by what was seen of it.
pub(crate) fn follow(
    progress: &mut Progress,
    run: &SeenRun,
    reread_from_ms: i64,
    read_ms: i64,
    policy: &Policy,
) {
    let known = progress
        .followed
        .iter()
        .position(|followed| followed.run_id == run.run_id);
    let known = known.map(|place| progress.followed.swap_remove(place));
    let start_ms = run
        .start_ms
        .or(known.as_ref().map(|known| known.start_ms))
        .unwrap_or(read_ms - RETENTION_MAX_MS);
    let end_ms = run.end_ms.filter(|_| !run.is_pending);
    let is_final = end_ms.is_some_and(|end_ms| read_ms - end_ms >= milliseconds(policy.settle));
    if is_final || start_ms >= reread_from_ms || is_abandoned(run, read_ms, policy) {
        return;
    }
    let since_ms = known.map_or(read_ms, |known| known.since_ms);
    let due_ms = next_due_ms(since_ms, read_ms, policy);
    progress.followed.push(FollowedRun {
        run_id: run.run_id.clone(),
        start_ms,
        since_ms,
        end_ms,
        due_ms,
    });
}

/// When a run that was asked about at `read_ms` is asked about again.
pub(crate) fn next_due_ms(since_ms: i64, read_ms: i64, policy: &Policy) -> i64 {
    let poll_ms = milliseconds(policy.poll_interval);
    read_ms
        + ((read_ms - since_ms) / 10)
            .min(FOLLOW_EVERY_MAX_MS)
            .max(poll_ms)
}

/// Runs that have been followed for long enough: the ids of those that never ended. What ended and did not settle, since the
/// server no longer answers for it, is let go as well.
pub(crate) fn give_up_old(progress: &mut Progress, now_ms: i64, policy: &Policy) -> Vec<String> {
    let bound_ms = milliseconds(policy.abandon_after);
    let mut given_up = Vec::new();
    progress.followed.retain(|run| {
        let is_open = run.end_ms.is_none();
        let begin_ms = run.end_ms.unwrap_or(run.start_ms);
        let is_kept = now_ms - begin_ms < bound_ms;
        if is_open && !is_kept {
            given_up.push(run.run_id.clone());
        }
        is_kept
    });
    given_up
}

/// Follows the oldest by id. The rest is found by its end once it has one, or by the reading of its day.
pub(crate) fn bound_followed(progress: &mut Progress) {
    if progress.followed.len() > FOLLOWED_MAX {
        progress.followed.sort_by_key(|run| run.start_ms);
        progress.followed.truncate(FOLLOWED_MAX);
    }
}

#[cfg(test)]
#[path = "following_tests.rs"]
mod tests;
