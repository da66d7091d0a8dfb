//! Lets something that is drawn on the terminal, such as a progress bar, make room for lines. It draws nothing itself.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use crate::Context;

/// Something that is drawn below the lines of a terminal.
pub trait Drawing: Send + Sync {
    /// Takes the drawing away, calls `write`, and draws again.
    fn make_room(&self, write: &mut dyn FnMut());
}

/// One for the process, since there is one terminal: also the log's lines need room.
static DRAWING: Mutex<Option<Arc<dyn Drawing>>> = Mutex::new(None);

impl Context {
    /// From now on this is asked to make room for every line that the agent writes, or nothing is any more.
    pub fn draw(&self, drawing: Option<Arc<dyn Drawing>>) {
        *DRAWING.lock().expect("no code that holds the lock panics") = drawing;
    }
}

/// Whether something is drawn.
pub(crate) fn is_drawing() -> bool {
    let drawing = DRAWING.lock();
    drawing
        .expect("no code that holds the lock panics")
        .is_some()
}

/// Writes while the drawing, if there is one, is away.
pub(crate) fn with_room<T>(mut write: impl FnMut() -> T) -> T {
    let drawing = DRAWING
        .lock()
        .expect("no code that holds the lock panics")
        .clone();
    let Some(drawing) = drawing else {
        return write();
    };
    let mut result = None;
    drawing.make_room(&mut || result = Some(write()));
    result.unwrap_or_else(write) // a drawing that does not call is no reason to say nothing
}

/// Stderr for the log.
pub(crate) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    // The log hands over a line at once, which is never cut by the drawing.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        with_room(|| io::stderr().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
