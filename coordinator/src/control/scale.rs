//! Lets another number of instances run and waits until they do. The supervisor starts and stops them.

use std::time::Duration;

use shared_state::InstanceState;
use tokio::sync::oneshot;

use super::Response;
use super::act::settle;
use super::waiting::{Happened, answer, wait_until};
use crate::board::View;
use crate::shared::{ReloadRequest, Shared, Wanted};

pub(super) async fn scale(
    agent: String,
    instances: u32,
    wait_ms: Option<u64>,
    shared: &Shared,
) -> Response {
    if shared.board.views().iter().all(|view| view.agent != agent) {
        return Response::NoSuchAgent(agent);
    }
    let (sender, answered) = oneshot::channel();
    let wanted = Wanted::Instances {
        agent: agent.clone(),
        instances,
    };
    let request = ReloadRequest {
        wanted,
        answer: sender,
    };
    match (shared.reloads.send(request).await, answered.await) {
        (Ok(()), Ok(Ok(_))) => {}
        (Ok(()), Ok(Err(refusal))) => return Response::Invalid(refusal),
        _ => return Response::Misunderstood("it is ending".into()),
    }
    let is_of_agent = |(index, view): (usize, &View)| (view.agent == agent).then_some(index);
    let indices: Vec<usize> = shared
        .board
        .views()
        .iter()
        .enumerate()
        .filter_map(is_of_agent)
        .collect();
    settle(&indices, shared).await;
    let missing = match wait_ms {
        Some(wait_ms) => {
            let limit = Duration::from_millis(wait_ms);
            wait_until(&indices, limit, shared, |_, view| has_happened(view)).await
        }
        None => Vec::new(),
    };
    let shown: Vec<usize> = {
        let views = shared.board.views();
        indices
            .into_iter()
            .filter(|index| views[*index].is_shown())
            .collect()
    };
    answer(&shown, missing, shared)
}

/// Those that are too many are down; those that should run are up, or wait for their time.
fn has_happened(view: &View) -> Happened {
    if view.is_removed {
        return if view.pid.is_none() {
            Happened::Yes
        } else {
            Happened::NotYet
        };
    }
    match view.state {
        InstanceState::Running | InstanceState::Exited => Happened::Yes,
        InstanceState::Waiting if view.next_attempt_ms.is_some() => Happened::Yes,
        // Stopped by hand: that is not changed by the number of its like.
        InstanceState::Stopped if !view.goal_up => Happened::Yes,
        InstanceState::Fatal => Happened::Never,
        InstanceState::Stopped
        | InstanceState::Waiting
        | InstanceState::Starting
        | InstanceState::Unhealthy
        | InstanceState::Backoff
        | InstanceState::Stopping => Happened::NotYet,
    }
}
