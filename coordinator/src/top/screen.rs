//! The terminal: taken over at the start, and given back as it was after the end, a panic or a signal.
//! It decides nothing of what stands in it.

use std::io::{self, Stdout, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

/// The terminal while it is ours. Gives it back when dropped.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// The signal that wants an end, or 0.
    signal: Arc<AtomicI32>,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        let signal = Arc::new(AtomicI32::new(0));
        end_with_terminal()?;
        for number in [SIGINT, SIGQUIT, SIGTERM] {
            let noted = Arc::clone(&signal);
            let note = move || noted.store(number, Ordering::Relaxed);
            // SAFETY: storing a number in an atomic is allowed in a signal handler.
            unsafe { signal_hook::low_level::register(number, note) }?;
        }
        // First of all give the terminal back, or nobody could read what the panic says.
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            tell(panic);
        }));
        let taken = take_over().and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match taken {
            Ok(terminal) => Ok(Self { terminal, signal }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// The signal that wants this program to end.
    pub(super) fn signal(&self) -> Option<i32> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Once its terminal is gone, crossterm reads the end of it for ever and returns to nobody who could look at a signal. So
/// HUP ends this program from a thread of its own, as it would without a handler.
fn end_with_terminal() -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP])?;
    std::thread::Builder::new()
        .name("hang-up".into())
        .spawn(move || {
            if signals.forever().next().is_some() {
                give_back();
                let _ = signal_hook::low_level::emulate_default_handler(SIGHUP);
            }
        })?;
    Ok(())
}

fn take_over() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen)
}

/// May be done twice. A terminal that is gone (HUP) needs nothing back.
fn give_back() {
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}
