//! The questions of `coordinator top`, which shows the answers itself.

use std::path::Path;

use super::ask::{AskError, ask};
use super::{Action, AgentStatus, CLIENT_LIMIT, Change, CoordinatorStatus, Request, Response};
use crate::verbs::chain;

/// The coordinator and all agents as they are now; else why there is no answer.
pub(crate) fn look(socket: &Path) -> Result<(CoordinatorStatus, Vec<AgentStatus>), String> {
    let coordinator = match ask(socket, &Request::Coordinator, CLIENT_LIMIT) {
        Ok(Response::Coordinator(coordinator)) => coordinator,
        other => return Err(reason(other)),
    };
    let names = Vec::new();
    match ask(socket, &Request::Status { names }, CLIENT_LIMIT) {
        Ok(Response::Agents(agents)) => Ok((coordinator, agents)),
        other => Err(reason(other)),
    }
}

/// Asks for a change of one instance and does not wait for it.
pub(crate) fn ask_for_change(socket: &Path, change: Change, name: String) -> Result<(), String> {
    let action = Action {
        change,
        names: vec![name],
        wait_ms: None,
    };
    match ask(socket, &Request::Act(action), CLIENT_LIMIT) {
        Ok(Response::Done(_)) => Ok(()),
        other => Err(reason(other)),
    }
}

fn reason(answer: Result<Response, AskError>) -> String {
    match answer {
        Err(AskError::NobodyThere(_)) => "none is running there".into(),
        Err(error) => chain(&error.into()),
        Ok(Response::NoSuchAgent(name)) => format!("there is no agent {name} any more"),
        Ok(Response::Misunderstood(why) | Response::Forbidden(why)) => why,
        Ok(_) => "it gave another answer than was asked for: it may be of another version".into(),
    }
}
