//! A thread that asks the coordinator and reads `/proc` once a second, so that keys are answered while an answer is awaited.
//! It shows nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::time::{Duration, Instant};

use super::sample::{Sample, Sampler};
use crate::control::{Change, ask_for_change, look};
use crate::proc_tree::Processes;

/// As often as a person sees a change, and cheap for a thousand agents.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// Samples that wait for a terminal that takes nothing; the thread waits then.
const NEWS_MAX: usize = 2;
/// Changes that were asked for and are not under way; more keys than that say nothing new.
const WISHES_MAX: usize = 8;

/// What the thread found.
#[derive(Debug)]
pub(super) enum News {
    Sample(Box<Sample>),
    /// No coordinator answers, and why.
    Lost(String),
    /// What became of a change that was asked for.
    Note(String),
}

/// The thread's end in the hands of the view.
pub(super) struct Watcher {
    news: Receiver<News>,
    wishes: SyncSender<(Change, String)>,
}

impl Watcher {
    /// The thread ends with the program, or when nobody takes its news any more.
    pub(super) fn start(socket: PathBuf) -> io::Result<Self> {
        let (tell, news) = sync_channel(NEWS_MAX);
        let (wishes, wished) = sync_channel(WISHES_MAX);
        std::thread::Builder::new()
            .name("watcher".into())
            .spawn(move || watch(&socket, &tell, &wished))?;
        Ok(Self { news, wishes })
    }

    /// What is new; `Err` where the thread has ended.
    pub(super) fn news(&self) -> Result<Option<News>, TryRecvError> {
        match self.news.try_recv() {
            Ok(news) => Ok(Some(news)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for a change; one too many is dropped, as the person sees nothing happen and presses again.
    pub(super) fn ask(&self, change: Change, name: String) {
        match self.wishes.try_send((change, name)) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

fn watch(socket: &Path, tell: &SyncSender<News>, wished: &Receiver<(Change, String)>) {
    let mut sampler = Sampler::default();
    loop {
        let next = Instant::now() + SAMPLE_EVERY;
        let news = match look(socket) {
            Ok((coordinator, agents)) => {
                let (processes, at) = (Processes::read(), Instant::now());
                let sample = sampler.sample(coordinator, agents, &processes, at);
                News::Sample(Box::new(sample))
            }
            Err(why) => News::Lost(why),
        };
        if tell.send(news).is_err() {
            return;
        }
        // What was asked for is done at once, and seen at once.
        match wished.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok((change, name)) => {
                let what = match change {
                    Change::Start => "start",
                    Change::Stop => "stop",
                    _ => "restart",
                };
                let note = match ask_for_change(socket, change, name.clone()) {
                    Ok(()) => format!("asked {name} to {what}"),
                    Err(why) => format!("{name} was not asked to {what}: {why}"),
                };
                if tell.send(News::Note(note)).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
