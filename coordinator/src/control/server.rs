//! Answers clients of the socket, each in a task of its own with a time limit. What they want is done in `act`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::geteuid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::act::act;
use super::choose::choose;
use super::describe::{CoordinatorStatus, describe};
use super::scale::scale;
use super::waiting::wait_for_states;
use super::{AgentStatus, CLIENT_LIMIT, REQUEST_BYTES_MAX, Request, Response};
use crate::shared::{ReloadRequest, Shared, UpgradeRequest, Wanted};

/// Clients at once; further ones wait in the socket's own queue.
const CLIENTS_MAX: usize = 32;
/// Clients that wait for an effect. They hold a descriptor and a task for as long as an hour, so they have places of their
/// own: whoever waits keeps nobody from asking.
const WAITING_MAX: usize = 256;
/// How often it is seen whether one that waits has gone.
const GONE_LOOK: Duration = Duration::from_secs(1);
/// How long a client may take for its question: well below what others wait for an answer, so that a crowd of silent ones
/// delays them but does not turn them away.
const QUESTION_LIMIT: Duration = Duration::from_secs(2);
/// Rest after a failed accept: trying at once would only burn time.
const ACCEPT_REST: Duration = Duration::from_millis(200);

/// The bound socket; its file goes when this does.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: std::os::unix::net::UnixListener,
    path: PathBuf,
}

/// Why the socket was not made. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// Somebody answers there: a coordinator of another database.
    #[error(
        "make the socket {0}: another coordinator answers there; name another one with --socket"
    )]
    InUse(PathBuf),
    /// Something else is there.
    #[error(
        "make the socket {0}: a file that is no socket is in its place; name another one with --socket"
    )]
    Occupied(PathBuf),
    /// The system refused.
    #[error(
        "make the socket {path}: use a short path in a folder that this user may write (--socket)"
    )]
    Bind {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Makes the socket, for its owner only. One that nobody answers is the left-over of a dead coordinator and is replaced.
pub(crate) fn listen(path: &Path) -> Result<Listener, ListenError> {
    let in_bind = |source| ListenError::Bind {
        path: path.to_owned(),
        source,
    };
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(ListenError::InUse(path.to_owned()));
            }
            std::fs::remove_file(path).map_err(in_bind)?;
        }
        Ok(_) => return Err(ListenError::Occupied(path.to_owned())),
        Err(_) => {}
    }
    // Born with the right mode: between bind and chmod others could connect.
    let umask = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o177));
    let bound = std::os::unix::net::UnixListener::bind(path);
    nix::sys::stat::umask(umask);
    let listener = bound.map_err(in_bind)?;
    listener.set_nonblocking(true).map_err(in_bind)?;
    Ok(Listener {
        listener,
        path: path.to_owned(),
    })
}

impl Listener {
    /// The socket that the program before made and left listening.
    pub(crate) fn go_on(descriptor: OwnedFd, path: &Path) -> Self {
        Self {
            listener: descriptor.into(),
            path: path.to_owned(),
        }
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.listener.as_raw_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path); // the next start would replace it
    }
}

impl Listener {
    /// Answers clients for ever.
    pub(crate) async fn serve(&self, shared: Rc<Shared>) {
        let listener = match self.listener.try_clone().and_then(UnixListener::from_std) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!("failed to serve the control socket: {error}");
                return;
            }
        };
        let places = Arc::new(Semaphore::new(CLIENTS_MAX));
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        let mut spare = Spare::new();
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    spare.take_back();
                    let client = Client {
                        stream,
                        place: Some(place),
                        waiting: Arc::clone(&waiting),
                    };
                    let shared = Rc::clone(&shared);
                    // A client that is slow or gone is its own problem.
                    tokio::task::spawn_local(async move { drop(client.answer(&shared).await) });
                }
                Err(error) => {
                    if spare.give_away() {
                        continue;
                    }
                    tracing::warn!("failed to accept a client of the control socket: {error}");
                    tokio::time::sleep(ACCEPT_REST).await;
                    spare.take_back();
                }
            }
        }
    }
}

/// A descriptor kept for the client that comes when none is left: it may be the operator who wants to make room.
struct Spare(Option<std::fs::File>);

impl Spare {
    fn new() -> Self {
        Self(std::fs::File::open("/dev/null").ok())
    }

    /// Makes room for one client; returns whether there was something to give.
    fn give_away(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// Until there is room again, the next client has to wait.
    fn take_back(&mut self) {
        if self.0.is_none() {
            *self = Self::new();
        }
    }
}

/// One client and the place that it takes.
struct Client {
    stream: UnixStream,
    place: Option<OwnedSemaphorePermit>,
    waiting: Arc<Semaphore>,
}

impl Client {
    async fn answer(mut self, shared: &Shared) -> io::Result<()> {
        let mut line = Vec::new();
        let limit = u64::try_from(REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
        let mut reader = BufReader::new((&mut self.stream).take(limit));
        tokio::time::timeout(QUESTION_LIMIT, reader.read_until(b'\n', &mut line)).await??;
        // Only now: an answer to one that is still talking would be lost with what it says.
        let uid = self.stream.peer_cred()?.uid();
        if uid != 0 && uid != geteuid().as_raw() {
            tracing::warn!(
                uid,
                "a client of the control socket was refused: it belongs to another user"
            );
            let why = "it belongs to another user; run this as that user or as root";
            return self.say(&Response::Forbidden(why.into())).await;
        }
        let response = match serde_json::from_slice::<Request>(&line) {
            Ok(Request::Upgrade { binary }) => {
                // The next program answers by the same connection, if it comes to that.
                let connection = self.stream.as_fd().try_clone_to_owned()?;
                upgrade(binary, connection, shared).await
            }
            Ok(request) if request.waits() => match self.respond_late(request, shared).await {
                Some(response) => response,
                None => return Ok(()),
            },
            Ok(request) => respond(request, shared).await,
            Err(error) => Response::Misunderstood(error.to_string()),
        };
        self.say(&response).await
    }

    /// Gives its place to others while it waits. `None` once it has gone.
    async fn respond_late(&mut self, request: Request, shared: &Shared) -> Option<Response> {
        let Ok(_waiting) = Arc::clone(&self.waiting).try_acquire_owned() else {
            let why = format!("{WAITING_MAX} clients wait already; ask again with --no-wait");
            return Some(Response::Forbidden(why));
        };
        self.place = None;
        tokio::select! {
            response = respond(request, shared) => Some(response),
            () = has_gone(&self.stream) => None,
        }
    }

    async fn say(mut self, response: &Response) -> io::Result<()> {
        let mut text = serde_json::to_vec(response)?;
        text.push(b'\n');
        tokio::time::timeout(CLIENT_LIMIT, self.stream.write_all(&text)).await??;
        self.stream.shutdown().await
    }
}

/// Until the other end is closed for reading too: one that has only said all that it wants to say still listens.
async fn has_gone(stream: &UnixStream) {
    loop {
        tokio::time::sleep(GONE_LOOK).await;
        let mut ends = [PollFd::new(stream.as_fd(), PollFlags::empty())];
        let _ = poll(&mut ends, PollTimeout::ZERO);
        if ends[0].any().unwrap_or(false) {
            return;
        }
    }
}

async fn upgrade(binary: Option<PathBuf>, asker: OwnedFd, shared: &Shared) -> Response {
    let (refused, answered) = oneshot::channel();
    let request = UpgradeRequest {
        binary,
        asker: Some(asker),
        refused: Some(refused),
    };
    let _ = shared.upgrades.send(request).await; // else there is no answer either
    match answered.await {
        Ok(why) => Response::Refused(why),
        Err(_) => Response::Misunderstood("it is ending".into()),
    }
}

async fn respond(request: Request, shared: &Shared) -> Response {
    match request {
        Request::Act(action) => act(action, shared).await,
        Request::Reload { dry_run } => reload(dry_run, shared).await,
        Request::Scale {
            agent,
            instances,
            wait_ms,
        } => scale(agent, instances, wait_ms, shared).await,
        Request::Describe { names } => describe(&names, shared).await,
        Request::Coordinator => Response::Coordinator(CoordinatorStatus::of(shared)),
        Request::Wait {
            names,
            states,
            wait_ms,
        } => wait_for_states(&names, &states, Duration::from_millis(wait_ms), shared).await,
        Request::Upgrade { .. } => {
            Response::Misunderstood("an upgrade needs its connection".into())
        }
        Request::Status { names } => {
            let (views, now) = (shared.board.views(), Instant::now());
            match choose(&views, &names) {
                Ok(chosen) => {
                    let status = |index: &usize| AgentStatus::of(&views[*index], now);
                    Response::Agents(chosen.iter().map(status).collect())
                }
                Err(name) => Response::NoSuchAgent(name),
            }
        }
    }
}

async fn reload(dry_run: bool, shared: &Shared) -> Response {
    let (answer, answered) = oneshot::channel();
    let sent = shared
        .reloads
        .send(ReloadRequest {
            wanted: Wanted::File { dry_run },
            answer,
        })
        .await;
    match (sent, answered.await) {
        (Ok(()), Ok(Ok(changes))) => Response::Reloaded(changes),
        (Ok(()), Ok(Err(refusal))) => Response::Invalid(refusal),
        _ => Response::Misunderstood("it is ending".into()),
    }
}
