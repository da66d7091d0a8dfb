//! Whether, why and until when the agent has to end. It does not end anything itself.

use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How long a round of work may go on after a signal: well below every usual kill timeout (systemd 90 s, Docker 10 s,
/// the coordinator's own `stop` says it itself).
const GRACE_AFTER_SIGNAL: Duration = Duration::from_secs(3);

/// Why the agent has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// TERM or INT.
    Signal(&'static str),
    /// A `stop` message.
    Message,
    /// The coordinator's end of stdin is closed.
    InputClosed,
    /// Nobody reads stdout any more.
    OutputClosed,
}

impl Why {
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Why::Signal(name) => name,
            Why::Message => "asked to stop by the coordinator",
            Why::InputClosed => "the coordinator is gone",
            Why::OutputClosed => "nobody reads stdout",
        }
    }
}

/// A request to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopRequest {
    pub(crate) why: Why,
    /// What is under way is dropped then.
    pub(crate) until: Instant,
}

/// The request to end, seen by everybody; set from any thread.
#[derive(Debug)]
pub(crate) struct Stop(watch::Sender<Option<StopRequest>>);

impl Stop {
    pub(crate) fn new() -> Self {
        Stop(watch::Sender::new(None))
    }

    /// Notes a request. The first reason stays. A `stop` message comes together with TERM and alone knows how much
    /// time there is, so its grace replaces that of a signal; a closed stdout ends everything at once.
    pub(crate) fn request(&self, why: Why, grace: Option<Duration>) {
        let until = Instant::now()
            + match (why, grace) {
                (Why::OutputClosed, _) => Duration::ZERO,
                (_, Some(grace)) => usable(grace),
                (_, None) => GRACE_AFTER_SIGNAL,
            };
        self.0.send_modify(|request| match request {
            None => *request = Some(StopRequest { why, until }),
            Some(_) if why == Why::OutputClosed => *request = Some(StopRequest { why, until }),
            Some(earlier) if grace.is_some() => earlier.until = until,
            Some(_) => {}
        });
    }

    pub(crate) fn requested(&self) -> Option<StopRequest> {
        *self.0.borrow()
    }

    /// Resolves once the agent has to end.
    pub(crate) async fn wait(&self) -> StopRequest {
        let mut requests = self.0.subscribe();
        let request = requests
            .wait_for(Option::is_some)
            .await
            .expect("the sender lives in `self`");
        request.expect("waited until there is one")
    }

    /// Resolves once the agent has to end and its grace is over.
    pub(crate) async fn wait_until_over(&self) {
        let mut requests = self.0.subscribe();
        loop {
            let until = self.wait().await.until;
            requests.mark_unchanged();
            tokio::select! {
                () = tokio::time::sleep_until(until.into()) => return,
                // The deadline may have moved.
                _ = requests.changed() => {}
            }
        }
    }
}

/// A fifth of the grace is kept for the orderly end: last messages and the exit itself.
fn usable(grace: Duration) -> Duration {
    grace.mul_f64(0.8)
}
