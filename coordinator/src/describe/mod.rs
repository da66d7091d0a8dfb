//! `coordinator describe`: all that is known of an agent, from the coordinator, the database, `/proc` and the log folder.
//! How it looks for people stands in `text`.

mod text;

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use shared_state::{InvocationRecord, Reader, ReaderError};

use crate::control::{CoordinatorStatus, Description, ask_for_descriptions};
use crate::output::print_json;
use crate::proc_tree::{Process, Processes};
use crate::verbs::{chain, complain};
use crate::{Exit, clock};

/// A read takes milliseconds; longer, and the disk hangs.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// The arguments of `coordinator describe`.
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// Agents and instances, also with `*` and `?`, or `all`
    #[arg(required = true)]
    names: Vec<String>,
    /// How many of the newest invocations
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    invocations: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An instance as `describe --json` prints it.
#[derive(Debug, Serialize)]
struct Described {
    #[serde(flatten)]
    agent: Description,
    /// The current file first, then the rotated ones.
    log_files: Vec<LogFile>,
    processes: Vec<TreeProcess>,
    /// Newest first.
    invocations: Vec<Invocation>,
}

#[derive(Debug, Serialize)]
struct LogFile {
    path: String,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct TreeProcess {
    depth: usize,
    #[serde(flatten)]
    process: Process,
}

/// The names of docs/schema.md.
#[derive(Debug, Serialize)]
struct Invocation {
    invocation_id: i64,
    attempt: u32,
    pid: Option<i32>,
    started: String,
    ready: Option<String>,
    ended: Option<String>,
    started_ms: i64,
    ready_ms: Option<i64>,
    ended_ms: Option<i64>,
    outcome: Option<String>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    /// How it ended, in words.
    reason: Option<String>,
    heartbeats: u64,
    log_lines: u64,
}

/// Prints all about these agents.
pub(crate) fn describe(socket: &Path, arguments: &DescribeArgs) -> Exit {
    let (coordinator, agents) = match ask_for_descriptions(socket, arguments.names.clone()) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let history = History::open(&coordinator);
    let all = Processes::read();
    let described: Vec<Described> = agents
        .into_iter()
        .map(|agent| Described {
            log_files: log_files(Path::new(&agent.log_path)),
            processes: tree(&all, agent.status.pid),
            invocations: history.invocations(agent.instance_id, arguments.invocations),
            agent,
        })
        .collect();
    if arguments.json {
        return print_json(&described, Exit::Success);
    }
    let mut printed = String::new();
    for agent in &described {
        text::add(&mut printed, agent, coordinator.now_ms);
    }
    // A reader that closes the pipe early has seen what it wanted.
    let _ = io::stdout().write_all(printed.as_bytes());
    Exit::Success
}

fn tree(all: &Processes, root: Option<i32>) -> Vec<TreeProcess> {
    let members = root.map(|pid| all.tree_of(pid)).unwrap_or_default();
    let member = |(depth, process): (usize, &Process)| TreeProcess {
        depth,
        process: process.clone(),
    };
    members.into_iter().map(member).collect()
}

fn log_files(current: &Path) -> Vec<LogFile> {
    let mut files = Vec::new();
    for number in 0.. {
        let mut path = current.to_owned().into_os_string();
        if number > 0 {
            path.push(format!(".{number}"));
        }
        match std::fs::metadata(&path) {
            Ok(metadata) => files.push(LogFile {
                path: path.to_string_lossy().into_owned(),
                bytes: metadata.len(),
            }),
            // An agent that has just been rotated, or has printed nothing, has no current file.
            Err(_) if number == 0 => {}
            Err(_) => break,
        }
    }
    files
}

/// The database, where it can be read.
struct History(Option<Reader>);

impl History {
    /// The rest can be told without it.
    fn open(coordinator: &CoordinatorStatus) -> Self {
        let opened = Reader::open(&coordinator.database);
        Self(opened.map_err(|error| tell(error, coordinator)).ok())
    }

    fn invocations(&self, instance_id: i64, limit: usize) -> Vec<Invocation> {
        let read = self.0.as_ref().map(|reader| {
            reader.snapshot(READ_LIMIT, |snapshot| {
                snapshot.invocations(instance_id, limit)
            })
        });
        match read {
            Some(Ok(rows)) => rows.into_iter().map(invocation).collect(),
            Some(Err(error)) => {
                complain(&chain(&error.into()), Exit::Database);
                Vec::new()
            }
            None => Vec::new(),
        }
    }
}

fn tell(error: ReaderError, coordinator: &CoordinatorStatus) {
    let text = format!("{} ({})", chain(&error.into()), coordinator.database);
    complain(&text, Exit::Database);
}

fn invocation(row: InvocationRecord) -> Invocation {
    Invocation {
        invocation_id: row.invocation_id,
        attempt: row.attempt,
        pid: row.pid,
        started: clock::text(row.started_ms),
        ready: row.ready_ms.map(clock::text),
        ended: row.ended_ms.map(clock::text),
        started_ms: row.started_ms,
        ready_ms: row.ready_ms,
        ended_ms: row.ended_ms,
        outcome: row.outcome,
        exit_code: row.exit_code,
        signal: row.signal,
        reason: row.reason,
        heartbeats: row.heartbeats,
        log_lines: row.log_lines,
    }
}
