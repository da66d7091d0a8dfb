//! The verbs that talk to a running coordinator: asks it and prints what it says. It starts nothing and needs no runtime.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shared_state::InstanceState;

use super::{Action, AgentStatus, CLIENT_LIMIT, Change, Request, Response, table};
use crate::Exit;

/// A reload registers the agents, which waits for the disk.
const RELOAD_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks whether a coordinator has gone.
const GONE_LOOK_MS: u8 = 20;

/// Why there is no answer. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(
        "reach a coordinator at {0}: none is running there; start it, or name its --database or --socket"
    )]
    NobodyThere(PathBuf),
    #[error("use the socket {0}: it belongs to another user; run this as that user or as root")]
    Forbidden(PathBuf),
    #[error("ask the coordinator at {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("understand the coordinator: it may be of another version")]
    Json(#[from] serde_json::Error),
}

/// Prints the status of these agents, or of all.
pub(crate) fn show_status(socket: &Path, names: Vec<String>, as_json: bool) -> Exit {
    let agents = match ask(socket, &Request::Status { names }, CLIENT_LIMIT) {
        Ok(Response::Agents(agents)) => agents,
        other => return complain_about(other),
    };
    let text = if as_json {
        serde_json::to_string_pretty(&agents)
            .map(|text| text + "\n")
            .map_err(io::Error::from)
    } else {
        Ok(table::draw(&agents))
    };
    // A reader that closes the pipe early (`| head -1`) has seen what it wanted.
    let _ = text.and_then(|text| io::stdout().write_all(text.as_bytes()));
    match agents.iter().all(is_running) {
        true => Exit::Success,
        false => Exit::NotRunning,
    }
}

/// Changes something and prints what became of it.
pub(crate) fn act(socket: &Path, action: Action) -> Exit {
    let wait = Duration::from_millis(action.wait_ms.unwrap_or(0));
    let deadline = Instant::now() + wait;
    let is_shutdown = action.change == Change::Shutdown;
    let waits = action.wait_ms.is_some();
    let (agents, missing) = match ask(socket, &Request::Act(action), wait + CLIENT_LIMIT) {
        Ok(Response::Done(agents)) => (agents, Vec::new()),
        Ok(Response::NotDone { agents, missing }) => (agents, missing),
        other => return complain_about(other),
    };
    if is_shutdown {
        return match !waits || is_gone_by(socket, deadline) {
            true => Exit::Success,
            false => tell_failure("the coordinator is still stopping its agents"),
        };
    }
    let _ = io::stdout().write_all(table::draw(&agents).as_bytes());
    match missing.is_empty() {
        true => Exit::Success,
        false => tell_failure(&format!(
            "not done in time, or not to be done: {}",
            missing.join(", ")
        )),
    }
}

/// Lets agents.toml be read anew and prints what that did.
pub(crate) fn reload(socket: &Path, dry_run: bool) -> Exit {
    match ask(socket, &Request::Reload { dry_run }, RELOAD_LIMIT) {
        Ok(Response::Reloaded(lines)) => {
            let _ = writeln!(io::stdout(), "{}", lines.join("\n"));
            Exit::Success
        }
        Ok(Response::Invalid(problems)) => {
            let _ = writeln!(io::stderr(), "{problems}; nothing has changed");
            Exit::Configuration
        }
        other => complain_about(other),
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
        let _ = nix::poll::poll(&mut [], GONE_LOOK_MS); // a rest, nothing to wait for
    }
}

/// One that finished as wanted, or is not wanted, is no fault; but it does not run either.
fn is_running(agent: &AgentStatus) -> bool {
    agent.state == InstanceState::Running
}

/// Of an answer that is none.
fn complain_about(answer: Result<Response, AskError>) -> Exit {
    let text = match answer {
        Ok(Response::NoSuchAgent(name)) => {
            format!("there is no agent {name:?}; `coordinator status` lists them")
        }
        Ok(Response::Misunderstood(why)) => format!("the coordinator refused: {why}"),
        Ok(_) => {
            "the coordinator gave another answer than was asked for: it may be of another version"
                .into()
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("failed to {error}{}", cause.unwrap_or_default())
        }
    };
    let _ = writeln!(io::stderr(), "{text}");
    Exit::Unknown
}

fn tell_failure(text: &str) -> Exit {
    let _ = writeln!(io::stderr(), "{text}");
    Exit::Internal
}

fn ask(socket: &Path, request: &Request, limit: Duration) -> Result<Response, AskError> {
    let in_io = |source: io::Error| {
        let path = socket.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                AskError::NobodyThere(path)
            }
            io::ErrorKind::PermissionDenied => AskError::Forbidden(path),
            _ => AskError::Io { path, source },
        }
    };
    let mut stream = UnixStream::connect(socket).map_err(in_io)?;
    stream.set_read_timeout(Some(limit)).map_err(in_io)?;
    stream
        .set_write_timeout(Some(CLIENT_LIMIT))
        .map_err(in_io)?;
    let mut question = serde_json::to_vec(request)?;
    question.push(b'\n');
    stream.write_all(&question).map_err(in_io)?;
    let mut answer = String::new();
    BufReader::new(stream)
        .read_line(&mut answer)
        .map_err(in_io)?;
    Ok(serde_json::from_str(&answer)?)
}
