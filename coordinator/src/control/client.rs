//! `coordinator status`: asks the running coordinator and prints what it says. It starts nothing and needs no runtime.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use shared_state::InstanceState;

use super::{AgentStatus, CLIENT_LIMIT, Request, Response, table};
use crate::Exit;

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
    let response = match ask(socket, &Request::Status { names }) {
        Ok(response) => response,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            return complain(&format!("failed to {error}{}", cause.unwrap_or_default()));
        }
    };
    let agents = match response {
        Response::Agents(agents) => agents,
        Response::NoSuchAgent(name) => {
            return complain(&format!(
                "there is no agent {name:?}; `coordinator status` lists them"
            ));
        }
        Response::Misunderstood(why) => {
            return complain(&format!("the coordinator did not understand: {why}"));
        }
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

/// One that finished as wanted, or is not wanted, is no fault; but it does not run either.
fn is_running(agent: &AgentStatus) -> bool {
    agent.state == InstanceState::Running
}

fn complain(text: &str) -> Exit {
    let _ = writeln!(io::stderr(), "{text}");
    Exit::Unknown
}

fn ask(socket: &Path, request: &Request) -> Result<Response, AskError> {
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
    stream.set_read_timeout(Some(CLIENT_LIMIT)).map_err(in_io)?;
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
