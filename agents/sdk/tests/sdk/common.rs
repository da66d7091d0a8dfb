//! Runs a program as a coordinator would: messages over pipes, every wait with a deadline that tells what was seen.
//! It judges nothing.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use agent_protocol::{AgentMessage, CoordinatorHello, CoordinatorMessage, Decoded, decode, encode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Generous, since the machine may be busy; nothing takes this long when it works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One thing that the program did.
enum Sign {
    Out(Vec<u8>),
    Err(String),
    OutEnded,
    ErrEnded,
}

/// A running program and everything it has said so far. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    signs: Receiver<Sign>,
    pub(crate) messages: Vec<AgentMessage>,
    pub(crate) log: String,
}

/// An example binary of this crate, built by `cargo test` beside the tests.
pub(crate) fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test knows its own path");
    let target = test
        .ancestors()
        .nth(2)
        .expect("tests lie in target/PROFILE/deps");
    let binary: PathBuf = target.join("examples").join(name);
    assert!(
        binary.exists(),
        "{} is missing: run `cargo build -p agent-sdk --examples`",
        binary.display()
    );
    let mut command = Command::new(binary);
    command.env_remove("AGENT_NAME").env_remove("RUST_LOG");
    // Nothing of the folder in which the tests run, such as a developer's .env, takes part.
    command.current_dir(target);
    command
}

/// Starts it as a coordinator does, which has not spoken yet.
pub(crate) fn supervise(command: &mut Command) -> Running {
    start(command.env("AGENT_NAME", "tested"))
}

/// Starts it with pipes.
pub(crate) fn start(command: &mut Command) -> Running {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // As many lines as a flooding program may be ahead of its test.
    let (sender, signs) = sync_channel(10_000);
    let stdout = child.stdout.take().expect("stdout is a pipe");
    let stderr = child.stderr.take().expect("stderr is a pipe");
    watch(stdout, sender.clone(), Sign::Out, Sign::OutEnded);
    watch(
        stderr,
        sender,
        |line| Sign::Err(String::from_utf8_lossy(&line).into_owned()),
        Sign::ErrEnded,
    );
    Running {
        stdin: child.stdin.take(),
        child,
        signs,
        messages: Vec::new(),
        log: String::new(),
    }
}

fn watch(
    pipe: impl Read + Send + 'static,
    signs: SyncSender<Sign>,
    line: impl Fn(Vec<u8>) -> Sign + Send + 'static,
    end: Sign,
) {
    thread::spawn(move || {
        for bytes in BufReader::new(pipe).split(b'\n') {
            let Ok(bytes) = bytes else { break };
            if signs.send(line(bytes)).is_err() {
                return;
            }
        }
        let _ = signs.send(end);
    });
}

impl Running {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid is positive"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the program has not been waited for");
    }

    /// Writes bytes to its stdin.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(bytes).expect("the program reads its stdin");
        stdin.flush().expect("the program reads its stdin");
    }

    pub(crate) fn send(&mut self, message: &CoordinatorMessage) {
        let line = encode(message).expect("the message is short");
        self.write(&line);
    }

    /// The first message of a coordinator.
    pub(crate) fn greet(&mut self, config: serde_json::Value) {
        self.send(&CoordinatorMessage::Hello(CoordinatorHello {
            protocol: 1,
            agent: "tested".to_owned(),
            instance: "tested".to_owned(),
            invocation: 1,
            config,
            ..CoordinatorHello::default()
        }));
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// The next message that `wanted` takes; earlier ones are passed over. Every line has to be a message.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        wanted: impl Fn(&AgentMessage) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next_until(deadline) {
                Ok(Some(message)) => {
                    if let Some(found) = wanted(&message) {
                        return found;
                    }
                }
                Ok(None) => {}
                Err(RecvTimeoutError::Timeout) => panic!("no {what} in time; {}", self.seen()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("no {what} before the end; {}", self.seen())
                }
            }
        }
    }

    /// The log comes by another pipe than the messages: a line may be later than the message that follows it.
    pub(crate) fn wait_for_log(&mut self, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log.contains(part) {
            if self.next_until(deadline).is_err() {
                panic!("no {part:?} in the log in time; {}", self.seen());
            }
        }
    }

    /// Fails if a message comes within this time.
    pub(crate) fn expect_silence(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        loop {
            match self.next_until(deadline) {
                Ok(Some(message)) => panic!("{message:?} came instead of silence; {}", self.seen()),
                Ok(None) => {}
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the end came instead of silence; {}", self.seen())
                }
            }
        }
    }

    /// Its exit code once it has ended, `None` after a signal.
    pub(crate) fn wait_for_exit(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next_until(deadline) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("no exit in time; {}", self.seen()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.child.wait().expect("the program is our child").code()
    }

    /// Whether it has not ended after this time.
    pub(crate) fn lives_on_for(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            match self.next_until(deadline) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn next_until(&mut self, deadline: Instant) -> Result<Option<AgentMessage>, RecvTimeoutError> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.signs.recv_timeout(left)? {
            Sign::Out(line) => match decode(&line) {
                Decoded::Message(message) => {
                    self.messages.push(message.clone());
                    Ok(Some(message))
                }
                other => panic!(
                    "{:?} is no message: {other:?}",
                    String::from_utf8_lossy(&line)
                ),
            },
            Sign::Err(line) => {
                writeln!(self.log, "{line}").expect("writing to a string cannot fail");
                Ok(None)
            }
            Sign::OutEnded | Sign::ErrEnded => Ok(None),
        }
    }

    fn seen(&self) -> String {
        let last = self.messages.len().saturating_sub(5);
        format!(
            "last messages: {:#?}\nlog:\n{}",
            &self.messages[last..],
            self.log
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a heartbeat.
pub(crate) fn heartbeat(message: &AgentMessage) -> Option<String> {
    match message {
        AgentMessage::Heartbeat(heartbeat) => Some(heartbeat.message.clone()),
        _ => None,
    }
}

/// The reason of a goodbye.
pub(crate) fn stopping(message: &AgentMessage) -> Option<String> {
    match message {
        AgentMessage::Stopping(stopping) => Some(stopping.reason.clone()),
        _ => None,
    }
}
