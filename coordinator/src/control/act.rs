//! Does what a client wants, and waits for the effect. How an instance starts and stops is its task's business.

use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::Signal;
use shared_state::InstanceState;
use tokio::sync::oneshot;
use tracing::info;

use super::choose::choose;
use super::waiting::{Happened, answer, wait_until};
use super::{Action, Change, Response};
use crate::agent_task::Command;
use crate::board::View;
use crate::shared::Shared;

/// What one instance was before, to tell the effect from what was there already.
struct Before {
    index: usize,
    invocation_id: Option<i64>,
    has_process: bool,
}

pub(super) async fn act(action: Action, shared: &Shared) -> Response {
    let signal = match &action.change {
        Change::Signal(name) => match Signal::from_str(&name.to_uppercase()) {
            Ok(signal) => Some(signal),
            Err(_) => {
                return Response::Misunderstood(format!("{name:?} is no signal; such as SIGUSR1"));
            }
        },
        _ => None,
    };
    let chosen = choose(&shared.board.views(), &action.names);
    let mut chosen = match chosen {
        Ok(chosen) => chosen,
        Err(name) => return Response::NoSuchAgent(name),
    };
    info!(change = ?action.change, names = ?action.names, "asked by the control socket");
    if action.change == Change::Stop {
        chosen.reverse(); // the last started first, as at the end
    }
    let before = note(&chosen, shared);
    for index in &chosen {
        let command = match (&action.change, signal) {
            (Change::Start, _) => Command::Start,
            (Change::Stop, _) => Command::Stop,
            (Change::Restart, _) => Command::Restart,
            (Change::Reset, _) => Command::Reset,
            (Change::Signal(_), Some(signal)) => Command::Signal(signal),
            (Change::Signal(_), None) => continue,
            (Change::Shutdown, _) => break,
        };
        shared.send(*index, command).await;
    }
    settle(&chosen, shared).await;
    if action.change == Change::Shutdown {
        shared.shutdown.notify_one();
    }
    let wait = Duration::from_millis(action.wait_ms.unwrap_or(0));
    let missing = match action.wait_ms {
        // A signal is there or not at once: `before` tells who had a process to get it.
        _ if signal.is_some() => without_process(&before, shared),
        Some(_) => wait_for(&action.change, &before, wait, shared).await,
        None => Vec::new(),
    };
    answer(&chosen, missing, shared)
}

fn note(chosen: &[usize], shared: &Shared) -> Vec<Before> {
    let views = shared.board.views();
    let note = |index: &usize| Before {
        index: *index,
        invocation_id: views[*index].invocation_id,
        has_process: views[*index].pid.is_some(),
    };
    chosen.iter().map(note).collect()
}

fn without_process(before: &[Before], shared: &Shared) -> Vec<String> {
    let views = shared.board.views();
    let without = before.iter().filter(|before| !before.has_process);
    without
        .map(|before| views[before.index].name.clone())
        .collect()
}

/// Until every task has acted on what was sent, the board may show what was true before.
pub(super) async fn settle(chosen: &[usize], shared: &Shared) {
    for index in chosen {
        let (answer, answered) = oneshot::channel();
        shared.send(*index, Command::Acknowledge(answer)).await;
        let _ = answered.await; // a task that is gone has nothing to act on
    }
}

/// The names of those for whom the effect has not happened in time, or cannot happen any more.
async fn wait_for(
    change: &Change,
    before: &[Before],
    limit: Duration,
    shared: &Shared,
) -> Vec<String> {
    let indices: Vec<usize> = before.iter().map(|before| before.index).collect();
    wait_until(&indices, limit, shared, |index, view| {
        let before = before.iter().find(|before| before.index == index);
        match before.is_none_or(|before| has_happened(change, before, view)) {
            true => Happened::Yes,
            false if can_happen(change, view) => Happened::NotYet,
            false => Happened::Never,
        }
    })
    .await
}

fn has_happened(change: &Change, before: &Before, view: &View) -> bool {
    let is_up = view.state == InstanceState::Running || view.state == InstanceState::Exited;
    match change {
        Change::Start => is_up,
        Change::Stop => view.pid.is_none() && view.state == InstanceState::Stopped,
        // The next attempt has begun, whatever becomes of it.
        Change::Reset => {
            let waits = [InstanceState::Backoff, InstanceState::Fatal].contains(&view.state);
            !waits || view.invocation_id != before.invocation_id
        }
        Change::Restart => is_up && view.invocation_id != before.invocation_id,
        // The end of the coordinator is seen by the client itself: the connection ends.
        Change::Signal(_) | Change::Shutdown => true,
    }
}

/// FATAL is tried again much later, which is not what anybody waits for.
fn can_happen(change: &Change, view: &View) -> bool {
    match change {
        Change::Start | Change::Restart => view.state != InstanceState::Fatal,
        Change::Stop | Change::Reset | Change::Signal(_) | Change::Shutdown => true,
    }
}
