//! A verb in a real pseudo-terminal, with what a person would see in it. It judges nothing.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::{Read as _, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard};

use end_to_end::{Scene, program, wait_for_condition};
use nix::sys::termios::{LocalFlags, tcgetattr};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

/// A terminal and the program in it, which ends when this is dropped.
pub(crate) struct Terminal {
    master: Box<dyn MasterPty + Send>,
    /// Kept open: the settings of a terminal last as long as somebody has it open.
    _slave: Box<dyn SlavePty + Send>,
    keyboard: RefCell<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn positive(number: u16) -> NonZero<u16> {
    NonZero::new(number).expect("a terminal has rows and columns")
}

impl Terminal {
    /// Starts a verb of the coordinator with these variables and nothing of the machine in its environment.
    pub(crate) fn open(
        scene: &Scene,
        verb: &str,
        columns: u16,
        rows: u16,
        variables: &[(&str, &str)],
    ) -> Self {
        let pair = native_pty_system()
            .openpty(size(columns, rows))
            .expect("the kernel has pseudo-terminals");
        let mut command = CommandBuilder::new(program("coordinator"));
        command.env_clear();
        for (name, value) in variables {
            command.env(name, value);
        }
        command.env("TERM", "xterm-256color");
        command.env("SHARED_STATE_SQLITE", scene.path("shared_state.db"));
        command.cwd(scene.folder());
        command.arg(verb);
        let child = pair.slave.spawn_command(command).expect("it is built");
        let seen = Arc::new(Mutex::new(Seen {
            screen: vt100::Parser::new(positive(rows), positive(columns), 0),
            bytes: Vec::new(),
        }));
        let mut reader = pair.master.try_clone_reader().expect("it is open");
        let writes = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut seen = lock(&writes);
                seen.screen.process(&buffer[..count]);
                seen.bytes.extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            keyboard: RefCell::new(pair.master.take_writer().expect("it is taken once")),
            master: pair.master,
            _slave: pair.slave,
            child,
            seen,
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        let pid = self.child.process_id().expect("it was started");
        i32::try_from(pid).expect("a pid is positive")
    }

    /// All that was ever written.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        lock(&self.seen).bytes.clone()
    }

    /// Waits until what stands in it fits.
    pub(crate) fn wait_for(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        wait_for_condition(what, || {
            let text = lock(&self.seen).screen.screen().contents();
            if fits(&text) { Ok(text) } else { Err(text) }
        })
    }

    pub(crate) fn wait_for_text(&self, wanted: &str) -> String {
        self.wait_for(wanted, |text| text.contains(wanted))
    }

    pub(crate) fn press(&self, keys: &str) {
        let mut keyboard = self.keyboard.borrow_mut();
        keyboard.write_all(keys.as_bytes()).expect("it is open");
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let mut seen = lock(&self.seen);
        let screen = seen.screen.screen_mut();
        screen.set_size(positive(rows), positive(columns));
        self.master.resize(size(columns, rows)).expect("it is open");
    }

    /// How it ended: exit code, and the signal in words.
    pub(crate) fn wait_for_end(&mut self) -> (u32, Option<String>) {
        wait_for_condition("the end of the verb", || {
            let ended = self.child.try_wait().expect("it is a child");
            match ended {
                Some(status) => Ok((status.exit_code(), status.signal().map(str::to_owned))),
                None => Err(lock(&self.seen).screen.screen().contents()),
            }
        })
    }

    /// The next program in it finds it as this one did.
    pub(crate) fn assert_given_back(&self) {
        let name = self.master.tty_name().expect("it has one");
        let tty = OpenOptions::new()
            .read(true)
            .open(name)
            .expect("it is ours");
        let settings = tcgetattr(&tty).expect("it is a terminal");
        let usual = LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
        assert!(settings.local_flags.contains(usual), "{settings:?}");
        wait_for_condition("the screen as it was", || {
            let seen = lock(&self.seen);
            let screen = seen.screen.screen();
            match (screen.alternate_screen(), screen.hide_cursor()) {
                (false, false) => Ok(()),
                state => Err(state),
            }
        });
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().expect("nobody panics with it")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
