//! A running collector, alone or under a coordinator that the test plays, and a client that sends what the test writes.
//! It judges nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for anything that should happen soon; a loaded machine of two cores needs some of it.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) const RUN: &str = "019b8f3c-0000-7000-8000-000000000001";
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Killed when dropped.
pub(crate) struct Collector {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    pub(crate) address: String,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

pub(crate) fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-collector"));
    if !flags.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command.args(flags);
    command
        .env_remove("TRACE_COLLECTOR_API_KEY")
        .env_remove("AGENT_NAME")
        .env("RUST_LOG", "warn");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    // Without a `.env` of the folder that the tests run in.
    command.current_dir(std::env::temp_dir());
    command
}

impl Collector {
    /// Alone: what it receives counts as stored once it is printed.
    pub(crate) fn alone(flags: &[&str]) -> Self {
        Self::start(command(flags), false)
    }

    /// Under a coordinator that says hello, and then what the test says.
    pub(crate) fn supervised(flags: &[&str]) -> Self {
        let mut command = command(flags);
        command.env("AGENT_NAME", "trace-collector");
        Self::start(command, true)
    }

    pub(crate) fn start(mut command: Command, is_supervised: bool) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = sync_channel(100_000);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        let mut collector = Self {
            child,
            stdin,
            lines,
            address: String::new(),
        };
        if is_supervised {
            collector.say(&json!({"type": "hello", "protocol": 1, "agent": "trace-collector", "instance": "trace-collector", "invocation": 1}));
        }
        let listening = collector.wait_for("event", |event| event["kind"] == "listening");
        let url = listening["data"]["address"].as_str().unwrap();
        collector.address = url.strip_prefix("http://").unwrap().to_owned();
        collector
    }

    /// Says something as the coordinator would.
    pub(crate) fn say(&mut self, message: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    /// The next message of this type that fits.
    pub(crate) fn wait_for(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + SOON;
        loop {
            let line = match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => panic!("no `{kind}` message came"),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended without a `{kind}` message")
                }
            };
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["type"] == kind && fits(&message) {
                return message;
            }
        }
    }

    /// The next rows of runs.
    pub(crate) fn wait_for_rows(&self) -> Vec<Value> {
        let message = self.wait_for("records", |records| records["kind"] == "langsmith_run");
        message["rows"].as_array().unwrap().clone()
    }

    /// Sends a request with these header lines and waits for its answer.
    pub(crate) fn ask(&self, first_line: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut stream = self.open(first_line, headers, body);
        read_answer(&mut stream)
    }

    /// Sends a request and leaves it open.
    pub(crate) fn open(&self, first_line: &str, headers: &[&str], body: &[u8]) -> TcpStream {
        self.try_open(first_line, headers, body).unwrap()
    }

    /// The same for one that may not listen any more.
    pub(crate) fn try_open(
        &self,
        first_line: &str,
        headers: &[&str],
        body: &[u8],
    ) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut head = format!("{first_line} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|header| header.starts_with("Host:")) {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        if !headers.iter().any(|header| {
            header.starts_with("Transfer-Encoding:") || header.starts_with("Content-Length:")
        }) {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        // The answer to a refused body may come before all of it is sent, and a stop may come before the request.
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(body);
        Ok(stream)
    }

    pub(crate) fn signal_stop(&mut self) {
        self.say(&json!({"type": "stop", "grace_ms": 10_000}));
    }

    pub(crate) fn wait_for_end(&mut self) -> Option<i32> {
        let until = Instant::now() + SOON;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        panic!("it does not end");
    }
}

pub(crate) fn read_answer(stream: &mut TcpStream) -> Answer {
    try_read_answer(stream).expect("an answer")
}

/// Nothing where the connection ended without an answer.
pub(crate) fn try_read_answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut text = Vec::new();
    // A connection that is reset after the answer has still given it.
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
            .next()
    };
    Some(Answer {
        status,
        retry_after: header("retry-after"),
        body: serde_json::from_str(body).unwrap_or_default(),
    })
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run of the project `default`.
pub(crate) fn run(more: &Value) -> Value {
    let mut run = json!({"id": RUN, "trace_id": RUN, "dotted_order": format!("20260105T164601068924Z{RUN}"), "name": "n", "run_type": "chain"});
    run.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    run
}

pub(crate) fn batch(more: &Value) -> Vec<u8> {
    json!({"post": [run(more)]}).to_string().into_bytes()
}
