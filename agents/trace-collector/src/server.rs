//! Responsible for connections: accepts them on a thread of its own, bounds them in number and time, and ends them in order.
//! It knows no route. The thread is its own because the agent's thread waits while the coordinator does not read: clients then
//! still get an answer.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::{Semaphore, oneshot};
use tracing::debug;

/// Connections at the same time; more wait in the system's queue. Each costs a buffer of some kilobytes.
const CONNECTIONS_MAX: usize = 256;

/// The head of a request comes in one piece from every client that is not broken.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// An accept that fails (too many open files) is tried again, not in a busy loop.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Open requests are finished for so long at the end: a little more than one may wait to be stored.
const END_WITHIN: Duration = Duration::from_secs(8);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    end: Option<oneshot::Sender<()>>,
    ended: Option<oneshot::Receiver<()>>,
    _thread: JoinHandle<()>,
}

impl Server {
    /// Serves on a thread of its own.
    pub(crate) fn start(listener: TcpListener, router: Router) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(4)
            .thread_name("trace-collector-body")
            .build()?;
        let (end, ending) = oneshot::channel();
        let (say_ended, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("trace-collector-http".into())
            .spawn(move || {
                runtime.block_on(serve(listener, router, ending));
                let _ = say_ended.send(());
            })?;
        Ok(Self {
            end: Some(end),
            ended: Some(ended),
            _thread: thread,
        })
    }

    /// Accepts nothing more and resolves once all open requests are answered.
    pub(crate) async fn end(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(ended) = self.ended.take() {
            let _ = ended.await;
        }
    }
}

/// Takes the address now, so that a start fails where it is taken. An address that another program has is not shared.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
}

async fn serve(listener: TcpListener, router: Router, mut ending: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("failed to listen: {error}");
            return;
        }
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(64 * 1024);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            _ = &mut ending => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!("failed to accept a connection: {error}");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!("a connection ended early: {error}");
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(END_WITHIN, graceful.shutdown()).await;
}
