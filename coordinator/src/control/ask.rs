//! One question to a running coordinator, and what went wrong where there is no answer. It needs no runtime.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{CLIENT_LIMIT, Request, Response};
use crate::Exit;
use crate::verbs::{chain, complain};

/// Between a connection that was closed and the next question.
const REST_MS: u8 = 20;

/// Why there is no answer. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error(
        "reach a coordinator at {0}: none is running there; start it, or name its --database or --socket"
    )]
    NobodyThere(PathBuf),
    #[error("use the socket {0}: it belongs to another user; run this as that user or as root")]
    Forbidden(PathBuf),
    /// It has ended, or another binary has taken its place.
    #[error("get an answer at {0}: the coordinator has closed the connection; ask again")]
    Closed(PathBuf),
    #[error("ask the coordinator at {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("understand the coordinator: it may be of another version")]
    Json(#[from] serde_json::Error),
}

/// What kind of verb asks: the exit codes of LSB differ between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// It only reads, as `status`.
    Reads,
    /// It changes something, or waits for a change.
    Changes,
}

/// Tells what is wrong with an answer that was not hoped for.
pub(super) fn complain_about(answer: Result<Response, AskError>, asker: Asker) -> Exit {
    let (text, exit) = match answer {
        Ok(Response::NoSuchAgent(name)) => (
            format!("there is no agent {name:?}; `coordinator status` lists them"),
            Exit::NoSuchAgent,
        ),
        Ok(Response::Misunderstood(why)) => (
            format!("the coordinator refused: {why}"),
            Exit::Configuration,
        ),
        Ok(Response::Forbidden(why)) => (
            format!("the coordinator refused: {why}"),
            Exit::NotPermitted,
        ),
        Ok(_) => (
            "the coordinator gave another answer than was asked for: it may be of another version"
                .to_owned(),
            Exit::Internal,
        ),
        Err(error) => {
            let exit = match error {
                AskError::NobodyThere(_) => Exit::NotThere,
                AskError::Forbidden(_) => Exit::NotPermitted,
                AskError::Closed(_) | AskError::Io { .. } | AskError::Json(_) => Exit::Internal,
            };
            (chain(&error.into()), exit)
        }
    };
    complain(
        &text,
        match asker {
            Asker::Changes => exit,
            // Whatever the cause, nothing is known of the agents.
            Asker::Reads => Exit::Unknown,
        },
    )
}

/// Asks and waits for the answer, at most for `limit`. What only reads is asked again where the connection was closed: another
/// program has taken the coordinator's place, or it has ended, which the next question tells.
pub(super) fn ask(socket: &Path, request: &Request, limit: Duration) -> Result<Response, AskError> {
    let deadline = Instant::now() + limit;
    loop {
        match ask_once(socket, request, limit) {
            Err(AskError::Closed(_)) if request.only_reads() && Instant::now() < deadline => {
                let _ = nix::poll::poll(&mut [], REST_MS); // nothing to wait for
            }
            answer => return answer,
        }
    }
}

fn ask_once(socket: &Path, request: &Request, limit: Duration) -> Result<Response, AskError> {
    let in_io = |source: io::Error| {
        let path = socket.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                AskError::NobodyThere(path)
            }
            io::ErrorKind::PermissionDenied => AskError::Forbidden(path),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => AskError::Closed(path),
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
    if answer.is_empty() {
        return Err(AskError::Closed(socket.to_owned()));
    }
    Ok(serde_json::from_str(&answer)?)
}
