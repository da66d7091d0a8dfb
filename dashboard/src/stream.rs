//! Live streams: after each change the parts that differ from what this browser has, as server-sent events.
//! Nothing is replayed: the first event of a connection is the whole, and the latest view wins for a slow one.
//!
//! Events: `patch` (`{"parts": [[id, html]], "lists": [[id, [ids]]]}`), `log` (`{"reset", "lines", "older", "excuse", "gap"}`)
//! and `tick`, the server's time every five seconds. `gap` (`{"from", "to"}`) tells of log lines that a slow browser missed.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_stream::wrappers::ReceiverStream;

use crate::app::App;
use crate::log_tail::{Line, Origin, Position};
use crate::observer::{Looking, now_ms};
use crate::pages::log::{LINES, Log, ShownLine, excuse, shown};
use crate::parts::Sent;
use crate::problem::Problem;
use crate::query::{FleetQuery, Params};
use crate::questions::{self, Part};
use crate::router::{Id, RunId};
use crate::screen::Screen;
use crate::traces::ask;
use crate::traces::query::TracesQuery;
use crate::words;

/// Browsers connect again after this time.
const RETRY: Duration = Duration::from_secs(2);

/// Comments that keep proxies from closing a quiet connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The browser calls the connection stale when it misses some of these.
const TICK: Duration = Duration::from_secs(5);

/// Log files are looked at this often: one `stat`.
const LOG_EVERY: Duration = Duration::from_millis(500);

/// Pages that ask the store are renewed no more often than this.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Asking for traces costs tens of milliseconds over years of them, and people look at sums, not at single runs.
const ASK_TRACES_EVERY: Duration = Duration::from_secs(1);

/// `GET /events/fleet`
pub async fn fleet(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    open(app, Screen::Fleet(FleetQuery::read(&params)?)).await
}

/// `GET /events/agents/{id}`
pub async fn agent(State(app): State<App>, Id(id): Id) -> Result<Response, Problem> {
    open(app, Screen::Agent(id)).await
}

/// `GET /events/alerts`
pub async fn alerts(State(app): State<App>) -> Result<Response, Problem> {
    open(app, Screen::Alerts).await
}

/// `GET /events/events`
pub async fn events(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    open(app, Screen::events(&params)?).await
}

/// `GET /events/system`
pub async fn system(State(app): State<App>) -> Result<Response, Problem> {
    open(app, Screen::System).await
}

/// `GET /events/traces`
pub async fn traces(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    open(app, Screen::Traces(TracesQuery::read(&params)?)).await
}

/// `GET /events/traces/runs/{run_id}`
pub async fn trace_run(State(app): State<App>, RunId(run_id): RunId) -> Result<Response, Problem> {
    open(app, Screen::TraceRun(run_id)).await
}

async fn open(app: App, screen: Screen) -> Result<Response, Problem> {
    let Ok(permit) = Semaphore::try_acquire_owned(Arc::clone(&app.streams)) else {
        return Err(Problem::unavailable(
            "too many live pages",
            "The dashboard serves no more streams at once. Close some tabs; this page tries again by itself.",
        ));
    };
    let looking = app.observer.look(screen.range()).await;
    let is_there = looking.views.borrow().seen.is_ok();
    // An unknown id is an answer, not an empty stream.
    match &screen {
        Screen::Agent(id) if is_there => drop(questions::instance(&app, *id).await?),
        Screen::TraceRun(id) if is_there => drop(ask::known_run(&app, id.clone()).await?),
        _ => {}
    }
    // One event waits for the connection; while it does, newer views replace each other.
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let live = Live {
        app,
        screen,
        sender,
        log: None,
    };
    tokio::spawn(live.run(looking, permit));
    let stream = Sse::new(ReceiverStream::new(receiver));
    Ok(stream
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}

/// Nobody listens any more, or the program ends.
struct Over;

struct Live {
    app: App,
    screen: Screen,
    sender: Sender<Result<Event, Infallible>>,
    log: Option<Follow>,
}

/// The log file that is followed, and how far it was sent.
struct Follow {
    path: PathBuf,
    at: Option<Position>,
    excuse: Option<String>,
    /// Time of the last line that was sent.
    last: Option<String>,
}

#[derive(serde::Serialize)]
struct LogEvent {
    reset: bool,
    lines: Vec<ShownLine>,
    older: Option<String>,
    excuse: Option<String>,
    gap: Option<Gap>,
}

/// Lines between these times were not sent: more came than a browser takes, or files were rotated away meanwhile.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
struct Gap {
    from: String,
    to: String,
}

impl Follow {
    /// What is missing between the last line that was sent and the first of these.
    fn gap_before(&self, lines: &[Line]) -> Option<Gap> {
        let from = self.last.as_ref()?;
        let to = lines
            .iter()
            .map(|line| &line.at)
            .find(|at| !at.is_empty())?;
        (to > from).then(|| Gap {
            from: from.clone(),
            to: to.clone(),
        })
    }

    fn note_last(&mut self, lines: &[Line]) {
        let last = lines.iter().rfind(|line| !line.at.is_empty());
        self.last = last.map(|line| line.at.clone()).or(self.last.take());
    }
}

impl Gap {
    /// As a line at its place.
    fn shown(&self) -> ShownLine {
        let text = format!(
            "lines between {} and {} are missing here: they came faster than this page took them",
            self.from, self.to
        );
        shown(&Line {
            at: self.to.clone(),
            origin: Origin::Coordinator,
            text,
        })
    }
}

impl Live {
    async fn run(mut self, mut looking: Looking, _permit: OwnedSemaphorePermit) {
        let mut ending = self.app.ending.clone();
        let closed = self.sender.clone();
        tokio::select! {
            _ = ending.wait_for(|is_ending| *is_ending) => {}
            () = closed.closed() => {}
            _ = self.send_changes(&mut looking) => {}
        }
    }

    async fn send_changes(&mut self, looking: &mut Looking) -> Result<(), Over> {
        let mut sent = Sent::default();
        let mut tick = interval(TICK);
        let mut log = interval(LOG_EVERY);
        for timer in [&mut tick, &mut log] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        self.send(
            Event::default()
                .comment("the whole comes first")
                .retry(RETRY),
        )
        .await?;
        loop {
            let not_before = Instant::now() + self.spacing();
            let view = Arc::clone(&looking.views.borrow_and_update());
            // A question that fails now is asked again with the next view; the banner says what is the matter.
            if let Ok(parts) = self.screen.parts(&self.app, &view).await {
                let patch = sent.difference(&parts);
                if !patch.is_empty() {
                    self.send_json("patch", &patch).await?;
                }
            }
            loop {
                tokio::select! {
                    changed = looking.views.changed() => {
                        changed.map_err(|_| Over)?;
                        break;
                    }
                    _ = tick.tick() => self.send(Event::default().event("tick").data(words::iso(now_ms()))).await?,
                    _ = log.tick(), if matches!(self.screen, Screen::Agent(_)) => self.send_log().await?,
                }
            }
            sleep_until(not_before).await;
        }
    }

    fn spacing(&self) -> Duration {
        match self.screen {
            Screen::Fleet(_) => Duration::ZERO,
            Screen::Traces(_) => ASK_TRACES_EVERY,
            _ => ASK_EVERY,
        }
    }

    async fn send_log(&mut self) -> Result<(), Over> {
        let Screen::Agent(id) = self.screen else {
            return Ok(());
        };
        if self.log.is_none() {
            let Ok((instance, _)) = questions::instance(&self.app, id).await else {
                return Ok(());
            };
            let Some(path) = instance.log_path else {
                return Ok(());
            };
            self.log = Some(Follow {
                path: path.into(),
                at: None,
                excuse: None,
                last: None,
            });
        }
        let Some(follow) = &mut self.log else {
            return Ok(());
        };
        if let Some(at) = follow.at
            && let Ok(Some(piece)) = questions::log_since(&follow.path, at).await
        {
            follow.at = Some(piece.end);
            if piece.lines.is_empty() {
                return Ok(());
            }
            follow.note_last(&piece.lines);
            let lines = piece.lines.iter().map(shown).collect();
            let event = LogEvent {
                reset: false,
                lines,
                older: None,
                excuse: None,
                gap: None,
            };
            return self.send_json("log", &event).await;
        }
        let path = follow.path.display().to_string();
        let log = questions::log(Some(path), Part::Tail(LINES)).await;
        let excuse = excuse(&log);
        let piece = match log {
            Log::Read(piece) => Some(piece),
            Log::None | Log::Failed(_) => None,
        };
        // The same trouble is told once.
        if piece.is_none() && excuse == follow.excuse {
            return Ok(());
        }
        follow.excuse.clone_from(&excuse);
        follow.at = piece.as_ref().map(|piece| piece.end);
        let lines = piece.as_ref().map(|piece| &piece.lines[..]);
        let lines = lines.unwrap_or_default();
        let gap = follow.gap_before(lines);
        follow.note_last(lines);
        let marker = gap.as_ref().map(Gap::shown);
        let event = LogEvent {
            reset: true,
            older: piece
                .as_ref()
                .and_then(|piece| piece.older)
                .map(|at| at.to_string()),
            lines: marker.into_iter().chain(lines.iter().map(shown)).collect(),
            excuse,
            gap,
        };
        self.send_json("log", &event).await
    }

    async fn send_json(&self, name: &str, data: &impl serde::Serialize) -> Result<(), Over> {
        let event = Event::default()
            .event(name)
            .json_data(data)
            .map_err(|_| Over)?;
        self.send(event).await
    }

    async fn send(&self, event: Event) -> Result<(), Over> {
        self.sender.send(Ok(event)).await.map_err(|_| Over)
    }
}
