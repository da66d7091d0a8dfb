//! A coordinator of one bridge: speaks the wire over pipes and keeps what it acknowledges, rows and cursor at once.
//! It restarts nothing by itself: tests do.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use agent_protocol::{
    Ack, AgentMessage, Alert, CoordinatorHello, CoordinatorMessage, Decoded, Event, Heartbeat,
    LINE_BYTES_MAX, Nack, Records, Stop, decode,
};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::task::JoinHandle;

use langsmith_test_server::{ContractServer, KEY, World, expected_row};

/// What makes tests quick, unless one says otherwise.
const DEFAULT_FLAGS: [&str; 3] = [
    "--poll-interval=100ms",
    "--safety-lag=0s",
    "--requests-per-10s=300",
];

/// What was acknowledged, and what was said besides.
#[derive(Default)]
pub(crate) struct Store {
    /// Rows by run id.
    pub(crate) rows: BTreeMap<String, Value>,
    /// Counts of days, in order of arrival.
    pub(crate) day_checks: Vec<Value>,
    /// How fresh each project is, by its id: each field as it was told last.
    pub(crate) projects: BTreeMap<String, Map<String, Value>>,
    /// Figures of single subjects, as they were told last.
    pub(crate) metrics: BTreeMap<String, BTreeMap<String, f64>>,
    /// Cursors by name.
    pub(crate) cursors: BTreeMap<String, Value>,
    /// In order of arrival.
    pub(crate) heartbeats: Vec<Heartbeat>,
    /// In order of arrival.
    pub(crate) events: Vec<Event>,
    /// In order of arrival.
    pub(crate) alerts: Vec<Alert>,
    /// Sizes of the batches, and whether each brought a cursor.
    pub(crate) batches: Vec<(usize, bool)>,
    /// Everything that any bridge wrote to stdout and stderr.
    pub(crate) output: String,
    /// Answers to the next batches instead of `ack`: why, and whether to try again.
    pub(crate) refusals: Vec<(&'static str, bool)>,
    /// After so many more batches no answer is given any more; the last is stored all the same if this is true.
    pub(crate) falls_silent: Option<(usize, bool)>,
    /// It has fallen silent.
    pub(crate) is_silent: bool,
    /// Refuses every batch that holds the run with this id, for good.
    pub(crate) poisoned_run: Option<String>,
}

impl Store {
    /// What the newest heartbeat says, empty before the first.
    pub(crate) fn message(&self) -> String {
        self.heartbeats
            .last()
            .map(|heartbeat| heartbeat.message.clone())
            .unwrap_or_default()
    }

    /// A figure of the newest heartbeat.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        self.heartbeats.last()?.metrics.get(name).copied()
    }

    /// Fails unless the rows are what the server has, no more, no less and no different.
    pub(crate) fn assert_rows_equal(&self, world: &World) {
        if let Some((expected, found)) = self.first_difference(world) {
            assert_eq!(Some(&expected), found);
        }
        assert_eq!(self.rows.len(), world.run_count());
    }

    /// The first run whose row is not what the server has: what it should be, and what it is.
    pub(crate) fn first_difference(&self, world: &World) -> Option<(Value, Option<&Value>)> {
        let expected = world.runs().map(|run| expected_row(world, run));
        expected
            .map(|row| (self.rows.get(row["run_id"].as_str().unwrap()), row))
            .find_map(|(found, expected)| (found != Some(&expected)).then_some((expected, found)))
    }
}

/// Starts bridges one after another on one store.
#[derive(Clone, Default)]
pub(crate) struct Coordinator {
    store: Arc<Mutex<Store>>,
    changed: Arc<Notify>,
}

/// A bridge that runs. It is killed when this is dropped.
pub(crate) struct Bridge {
    child: Child,
    stdin: Arc<AsyncMutex<ChildStdin>>,
    reader: JoinHandle<()>,
    errors: JoinHandle<()>,
}

impl Coordinator {
    /// What has been stored and said.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store
            .lock()
            .expect("no test panics while it holds this")
    }

    /// Starts a bridge that asks `server`, with settings that make tests quick.
    pub(crate) async fn start(&self, server: &ContractServer, flags: &[&str]) -> Bridge {
        self.start_with(
            &[
                ("LANGSMITH_ENDPOINT", server.url()),
                ("LANGSMITH_API_KEY", KEY),
            ],
            flags,
        )
        .await
    }

    /// Starts a bridge with exactly this environment.
    pub(crate) async fn start_with(&self, environment: &[(&str, &str)], flags: &[&str]) -> Bridge {
        let name = |flag: &str| flag.split('=').next().map(str::to_owned);
        let is_given = |default: &str| flags.iter().any(|flag| name(flag) == name(default));
        let mut child = Command::new(env!("CARGO_BIN_EXE_langsmith-bridge"))
            .args(DEFAULT_FLAGS.iter().filter(|flag| !is_given(flag)))
            .args(flags)
            .env_clear()
            .env("AGENT_NAME", "langsmith-bridge")
            .env("TZ", "America/New_York") // a time without a zone must not become local
            .envs(environment.iter().copied())
            .current_dir(env!("CARGO_TARGET_TMPDIR")) // where there is no `.env`
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary was built with this test");
        let stdin = Arc::new(AsyncMutex::new(child.stdin.take().expect("piped")));
        let hello = CoordinatorHello {
            protocol: agent_protocol::PROTOCOL_VERSION,
            agent: "langsmith-bridge".into(),
            instance: "langsmith-bridge".into(),
            cursors: self.store().cursors.clone(),
            ..CoordinatorHello::default()
        };
        send(&stdin, &CoordinatorMessage::Hello(hello)).await;
        let stdout = child.stdout.take().expect("piped");
        let reader = tokio::spawn(read_messages(self.clone(), stdout, Arc::clone(&stdin)));
        let mut stderr = child.stderr.take().expect("piped");
        let coordinator = self.clone();
        let errors = tokio::spawn(async move {
            let mut text = Vec::new();
            stderr
                .read_to_end(&mut text)
                .await
                .expect("a pipe can be read");
            coordinator
                .store()
                .output
                .push_str(&String::from_utf8_lossy(&text));
        });
        Bridge {
            child,
            stdin,
            reader,
            errors,
        }
    }

    /// Waits until `holds` of the store; on a timeout fails with the last state seen.
    pub(crate) async fn wait_until(
        &self,
        what: &str,
        timeout: Duration,
        holds: impl Fn(&Store) -> bool,
    ) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable(); // before looking, so that no change falls in between
                if holds(&self.store()) {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(timeout, wait).await.is_err() {
            let store = self.store();
            let last = store.heartbeats.last();
            panic!(
                "not within {timeout:?}: {what}; {} rows, last heartbeat {last:?}, events {:?}",
                store.rows.len(),
                store.events
            );
        }
    }

    fn take(&self, message: AgentMessage) -> Option<CoordinatorMessage> {
        let mut store = self.store();
        let answer = match message {
            AgentMessage::Heartbeat(heartbeat) => {
                store.heartbeats.push(heartbeat);
                None
            }
            AgentMessage::Event(event) => {
                store.events.push(event);
                None
            }
            AgentMessage::Alert(alert) => {
                store.alerts.push(alert);
                None
            }
            AgentMessage::Metrics(metrics) => {
                let subject = metrics.subject.unwrap_or_default();
                store.metrics.insert(subject, metrics.metrics);
                None
            }
            AgentMessage::Records(records) if records.kind == "langsmith_project" => {
                store.note_projects(records)
            }
            AgentMessage::Records(records) => store.answer(records),
            _ => None,
        };
        self.changed.notify_waiters();
        answer
    }
}

impl Store {
    fn answer(&mut self, records: Records) -> Option<CoordinatorMessage> {
        match &mut self.falls_silent {
            Some((0, is_stored)) => {
                let is_stored = std::mem::take(is_stored);
                self.is_silent = true;
                if is_stored {
                    self.commit(records);
                }
                None
            }
            Some((left, _)) => {
                *left -= 1;
                Some(self.commit(records))
            }
            None => Some(self.commit(records)),
        }
    }

    fn note_projects(&mut self, records: Records) -> Option<CoordinatorMessage> {
        for row in records.rows {
            let row: serde_json::Map<String, Value> =
                serde_json::from_str(row.get()).expect("a row");
            let id = row["project_id"].as_str().expect("its id").to_owned();
            self.projects.entry(id).or_default().extend(row);
        }
        let is_heard = self.falls_silent.is_none() || !self.is_silent;
        is_heard.then_some(CoordinatorMessage::Ack(Ack { id: records.id }))
    }

    fn commit(&mut self, records: Records) -> CoordinatorMessage {
        let id = records.id;
        if !self.refusals.is_empty() {
            let (reason, retry) = self.refusals.remove(0);
            return CoordinatorMessage::Nack(Nack {
                id,
                reason: reason.into(),
                retry,
            });
        }
        let rows: Vec<Value> = records
            .rows
            .iter()
            .map(|row| serde_json::from_str(row.get()).expect("JSON"))
            .collect();
        let is_poisoned = |row: &Value| {
            let poisoned = self.poisoned_run.as_deref();
            poisoned.is_some() && poisoned == row["run_id"].as_str()
        };
        if rows.iter().any(is_poisoned) {
            return CoordinatorMessage::Nack(Nack {
                id,
                reason: "a row breaks a constraint".into(),
                retry: false,
            });
        }
        if records.kind == "langsmith_run" {
            self.batches.push((rows.len(), records.cursor.is_some()));
        }
        match records.kind.as_str() {
            "langsmith_run" => self.keep(rows),
            "langsmith_day_check" => self.day_checks.extend(rows),
            other => panic!("records of kind {other}"),
        }
        if let Some(cursor) = records.cursor {
            self.cursors.insert(cursor.name, cursor.value);
        }
        CoordinatorMessage::Ack(Ack { id })
    }

    /// As the coordinator does: what a row does not tell stays.
    fn keep(&mut self, rows: Vec<Value>) {
        for row in rows {
            let run_id = row["run_id"]
                .as_str()
                .expect("every row has its id")
                .to_owned();
            let known = self.rows.entry(run_id).or_insert_with(|| json!({}));
            let known = known.as_object_mut().expect("rows are objects");
            known.extend(row.as_object().expect("rows are objects").clone());
        }
    }
}

async fn read_messages(
    coordinator: Coordinator,
    stdout: ChildStdout,
    stdin: Arc<AsyncMutex<ChildStdin>>,
) {
    let mut lines = BufReader::new(stdout);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .await
        .expect("a pipe can be read")
        > 0
    {
        let bytes = line.len();
        assert!(bytes <= LINE_BYTES_MAX + 1, "a line of {bytes} bytes");
        coordinator
            .store()
            .output
            .push_str(&String::from_utf8_lossy(&line));
        // A killed bridge may leave half a line, which is no message.
        if line.ends_with(b"\n") {
            let Decoded::Message(message) = decode(line.trim_ascii_end()) else {
                panic!("stdout carries only messages");
            };
            if let Some(answer) = coordinator.take(message) {
                send(&stdin, &answer).await;
            }
        }
        line.clear();
    }
}

/// Writes one line; a bridge that has died in between does not read it.
async fn send(stdin: &AsyncMutex<ChildStdin>, message: &CoordinatorMessage) {
    let mut line = serde_json::to_vec(message).expect("messages serialise");
    line.push(b'\n');
    let _died = stdin.lock().await.write_all(&line).await;
}

impl Bridge {
    /// Kills it without notice, then reads what it had written.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it is ours");
        self.drain().await;
    }

    /// Asks it to stop; its exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        send(
            &self.stdin,
            &CoordinatorMessage::Stop(Stop { grace_ms: 5_000 }),
        )
        .await;
        let status = tokio::time::timeout(crate::SOON, self.child.wait())
            .await
            .expect("it stops in time")
            .expect("it is ours");
        self.drain().await;
        status.code()
    }

    /// Its arguments as any user of the machine can see them.
    pub(crate) fn command_line(&self) -> String {
        let pid = self.child.id().expect("it runs");
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).unwrap())
            .into_owned()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }

    async fn drain(self) {
        self.reader.await.expect("every line was a message");
        self.errors.await.expect("stderr was read");
    }
}
