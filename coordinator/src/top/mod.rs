//! `coordinator top`: a live view of all agents in a terminal, with keys to start, stop and restart them.
//! It knows only what the control socket, `/proc` and the log files say, and goes on while no coordinator answers.
//!
//! `watcher` asks beside it, `sample` is what it found, `usage` CPU and memory of process trees, `model` what is shown and
//! what keys do, `columns` and `draw` how it looks, `log_pane` the log of one agent, `screen` the terminal itself.

mod columns;
mod draw;
mod log_pane;
mod model;
mod sample;
mod screen;
mod usage;
mod watcher;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEventKind};

use crate::Exit;
use crate::verbs::{chain, complain};
use model::{Effect, Model};
use screen::Screen;
use watcher::Watcher;

/// A key is answered at once; this is how late a signal or a new sample is seen.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why it ended. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
enum TopError {
    #[error("use the terminal")]
    Terminal(#[source] io::Error),
    #[error("start the thread that asks the coordinator")]
    Thread(#[source] io::Error),
    #[error("ask the coordinator: the thread that does it has ended, which is a bug")]
    WatcherEnded,
}

/// How it ended where nothing failed.
enum End {
    Quit,
    /// By this signal.
    Signal(i32),
}

/// Shows everything until `q`.
pub(crate) fn show(socket: &Path) -> Exit {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let text = "failed to show agents: stdin and stdout have to be a terminal; \
                    for programs there is `coordinator status --json`";
        return complain(text, Exit::Configuration);
    }
    match run(socket) {
        Ok(End::Quit) => Exit::Success,
        Ok(End::Signal(signal)) => {
            // The terminal is as it was: now it may end as if there had been no handler.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            Exit::Internal
        }
        Err(error) => complain(&chain(&error.into()), Exit::Internal),
    }
}

fn run(socket: &Path) -> Result<End, TopError> {
    let mut screen = Screen::open().map_err(TopError::Terminal)?;
    let watcher = Watcher::start(socket.to_owned()).map_err(TopError::Thread)?;
    let mut model = Model::new(
        socket,
        std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
    );
    let mut is_stale = true;
    loop {
        // There is news each second, also that no coordinator answers: what grows older by itself is drawn with it.
        while let Some(news) = watcher.news().map_err(|_| TopError::WatcherEnded)? {
            model.take(news, Instant::now());
            is_stale = true;
        }
        is_stale |= model.read_log();
        if std::mem::take(&mut is_stale) {
            screen
                .draw(|frame| draw::draw(frame, &mut model, Instant::now()))
                .map_err(TopError::Terminal)?;
        }
        if let Some(signal) = screen.signal() {
            return Ok(End::Signal(signal));
        }
        // All that waits is taken before the next drawing: a key that is held down must not lag behind.
        let mut limit = LOOK_EVERY;
        while crossterm::event::poll(limit).map_err(TopError::Terminal)? {
            limit = Duration::ZERO;
            let event = crossterm::event::read().map_err(TopError::Terminal)?;
            is_stale = true; // also by a new size, which the next drawing sees by itself
            let Event::Key(key) = event else {
                continue;
            };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            match model.press(key) {
                Some(Effect::Quit) => return Ok(End::Quit),
                Some(Effect::Change(change, name)) => watcher.ask(change, name),
                None => {}
            }
        }
    }
}
