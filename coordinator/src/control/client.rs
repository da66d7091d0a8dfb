//! The verbs that talk to a running coordinator: asks it and prints what it says. It starts nothing and needs no runtime.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use shared_state::InstanceState;

use super::ask::{AskError, Asker, ask, complain_about};
use super::{
    Action, AgentStatus, CLIENT_LIMIT, Change, CoordinatorStatus, Description, Request, Response,
    table,
};
use crate::Exit;
use crate::output::print_json;

/// A reload registers the agents, which waits for the disk.
const RELOAD_LIMIT: Duration = Duration::from_secs(60);
/// The new program checks itself and everything gets to the disk first.
const UPGRADE_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks whether a coordinator has gone.
const GONE_LOOK_MS: u8 = 20;

/// Prints the status of these agents, or of all.
pub(crate) fn show_status(socket: &Path, names: Vec<String>, as_json: bool) -> Exit {
    let agents = match ask(socket, &Request::Status { names }, CLIENT_LIMIT) {
        Ok(Response::Agents(agents)) => agents,
        other => return complain_about(other, Asker::Reads),
    };
    let exit = match agents.iter().all(is_running) {
        true => Exit::Success,
        false => Exit::NotRunning,
    };
    if as_json {
        return print_json(&agents, exit);
    }
    // A reader that closes the pipe early (`| head -1`) has seen what it wanted.
    let _ = io::stdout().write_all(table::draw(&agents).as_bytes());
    exit
}

/// Changes something and prints what became of it.
pub(crate) fn act(socket: &Path, action: Action) -> Exit {
    let wait = Duration::from_millis(action.wait_ms.unwrap_or(0));
    let deadline = Instant::now() + wait;
    let is_shutdown = action.change == Change::Shutdown;
    let is_signal = matches!(action.change, Change::Signal(_));
    let waits = action.wait_ms.is_some();
    let (agents, missing) = match ask(socket, &Request::Act(action), wait + CLIENT_LIMIT) {
        Ok(Response::Done(agents)) => (agents, Vec::new()),
        Ok(Response::NotDone { agents, missing }) => (agents, missing),
        other => return complain_about(other, Asker::Changes),
    };
    if is_shutdown {
        return match !waits || is_gone_by(socket, deadline) {
            true => Exit::Success,
            false => tell_failure("the coordinator is still stopping its agents"),
        };
    }
    let _ = io::stdout().write_all(table::draw(&agents).as_bytes());
    if missing.is_empty() {
        return Exit::Success;
    }
    let names = missing.join(", ");
    let is_fatal =
        |agent: &AgentStatus| agent.state == InstanceState::Fatal && missing.contains(&agent.name);
    if is_signal {
        let _ = writeln!(io::stderr(), "not running: {names}");
        return Exit::NotThere;
    }
    let told = tell_failure(&format!("not done in time, or not to be done: {names}"));
    match agents.iter().any(is_fatal) {
        true => Exit::NotThere,
        false => told,
    }
}

/// Waits until each of these is in one of the states, and prints how they are then.
pub(crate) fn wait(
    socket: &Path,
    names: &[String],
    states: &[InstanceState],
    limit: Duration,
    as_json: bool,
) -> Exit {
    let deadline = Instant::now() + limit;
    let (agents, missing) = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let question = Request::Wait {
            names: names.to_vec(),
            states: states.to_vec(),
            wait_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        };
        match ask(socket, &question, left + CLIENT_LIMIT) {
            Ok(Response::Done(agents)) => break (agents, Vec::new()),
            Ok(Response::NotDone { agents, missing }) => break (agents, missing),
            // Another binary may have taken its place, or it has ended: the next question tells.
            Err(AskError::Closed(_)) if Instant::now() < deadline => rest(),
            other => return complain_about(other, Asker::Changes),
        }
    };
    let exit = match missing.is_empty() {
        true => Exit::Success,
        false => Exit::Internal,
    };
    if as_json {
        return print_json(
            &WaitJson {
                met: missing.is_empty(),
                missing: &missing,
                agents: &agents,
            },
            exit,
        );
    }
    let _ = io::stdout().write_all(table::draw(&agents).as_bytes());
    match missing.is_empty() {
        true => exit,
        false => tell_failure(&format!("not in time: {}", missing.join(", "))),
    }
}

/// What `wait --json` prints.
#[derive(Serialize)]
struct WaitJson<'a> {
    met: bool,
    /// Those that are in none of the states.
    missing: &'a [String],
    agents: &'a [AgentStatus],
}

/// Everything that the coordinator knows of these agents; else what `complain_about` has told.
pub(crate) fn ask_for_descriptions(
    socket: &Path,
    names: Vec<String>,
) -> Result<(CoordinatorStatus, Vec<Description>), Exit> {
    match ask(socket, &Request::Describe { names }, CLIENT_LIMIT) {
        Ok(Response::Described {
            coordinator,
            agents,
        }) => Ok((coordinator, agents)),
        other => Err(complain_about(other, Asker::Reads)),
    }
}

/// Lets another number of instances run and prints how they are then.
pub(crate) fn scale(socket: &Path, agent: String, instances: u32, wait_ms: Option<u64>) -> Exit {
    let limit = Duration::from_millis(wait_ms.unwrap_or(0)) + RELOAD_LIMIT;
    let question = Request::Scale {
        agent,
        instances,
        wait_ms,
    };
    let (agents, missing) = match ask(socket, &question, limit) {
        Ok(Response::Done(agents)) => (agents, Vec::new()),
        Ok(Response::NotDone { agents, missing }) => (agents, missing),
        Ok(Response::Invalid(refusal)) => {
            return tell_failure(&format!("{}; nothing has changed", refusal.text));
        }
        other => return complain_about(other, Asker::Changes),
    };
    let _ = io::stdout().write_all(table::draw(&agents).as_bytes());
    match missing.is_empty() {
        true => Exit::Success,
        false => tell_failure(&format!("not in time: {}", missing.join(", "))),
    }
}

/// Lets agents.toml be read anew and prints what that did.
pub(crate) fn reload(socket: &Path, dry_run: bool, as_json: bool) -> Exit {
    match ask(socket, &Request::Reload { dry_run }, RELOAD_LIMIT) {
        Ok(Response::Reloaded(changes)) if as_json => print_json(&changes, Exit::Success),
        Ok(Response::Reloaded(changes)) => {
            let _ = writeln!(io::stdout(), "{}", changes.lines().join("\n"));
            Exit::Success
        }
        Ok(Response::Invalid(refusal)) if as_json => print_json(&refusal, Exit::Configuration),
        Ok(Response::Invalid(refusal)) => {
            let _ = writeln!(io::stderr(), "{}; nothing has changed", refusal.text);
            Exit::Configuration
        }
        other => complain_about(other, Asker::Changes),
    }
}

/// Lets another program take over in place and prints which did.
pub(crate) fn upgrade(socket: &Path, binary: Option<PathBuf>) -> Exit {
    match ask(socket, &Request::Upgrade { binary }, UPGRADE_LIMIT) {
        Ok(Response::Upgraded { from, to }) => {
            let _ = writeln!(
                io::stdout(),
                "upgraded from version {from} to {to}; every agent runs on"
            );
            Exit::Success
        }
        Ok(Response::Refused(why)) => tell_failure(&format!(
            "not upgraded, the running coordinator goes on: {why}"
        )),
        other => complain_about(other, Asker::Changes),
    }
}

/// Whether nobody answers there any more.
fn is_gone_by(socket: &Path, deadline: Instant) -> bool {
    loop {
        if UnixStream::connect(socket).is_err() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        rest();
    }
}

fn rest() {
    let _ = nix::poll::poll(&mut [], GONE_LOOK_MS); // nothing to wait for
}

/// One that finished as wanted, or is not wanted, is no fault; but it does not run either.
fn is_running(agent: &AgentStatus) -> bool {
    agent.state == InstanceState::Running
}

fn tell_failure(text: &str) -> Exit {
    let _ = writeln!(io::stderr(), "{text}");
    Exit::Internal
}
