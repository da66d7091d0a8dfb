//! Starts the monitor and programs for it to watch; every wait has a deadline that tells what was seen.
//! It judges nothing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use agent_protocol::{AgentMessage, CoordinatorHello, CoordinatorMessage, Decoded, decode, encode};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use serde_json::Value;

/// Generous, since the machine may be busy; nothing takes this long when it works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// As many messages as the monitor may be ahead of its test.
const AHEAD_MAX: usize = 10_000;

/// The program under test, in a folder without anybody's `.env`.
pub(crate) fn monitor() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_performance-monitor"));
    command
        .env_remove("AGENT_NAME")
        .env_remove("AGENT_INVOCATION")
        .env("RUST_LOG", "warn")
        .current_dir("/");
    command
}

/// A monitor that runs, and what it has said.
pub(crate) struct Monitor {
    child: Child,
    stdin: ChildStdin,
    messages: Receiver<AgentMessage>,
    /// The last figures of each subject.
    pub(crate) figures: BTreeMap<String, BTreeMap<String, f64>>,
    said: Vec<AgentMessage>,
}

impl Monitor {
    /// Starts it as a coordinator does, with a `config` table.
    pub(crate) fn start(instance: &str, config: Value) -> Monitor {
        let mut child = monitor()
            .env("AGENT_NAME", instance)
            .env("AGENT_INSTANCE", instance)
            .env("AGENT_INVOCATION", "1")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the monitor starts");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let (sender, messages) = sync_channel(AHEAD_MAX);
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                match decode(&line) {
                    Decoded::Message(message) => {
                        if sender.send(message).is_err() {
                            return;
                        }
                    }
                    other => panic!("{other:?} is no message"),
                }
            }
        });
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let hello = CoordinatorMessage::Hello(CoordinatorHello {
            protocol: 1,
            agent: instance.to_owned(),
            instance: instance.to_owned(),
            invocation: 1,
            config,
            ..CoordinatorHello::default()
        });
        let line = encode(&hello).expect("the message is short");
        stdin.write_all(&line).expect("the monitor reads its stdin");
        Monitor {
            child,
            stdin,
            messages,
            figures: BTreeMap::new(),
            said: Vec::new(),
        }
    }

    /// The next message that `wanted` takes; figures of earlier ones are kept.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&AgentMessage) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = match self.messages.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => panic!("no {what} in time; {}", self.seen()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("no {what} before the end; {}", self.seen())
                }
            };
            if let AgentMessage::Metrics(metrics) = &message {
                let subject = metrics.subject.clone().unwrap_or_default();
                self.figures.insert(subject, metrics.metrics.clone());
            }
            let found = wanted(&message);
            self.said.push(message);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// The figures of a subject once they are as wanted, at the end of a round.
    pub(crate) fn wait_for_figures(
        &mut self,
        subject: &str,
        is_wanted: impl Fn(&BTreeMap<String, f64>) -> bool,
    ) -> BTreeMap<String, f64> {
        let what = format!("figures of {subject} as wanted");
        self.wait_for(&what, |message| match message {
            AgentMessage::Metrics(metrics) if metrics.subject.as_deref() == Some(subject) => {
                is_wanted(&metrics.metrics).then(|| metrics.metrics.clone())
            }
            _ => None,
        })
    }

    /// The next heartbeat: a round is over.
    pub(crate) fn wait_for_beat(&mut self) -> agent_protocol::Heartbeat {
        self.wait_for("heartbeat", |message| match message {
            AgentMessage::Heartbeat(beat) => Some(beat.clone()),
            _ => None,
        })
    }

    /// Asks it to stop and returns its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let stop = CoordinatorMessage::Stop(agent_protocol::Stop { grace_ms: 10_000 });
        let line = encode(&stop).expect("the message is short");
        self.stdin
            .write_all(&line)
            .expect("the monitor reads its stdin");
        self.wait_for("goodbye", |message| {
            matches!(message, AgentMessage::Stopping(_)).then_some(())
        });
        self.child.wait().expect("the monitor is our child").code()
    }

    fn seen(&self) -> String {
        let last = self.said.len().saturating_sub(12);
        format!("last messages: {:#?}", &self.said[last..])
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program in its own process group, as a coordinator starts agents; the whole group is killed when dropped.
pub(crate) struct Watched {
    child: Child,
    group: Pid,
}

impl Watched {
    /// Runs a shell script under the name of an agent instance. It cannot use more than a minute of CPU, so that nothing
    /// burns on if this process is killed.
    pub(crate) fn run(instance: &str, script: &str) -> Watched {
        let child = Command::new("sh")
            .args(["-c", &format!("ulimit -t 60; {script}")])
            .env("AGENT_NAME", instance)
            .env("AGENT_INSTANCE", instance)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let group = Pid::from_raw(i32::try_from(child.id()).expect("a pid is positive"));
        Watched { child, group }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.group
    }

    /// The next line that the script prints, as a number.
    pub(crate) fn read_number(&mut self) -> i32 {
        let stdout = self.child.stdout.as_mut().expect("stdout is a pipe");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the script prints a line");
        line.trim().parse().expect("the script prints a number")
    }

    /// What a `read` in the script waits for.
    pub(crate) fn write_line(&mut self) {
        let stdin = self.child.stdin.as_mut().expect("stdin is a pipe");
        stdin.write_all(b"\n").expect("the script reads its stdin");
    }

    /// Waits for the end of the script; what it left behind lives on.
    pub(crate) fn wait(&mut self) {
        self.child.wait().expect("the script is our child");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = killpg(self.group, Signal::SIGKILL);
        let _ = self.child.wait();
        // What this process adopted of the group.
        while waitpid(Pid::from_raw(-self.group.as_raw()), None).is_ok() {}
    }
}
