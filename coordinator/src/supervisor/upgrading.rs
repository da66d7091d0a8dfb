//! Hands everything to another program in this process: checks it first, brings all tasks to rest, executes it.
//! Whatever goes wrong before the last step is told, and everything goes on as before.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use shared_state::Fact;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::Supervisor;
use crate::agent_task::{Command, Freeze};
use crate::clock::wall_ms;
use crate::control::Listener;
use crate::handover::{Binary, CHECK_VERB, Descriptors, Document, SavedInstance, Verdict, execute};
use crate::lock::Lock;
use crate::logging::LogGuards;
use crate::own_events::record_event;
use crate::process::{Attributes, Ended, Program, Started};
use crate::shared::UpgradeRequest;
use crate::words;

/// How long a program may take to say whether it can take over.
const CHECK_LIMIT: Duration = Duration::from_secs(10);
/// How long what was heard may take to the disk; meanwhile agents' pipes fill.
const REST_LIMIT: Duration = Duration::from_secs(10);
/// What a program says of itself at most.
const CHECK_BYTES_MAX: u64 = 16 * 1024;

/// What the next program needs besides the agents.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) logs: LogGuards,
    // The file of the socket goes before the lock does: the next coordinator makes its own.
    pub(crate) listener: Listener,
    pub(crate) lock: Lock,
    /// The file that this program was started from, whatever is there now.
    pub(crate) program: PathBuf,
    pub(crate) file_limit: Option<(u64, u64)>,
}

/// All tasks at rest; they go on when this is dropped.
struct Resting {
    saved: Vec<SavedInstance>,
    _thaw: Vec<oneshot::Sender<()>>,
}

impl Supervisor {
    /// Returns only if another program has not taken over.
    pub(super) async fn upgrade(&mut self, request: UpgradeRequest) {
        let program = request
            .binary
            .unwrap_or_else(|| self.estate.program.clone());
        let asker = request.asker.as_ref().map(AsRawFd::as_raw_fd);
        let Err(why) = self.hand_over(&program, asker).await;
        self.reap(); // ends that were seen only as signals meanwhile
        warn!("not upgraded to {}: {why}", program.display());
        record_event(
            &self.shared.writer,
            2,
            "upgrade_refused",
            format!("{}: {why}", program.display()),
        );
        if let Some(refused) = request.refused {
            let _ = refused.send(why); // whoever asked may have gone
        }
    }

    async fn hand_over(
        &mut self,
        program: &Path,
        asker: Option<RawFd>,
    ) -> Result<Infallible, String> {
        let binary = Binary::open(program)
            .map_err(|error| format!("failed to open {}: {error}", program.display()))?;
        if let Some(name) = self.removed_and_alive() {
            return Err(format!(
                "{name} is no longer in agents.toml and still stopping; try again when it has stopped"
            ));
        }
        // First without agents: most of what can be wrong shows itself before anything has to rest.
        let document = self.document(&binary, asker, Vec::new());
        let version = self.check(&binary, &document).await?;
        info!(
            "upgrading from version {} to {version}, {}",
            env!("CARGO_PKG_VERSION"),
            binary.path().display()
        );
        self.reap();
        let resting = self.rest().await?;
        let document = self.document(&binary, asker, resting.saved.clone());
        self.check(&binary, &document).await?;
        self.write_everything().await?;
        if self.shared.is_terminating() {
            return Err("a signal asks for the end".into());
        }
        let Err(error) = execute(&document);
        Err(format!("failed to execute {}: {error}", program.display()))
    }

    fn removed_and_alive(&self) -> Option<String> {
        let views = self.shared.board.views();
        let removed = views
            .iter()
            .find(|view| view.is_removed && view.pid.is_some());
        removed.map(|view| view.name.clone())
    }

    fn document(
        &self,
        binary: &Binary,
        asker: Option<RawFd>,
        instances: Vec<SavedInstance>,
    ) -> Document {
        let descriptors = Descriptors {
            lock: self.estate.lock.descriptor(),
            socket: self.estate.listener.descriptor(),
            binary: binary.descriptor(),
            asker,
        };
        let agents_toml = self.agents_toml.clone();
        Document::new(
            agents_toml,
            self.scaled.clone(),
            self.estate.file_limit,
            descriptors,
            instances,
        )
    }

    /// Lets the new program look at the document; its version if it could take over.
    async fn check(&mut self, binary: &Binary, document: &Document) -> Result<String, String> {
        let command = [
            binary.open_path(),
            format!("--agents={}", self.config_path.display()),
            CHECK_VERB.to_owned(),
        ];
        let environment: BTreeMap<_, _> = self.shared.environment.iter().cloned().collect();
        let directory = std::env::current_dir()
            .map_err(|error| format!("failed to find the working directory: {error}"))?;
        let started = self.shared.spawner.borrow_mut().start(Program {
            command: &command,
            directory: &directory,
            environment: &environment,
            has_stdin: true,
            group: None,
            attributes: &Attributes::default(),
        });
        let started =
            started.map_err(|error| format!("the new program does not start: {error}"))?;
        let text = serde_json::to_vec(document)
            .map_err(|error| format!("failed to write the state: {error}"))?;
        let said = tokio::time::timeout(CHECK_LIMIT, self.hear_check(started, &text)).await;
        said.unwrap_or_else(|_| {
            Err(format!(
                "the new program did not finish its own check within {} s",
                CHECK_LIMIT.as_secs()
            ))
        })
    }

    async fn hear_check(&mut self, started: Started, text: &[u8]) -> Result<String, String> {
        let Started {
            child,
            mut ended,
            stdin,
            stdout,
            stderr,
        } = started;
        let pid = child.pid();
        let _killed = KilledAtLast(child);
        let (mut answer, mut complaint) = (Vec::new(), Vec::new());
        let (mut stdout, mut stderr) = (stdout.take(CHECK_BYTES_MAX), stderr.take(CHECK_BYTES_MAX));
        let talk = async {
            let write = async {
                if let Some(mut stdin) = stdin {
                    let _ = stdin.write_all(text).await; // one that does not read says why
                }
            };
            let _ = tokio::join!(
                write,
                stdout.read_to_end(&mut answer),
                stderr.read_to_end(&mut complaint)
            );
        };
        let reaping = async {
            loop {
                tokio::select! {
                    biased;
                    end = &mut ended => return end,
                    // Tasks at rest are not told of the end of their agents: those wait for whoever reaps next.
                    _ = self.signals.child.recv() => self.children.reap_if_ended(pid),
                }
            }
        };
        let ((), end) = tokio::join!(talk, reaping);
        let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
        match (end, serde_json::from_slice::<Verdict>(&answer)) {
            (Ok(Ended::Exited(0)), Ok(verdict)) => Ok(verdict.takes_over_as_version),
            (Ok(Ended::Exited(0)), Err(_)) => {
                Err("the new program is no coordinator that can take over".into())
            }
            (Ok(end), _) => {
                let end = words::cause(end.into());
                Err(format!(
                    "the new program failed its own check ({end}): {complaint}"
                ))
            }
            (Err(_), _) => Err("the end of its own check was not seen".into()),
        }
    }

    async fn rest(&mut self) -> Result<Resting, String> {
        let mut resting = Resting {
            saved: Vec::new(),
            _thaw: Vec::new(),
        };
        let mut answers = Vec::new();
        for index in 0..self.instances.len() {
            let (saved, answer) = oneshot::channel();
            let (thaw, thawed) = oneshot::channel();
            resting._thaw.push(thaw);
            answers.push(answer);
            let freeze = Freeze {
                saved,
                thaw: thawed,
            };
            self.shared.send(index, Command::Freeze(freeze)).await;
        }
        let all = tokio::time::timeout(REST_LIMIT, async {
            for answer in answers {
                resting.saved.extend(answer.await); // a task that is gone has nothing to hand over
            }
        });
        match all.await {
            Ok(()) => Ok(resting),
            Err(_) => Err(NOT_TAKEN.into()),
        }
    }

    async fn write_everything(&self) -> Result<(), String> {
        let last = self.shared.writer.commit(Fact::Alive { ts_ms: wall_ms() });
        match tokio::time::timeout(REST_LIMIT, last).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(format!("failed to {error}")),
            Err(_) => return Err(NOT_TAKEN.into()),
        }
        if !self.log_writer.flush(REST_LIMIT) {
            return Err("the disk does not take the agents' logs in time; try again later".into());
        }
        self.estate.logs.flush();
        Ok(())
    }
}

const NOT_TAKEN: &str = "the database does not take in time what agents have said; try again later";

/// A program that is checked must not outlive the check.
struct KilledAtLast(crate::process::Child);

impl Drop for KilledAtLast {
    fn drop(&mut self) {
        self.0.signal_group(nix::sys::signal::Signal::SIGKILL);
    }
}
