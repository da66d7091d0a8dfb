//! What a coordinator hands to the program that replaces it in the same process: one JSON document and open descriptors.
//! It freezes nothing and starts nothing: the supervisor does, see `supervisor::upgrading`.
//!
//! # Layout
//!
//! - here: the document. `decision`: the lifecycle's types in it, `monotonic`: times in it.
//! - `binary`: the new program as an open file. `execute`: the replacement itself.
//! - `check`: what the new program says to the document before anything has happened.
//! - `takeover`: the new program after it: the document read, the descriptors taken.

mod binary;
mod check;
mod decision;
mod execute;
mod monotonic;
mod takeover;

use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::path::PathBuf;

use agent_protocol::Unfinished;
use lifecycle::{Cause, Parts};
use serde::{Deserialize, Serialize};
use serde_with::serde_as;
use shared_state::TimeMs;

use crate::agent_task::{NextRun, Published};
use crate::board::Heartbeat;
use crate::intake::Counters;

pub(crate) use binary::Binary;
pub(crate) use check::{CHECK_VERB, Verdict, check_document};
pub(crate) use execute::execute;
pub(crate) use monotonic::Monotonic;
pub(crate) use takeover::{
    Asker, Handed, Takeover, hold_signals, is_taking_over, own, own_environment, release_signals,
    take_over,
};

use decision::{CauseDef, PartsDef};

/// Counts changes of the document that an older or newer program would misread.
const FORMAT: u32 = 1;
/// The environment variable that names the descriptor of the document.
const VARIABLE: &str = "COORDINATOR_HANDOVER";

/// Everything that the next program needs to go on as if nothing had happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Document {
    format: u32,
    /// Of the program that wrote it.
    pub(crate) version: String,
    /// The text of agents.toml in force, which may have been edited since without a reload.
    pub(crate) agents_toml: String,
    /// Agents with another number of instances than it says.
    pub(crate) scaled: BTreeMap<String, u32>,
    /// The limit of open files that agents get, soft and hard; the coordinator raised its own.
    pub(crate) file_limit: Option<(u64, u64)>,
    pub(crate) descriptors: Descriptors,
    pub(crate) instances: Vec<SavedInstance>,
}

/// Open descriptors that concern no single agent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Descriptors {
    /// The locked file beside the database.
    pub(crate) lock: RawFd,
    /// The listening control socket.
    pub(crate) socket: RawFd,
    /// The new program's file.
    pub(crate) binary: RawFd,
    /// The client that asked for the upgrade and waits for the answer.
    pub(crate) asker: Option<RawFd>,
}

/// One instance with its process, if it has one.
#[serde_as]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SavedInstance {
    pub(crate) instance_id: i64,
    pub(crate) name: String,
    #[serde_as(as = "PartsDef")]
    pub(crate) parts: Parts,
    pub(crate) was_wanted: bool,
    pub(crate) next_run: Option<NextRun>,
    pub(crate) restarts: u64,
    pub(crate) last_invocation_id: Option<i64>,
    pub(crate) last_exit: Option<String>,
    pub(crate) spawn_error: Option<String>,
    /// A start that failed, not yet told to the lifecycle.
    #[serde_as(as = "Option<CauseDef>")]
    pub(crate) failed_start: Option<Cause>,
    pub(crate) waits_for: String,
    pub(crate) published: Published,
    /// Lines of the coordinator for the instance's log file, which it does not have yet.
    pub(crate) notes: Vec<u8>,
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) heartbeats: u64,
    pub(crate) invocation: Option<SavedInvocation>,
}

/// A living process, its pipes, and what was read from them or could not be written to them yet.
#[serde_as]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SavedInvocation {
    pub(crate) id: i64,
    pub(crate) pid: i32,
    pub(crate) stdin: Option<RawFd>,
    pub(crate) stdout: Option<RawFd>,
    pub(crate) stderr: Option<RawFd>,
    pub(crate) unsent: Vec<u8>,
    pub(crate) dropped_messages: u64,
    /// The folder of its control group.
    pub(crate) group: Option<PathBuf>,
    pub(crate) has_exceeded_memory: bool,
    pub(crate) dropped_rows: u64,
    pub(crate) stdout_line: Unfinished,
    pub(crate) stderr_line: Unfinished,
    pub(crate) counters: Counters,
    #[serde_as(as = "Monotonic")]
    pub(crate) started: std::time::Instant,
    pub(crate) started_ms: TimeMs,
}

impl Document {
    pub(crate) fn new(
        agents_toml: String,
        scaled: BTreeMap<String, u32>,
        file_limit: Option<(u64, u64)>,
        descriptors: Descriptors,
        instances: Vec<SavedInstance>,
    ) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            agents_toml,
            scaled,
            file_limit,
            descriptors,
            instances,
        }
    }

    /// All descriptors that the next program needs.
    fn all_descriptors(&self) -> Vec<RawFd> {
        let Descriptors {
            lock,
            socket,
            binary,
            asker,
        } = self.descriptors;
        let of_agents = self
            .instances
            .iter()
            .filter_map(|instance| instance.invocation.as_ref())
            .flat_map(|living| [living.stdin, living.stdout, living.stderr]);
        [Some(lock), Some(socket), Some(binary), asker]
            .into_iter()
            .chain(of_agents)
            .flatten()
            .collect()
    }
}
