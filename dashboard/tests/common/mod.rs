//! What several tests need: a database made by the real writer, the real server on a free port, a plain HTTP client.

#![expect(dead_code, reason = "each test binary uses a part of it")]

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use dashboard::settings::Options;
use shared_state::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Longer than anything should take on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn now_ms() -> TimeMs {
    dashboard::observer::now_ms()
}

/// A folder with a database and the writer of a coordinator that lives.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) database: PathBuf,
    opened: Option<(Writer, WriterThread)>,
}

impl Place {
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("shared_state.db");
        Self {
            folder,
            database,
            opened: None,
        }
    }

    pub(crate) fn new() -> Self {
        let mut place = Self::empty();
        place.open();
        place
    }

    pub(crate) fn open(&mut self) {
        let identity = Identity {
            host: "host".into(),
            pid: 4_000,
            pid_start_ticks: 77,
            version: "0.1.0".into(),
            now_ms: now_ms(),
        };
        let opened = open_writer(&self.database, identity, WriterOptions::default()).unwrap();
        self.opened = Some((opened.writer, opened.thread));
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.opened.as_ref().unwrap().0
    }

    /// Ends the coordinator in order.
    pub(crate) async fn end(&mut self, reason: &str) {
        let (writer, thread) = self.opened.take().unwrap();
        let ended = Fact::IncarnationEnded {
            ts_ms: now_ms(),
            reason: reason.into(),
        };
        writer.commit(ended).await.unwrap();
        drop(writer);
        thread.join(PATIENCE).unwrap();
    }

    /// Registers agents, one instance each, with a log file each; their instances in order.
    pub(crate) async fn register(&self, names: &[&str]) -> Vec<i64> {
        let agents = names.iter().enumerate().map(|(n, name)| AgentRegistration {
            name: (*name).into(),
            protocol: "json".into(),
            command: vec!["/bin/agent".into(), "--json".into()],
            config: serde_json::json!({"restart": "always", "env": {"KEY": "***"}}),
            instances: 1,
            has_plain_first: true,
            heartbeat_timeout_ms: Some(30_000),
            log_paths: vec![self.log_path(n).display().to_string()],
        });
        let registered = self
            .writer()
            .register_agents(agents.collect(), now_ms())
            .await
            .unwrap();
        registered
            .into_iter()
            .map(|instance| instance.instance_id)
            .collect()
    }

    pub(crate) fn log_path(&self, n: usize) -> PathBuf {
        self.folder.path().join(format!("{n}.log"))
    }

    /// A process that runs and has sent one heartbeat.
    pub(crate) async fn run(&self, instance_id: i64, pid: i32, message: &str) -> i64 {
        let invocation_id = self.writer().next_invocation_id();
        let started = InvocationStart {
            invocation_id,
            instance_id,
            attempt: 1,
            is_restart: false,
            pid: Some(pid),
            pid_start_ticks: Some(99),
            started_ms: now_ms() - 5_000,
        };
        self.commit(Fact::InvocationStarted(started)).await;
        self.commit(Fact::InstanceChanged(running(
            instance_id,
            invocation_id,
            pid,
        )))
        .await;
        self.beat(instance_id, invocation_id, 1, message).await;
        invocation_id
    }

    pub(crate) async fn beat(&self, instance_id: i64, invocation_id: i64, seq: u64, message: &str) {
        let row = HeartbeatRow {
            ts_ms: now_ms(),
            seq,
            message: message.into(),
            metrics: vec![("queue_rows".into(), 3.0)],
            ..HeartbeatRow::default()
        };
        self.commit(Fact::Heartbeats(HeartbeatBatch {
            instance_id,
            invocation_id,
            rows: vec![row],
        }))
        .await;
    }

    pub(crate) async fn commit(&self, fact: Fact) {
        self.writer().commit(fact).await.unwrap();
    }
}

pub(crate) fn running(instance_id: i64, invocation_id: i64, pid: i32) -> InstanceChange {
    InstanceChange {
        instance_id,
        goal_up: true,
        state: InstanceState::Running,
        reason: "ready".into(),
        since_ms: now_ms(),
        invocation_id: Some(invocation_id),
        pid: Some(pid),
        started_ms: Some(now_ms() - 5_000),
        next_attempt_ms: None,
        last_exit: None,
        restarts: 0,
    }
}

/// The real server; ended when dropped.
pub(crate) struct Server {
    pub(crate) address: String,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(place: &Place) -> Self {
        Self::start_with(place, &[]).await
    }

    pub(crate) async fn start_with(place: &Place, more: &[&str]) -> Self {
        let database = place.database.to_str().unwrap();
        let arguments = [
            "dashboard",
            "--listen",
            "127.0.0.1:0",
            "--database",
            database,
        ];
        let settings = Options::parse_from([&arguments, more].concat())
            .check()
            .unwrap();
        let (stop, stopped) = oneshot::channel();
        let (listening, url) = oneshot::channel::<String>();
        let serving = tokio::spawn(async move {
            let stopped = async move { drop(stopped.await) };
            let told = |url: &str| listening.send(url.to_owned()).unwrap();
            dashboard::serve::serve(settings, stopped, told)
                .await
                .unwrap();
        });
        let url = url.await.unwrap();
        let address = url
            .strip_prefix("http://")
            .unwrap()
            .trim_end_matches('/')
            .to_owned();
        Self {
            address,
            stop: Some(stop),
            serving,
        }
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut connection = self.send(method, path, headers, "close").await;
        let mut bytes = Vec::new();
        tokio::time::timeout(PATIENCE, connection.read_to_end(&mut bytes))
            .await
            .unwrap()
            .unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer::new(head, body)
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        connection: &str,
    ) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: {connection}\r\n");
        if headers.iter().all(|(name, _)| *name != "Host") {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream
            .write_all(format!("{request}\r\n").as_bytes())
            .await
            .unwrap();
        stream
    }

    /// Opens a stream; `Err` is an answer that is none.
    pub(crate) async fn stream(&self, path: &str) -> Result<Events, Answer> {
        let stream = self.send("GET", path, &[], "keep-alive").await;
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).await.unwrap(), 0, "{head}");
        }
        let answer = Answer::new(head.trim_end(), "");
        match answer.header("content-type") {
            Some("text/event-stream") => Ok(Events { reader }),
            _ => Err(answer),
        }
    }

    /// Asks until the body satisfies the condition.
    pub(crate) async fn wait_for(
        &self,
        path: &str,
        what: &str,
        holds: impl Fn(&Answer) -> bool,
    ) -> Answer {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await;
            if holds(&answer) {
                return answer;
            }
            let body = &answer.body;
            assert!(
                tokio::time::Instant::now() < deadline,
                "{what}: not in time; last: {} {body}",
                answer.status
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn new(head: &str, body: &str) -> Self {
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self {
            status,
            headers,
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// An open stream.
pub(crate) struct Events {
    reader: BufReader<TcpStream>,
}

impl Events {
    /// The next event of this name, as JSON; ticks and others are skipped.
    pub(crate) async fn next(&mut self, name: &str) -> serde_json::Value {
        let found = async {
            let mut is_named = false;
            loop {
                let line = self.line().await.expect("the stream ended");
                if let Some(event) = line.strip_prefix("event: ") {
                    is_named = event == name;
                } else if let Some(data) = line.strip_prefix("data: ")
                    && is_named
                {
                    return serde_json::from_str(data).unwrap();
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("no `{name}` in time"))
    }

    /// Whether the stream is ended by the server.
    pub(crate) async fn ends(&mut self) -> bool {
        tokio::time::timeout(PATIENCE, async { while self.line().await.is_some() {} })
            .await
            .is_ok()
    }

    /// Lines of the body: one event is one chunk here, so sizes of chunks are lines of their own.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line).await {
            Ok(1..) => Some(line.trim_end().to_owned()),
            Ok(0) | Err(_) => None,
        }
    }
}

/// The HTML of a part of a patch.
pub(crate) fn part<'a>(patch: &'a serde_json::Value, id: &str) -> Option<&'a str> {
    let parts = patch["parts"].as_array().unwrap();
    parts
        .iter()
        .find(|part| part[0] == id)
        .map(|part| part[1].as_str().unwrap())
}
