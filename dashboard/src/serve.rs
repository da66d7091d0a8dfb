//! Binds, tells the service manager and the terminal, serves, and ends in order.
//! It knows no route.

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::app::App;
use crate::router::router;
use crate::settings::{Listen, Settings};

/// What is open after a TERM is given so long; then the connections are closed.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Why it does not serve. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error(
        "listen on {what}: {source}; another dashboard may run, --listen names another address (port 0 picks a free one)"
    )]
    Bind {
        /// Address or path.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// No thread could be started.
    #[error("start the observer")]
    Observer(#[source] io::Error),
    /// Signals cannot be waited for.
    #[error("wait for signals")]
    Signals(#[source] io::Error),
    /// Connections cannot be accepted any more.
    #[error("accept connections")]
    Accept(#[source] io::Error),
}

/// Serves until `stop` is done. `listening` is told the URL once, when connections are accepted.
pub async fn serve(
    settings: Settings,
    stop: impl Future<Output = ()> + Send + 'static,
    listening: impl FnOnce(&str),
) -> Result<(), ServeError> {
    let (end, ending) = watch::channel(false);
    let listen = settings.listen.clone();
    let app = App::start(settings, ending.clone()).map_err(ServeError::Observer)?;
    let routes = router(app);
    let mut ended = ending.clone();
    let ended = async move {
        // An error means that the sender is gone, which ends it too.
        let _ = ended.wait_for(|is_ending| *is_ending).await;
    };
    let bound = |what: &str| {
        let what = what.to_owned();
        move |source| ServeError::Bind { what, source }
    };
    let serving: std::pin::Pin<Box<dyn Future<Output = io::Result<()>> + Send>> = match listen {
        Listen::Tcp(address) => {
            let listener = TcpListener::bind(address)
                .await
                .map_err(bound(&address.to_string()))?;
            let address = listener.local_addr().map_err(ServeError::Accept)?;
            listening(&format!("http://{address}/"));
            Box::pin(
                axum::serve(listener, routes)
                    .with_graceful_shutdown(ended)
                    .into_future(),
            )
        }
        Listen::Unix(path) => {
            let what = path.display().to_string();
            let listener = bind_socket(path).map_err(bound(&what))?;
            listening(&format!("unix:{what}"));
            Box::pin(
                axum::serve(listener, routes)
                    .with_graceful_shutdown(ended)
                    .into_future(),
            )
        }
    };
    notify(&[NotifyState::Ready]);
    let watchdog = tokio::spawn(keep_watchdog_quiet());
    let stopping = async {
        stop.await;
        notify(&[NotifyState::Stopping]);
        // Streams end by this too: otherwise the server would wait for them for ever.
        let _ = end.send(true);
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    let result = tokio::select! {
        result = serving => result.map_err(ServeError::Accept),
        () = stopping => Ok(()),
    };
    watchdog.abort();
    result
}

/// A socket that only this user can reach; one that a dead dashboard left is replaced.
fn bind_socket(path: PathBuf) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(&path)
        .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        std::fs::remove_file(&path)?;
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// TERM or INT.
pub fn signalled() -> Result<impl Future<Output = ()> + Send + 'static, ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut int = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => tracing::info!("SIGTERM: ending"),
            _ = int.recv() => tracing::info!("SIGINT: ending"),
        }
    })
}

/// The timer runs on the runtime that serves: a runtime that hangs sends nothing.
async fn keep_watchdog_quiet() {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut timer = tokio::time::interval(limit / 3);
    loop {
        timer.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}

/// Without a service manager this does nothing.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "failed to notify the service manager");
    }
}
