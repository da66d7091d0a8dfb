//! Waits until something is true of instances. It changes nothing.

use std::time::{Duration, Instant};

use shared_state::InstanceState;

use super::choose::choose;
use super::{AgentStatus, Response};
use crate::board::View;
use crate::shared::Shared;

/// Nobody waits longer; a client that vanished keeps its place for this long at most.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// What is awaited of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    Yes,
    /// It may still come.
    NotYet,
    /// It does not come by itself.
    Never,
}

/// Until it has happened to all, at latest after `limit`, at once where it cannot happen to any of the rest. Returns the names
/// of those to whom it has not.
pub(super) async fn wait_until(
    indices: &[usize],
    limit: Duration,
    shared: &Shared,
    has_happened: impl Fn(usize, &View) -> Happened,
) -> Vec<String> {
    let deadline = tokio::time::Instant::now() + limit.min(WAIT_MAX);
    let mut changes = shared.board.watch();
    loop {
        let (mut missing, mut may_come) = (Vec::new(), false);
        for index in indices {
            let view = &shared.board.views()[*index];
            match has_happened(*index, view) {
                Happened::Yes => {}
                Happened::NotYet => {
                    missing.push(view.name.clone());
                    may_come = true;
                }
                Happened::Never => missing.push(view.name.clone()),
            }
        }
        if !may_come
            || tokio::time::timeout_at(deadline, changes.changed())
                .await
                .is_err()
        {
            return missing;
        }
    }
}

/// Until each of them is in one of these states.
pub(super) async fn wait_for_states(
    names: &[String],
    states: &[InstanceState],
    limit: Duration,
    shared: &Shared,
) -> Response {
    let chosen = choose(&shared.board.views(), names);
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(name) => return Response::NoSuchAgent(name),
    };
    let missing = wait_until(&chosen, limit, shared, |_, view| {
        match states.contains(&view.state) {
            true => Happened::Yes,
            false => Happened::NotYet,
        }
    })
    .await;
    answer(&chosen, missing, shared)
}

/// How they are now, and for whom it has not happened.
pub(super) fn answer(chosen: &[usize], missing: Vec<String>, shared: &Shared) -> Response {
    let (views, now) = (shared.board.views(), Instant::now());
    let agents = chosen
        .iter()
        .map(|index| AgentStatus::of(&views[*index], now))
        .collect();
    match missing.is_empty() {
        true => Response::Done(agents),
        false => Response::NotDone { agents, missing },
    }
}
