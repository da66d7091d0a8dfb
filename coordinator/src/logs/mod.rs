//! `coordinator logs`: what agents have printed, from their files, without a coordinator.
//! How the files are written is the matter of `agent_log`.
//!
//! `files` opens them, `backwards` finds where the wanted lines begin, `tail` reads on from there, `merge` puts several
//! logs together, `filter` says which lines are wanted, `whose` which logs a name means, `print` how a line looks.

mod backwards;
mod files;
mod filter;
mod merge;
mod print;
mod tail;
mod whose;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use clap::Args;
use coordinator_config::duration_from_text;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use regex::bytes::Regex;
use shared_state::TimeMs;

use crate::cli::Paths;
use crate::verbs::{chain, complain};
use crate::{Exit, clock};
pub(crate) use filter::{Filter, time};
use print::Printer;
pub(crate) use tail::{Item, Tail};
use whose::{Whose, find_logs};

/// Lines where nobody says how many: some screens.
const LINES: usize = 100;

/// The arguments of `coordinator logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Agents and instances, also with `*` and `?`, or `all`
    #[arg(required = true)]
    names: Vec<String>,
    /// Go on with what is printed from now on
    #[arg(short, long)]
    follow: bool,
    /// How many of the newest lines of all together [default: 100; with --since all]
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<usize>,
    /// Only what was printed this long ago or later, such as 10m or 1h30m
    #[arg(long, value_name = "DURATION", value_parser = duration_from_text)]
    since: Option<Duration>,
    /// Only lines in which this regular expression matches; a plain word is one
    #[arg(long, value_name = "REGEX")]
    grep: Option<Regex>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Why it ends early. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
enum LogsError {
    #[error("read the log of {instance}")]
    Open {
        instance: String,
        #[source]
        source: io::Error,
    },
    #[error("read a log")]
    Read(#[from] io::Error),
    #[error("print a log")]
    Print(#[source] io::Error),
}

/// Prints the newest lines, oldest first.
pub(crate) fn show_logs(paths: &Paths, arguments: &LogsArgs) -> Exit {
    let logs = match find_logs(paths, &arguments.names) {
        Ok(logs) => logs,
        Err(failure) => return failure.tell(),
    };
    match print_logs(&logs, arguments) {
        Ok(()) => Exit::Success,
        // Whoever closes the pipe early (`| head -1`) has seen what it wanted.
        Err(LogsError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
        Err(error) => complain(&chain(&error.into()), Exit::Internal),
    }
}

fn print_logs(logs: &[Whose], arguments: &LogsArgs) -> Result<(), LogsError> {
    // Some files for each instance stay open, and there may be a thousand.
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    let filter = Filter {
        since: arguments.since.map(time_before_now),
        grep: arguments.grep.clone(),
    };
    let lines = match (arguments.lines, arguments.since) {
        (None, None) => Some(LINES),
        (lines, _) => lines,
    };
    let mut tails = Vec::new();
    for log in logs {
        let opened = Tail::open(log.path.clone(), &filter, lines);
        tails.push(opened.map_err(|source| LogsError::Open {
            instance: log.instance.clone(),
            source,
        })?);
    }
    let mut printer = Printer::new(logs, arguments.json);
    match lines {
        None => merge::take_lines(&mut tails, &filter, arguments.follow, |index, item| {
            printer.print(index, &item).map_err(LogsError::Print)
        })?,
        Some(lines) => {
            for (index, item) in newest(&mut tails, &filter, arguments.follow, lines)? {
                printer.print(index, &item).map_err(LogsError::Print)?;
            }
        }
    }
    if !arguments.follow {
        printer.output.flush().map_err(LogsError::Print)?;
        if !tails.iter().any(Tail::has_file) {
            complain("there is no log file yet", Exit::Success);
        }
        return Ok(());
    }
    loop {
        printer.output.rest().map_err(LogsError::Print)?;
        for tail in &mut tails {
            tail.look()?;
        }
        merge::take_lines(&mut tails, &filter, true, |index, item| {
            printer.print(index, &item).map_err(LogsError::Print)
        })?;
    }
}

/// The newest lines of all logs together.
fn newest(
    tails: &mut [Tail],
    filter: &Filter,
    follows: bool,
    lines: usize,
) -> Result<VecDeque<(usize, Item)>, LogsError> {
    let mut newest = VecDeque::new();
    merge::take_lines(tails, filter, follows, |index, item| {
        newest.push_back((index, item));
        if newest.len() > lines {
            newest.pop_front();
        }
        Ok::<(), LogsError>(())
    })?;
    Ok(newest)
}

fn time_before_now(ago: Duration) -> String {
    let ago_ms = TimeMs::try_from(ago.as_millis()).unwrap_or(TimeMs::MAX);
    clock::text(clock::wall_ms().saturating_sub(ago_ms).max(0))
}
