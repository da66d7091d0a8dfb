//! The Unix socket: one JSON line asks, one JSON line answers. `server` runs beside the agents, `client` in another process.

mod act;
mod ask;
mod choose;
mod client;
mod describe;
pub(crate) mod fuzzing;
mod scale;
mod server;
mod table;
mod waiting;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use shared_state::{InstanceState, TimeMs};

use crate::board::View;
use crate::changes::{Changes, Refusal};

pub(crate) use choose::{Meant, choose_by};
pub(crate) use client::{act, ask_for_descriptions, reload, scale, show_status, upgrade, wait};
pub(crate) use describe::{CoordinatorStatus, Description, Neighbour};
pub(crate) use server::{ListenError, Listener, listen};
pub(crate) use table::age;
pub(crate) use watch::{ask_for_change, look};

/// A question longer than this is none.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// How long a client may take for a question, and for taking its answer.
const CLIENT_LIMIT: Duration = Duration::from_secs(5);

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
enum Request {
    /// What is true of these agents or instances; of all if there are none.
    Status { names: Vec<String> },
    /// Everything about these agents or instances.
    Describe { names: Vec<String> },
    /// Which coordinator it is.
    Coordinator,
    /// Wait until they are in one of these states.
    Wait {
        names: Vec<String>,
        states: Vec<InstanceState>,
        /// At most.
        wait_ms: u64,
    },
    /// Change something.
    Act(Action),
    /// Run another number of instances of an agent.
    Scale {
        agent: String,
        instances: u32,
        /// How long the answer may wait for the effect; absent: not at all.
        wait_ms: Option<u64>,
    },
    /// Read agents.toml anew.
    Reload {
        /// Only to tell what would happen.
        dry_run: bool,
    },
    /// Let another program take over in place.
    Upgrade {
        /// Its file; absent: the one that this program was started from.
        binary: Option<PathBuf>,
    },
}

impl Request {
    /// Whether it may be asked twice without harm.
    fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Status { .. } | Self::Describe { .. } | Self::Coordinator
        )
    }

    /// Whether the answer may come much later.
    fn waits(&self) -> bool {
        match self {
            Self::Act(action) => action.wait_ms.is_some_and(|wait_ms| wait_ms > 0),
            Self::Wait { wait_ms, .. } => *wait_ms > 0,
            Self::Scale { wait_ms, .. } => wait_ms.is_some_and(|wait_ms| wait_ms > 0),
            Self::Status { .. }
            | Self::Describe { .. }
            | Self::Coordinator
            | Self::Reload { .. }
            | Self::Upgrade { .. } => false,
        }
    }
}

/// A change that a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Action {
    /// What.
    pub(crate) change: Change,
    /// Agents and instances, also with `*` and `?`, or `all`.
    pub(crate) names: Vec<String>,
    /// How long the answer may wait for the effect; absent: not at all.
    pub(crate) wait_ms: Option<u64>,
}

/// What a client can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// They should run; earlier failures are forgotten.
    Start,
    /// They should not run.
    Stop,
    /// They should end and run again.
    Restart,
    /// What their failures used up should be forgotten, and an attempt that is waited for be made now.
    Reset,
    /// Their process groups should get this signal, such as `SIGUSR1`.
    Signal(String),
    /// Everything should stop and the coordinator end.
    Shutdown,
}

/// What it gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    Agents(Vec<AgentStatus>),
    Described {
        coordinator: CoordinatorStatus,
        agents: Vec<Description>,
    },
    Coordinator(CoordinatorStatus),
    /// The effect has happened, or nobody wanted to wait for it: how they are now.
    Done(Vec<AgentStatus>),
    /// The effect has not happened: how they are now, and for whom it has not.
    NotDone {
        agents: Vec<AgentStatus>,
        missing: Vec<String>,
    },
    /// What was done, or would be.
    Reloaded(Changes),
    /// agents.toml has problems; nothing has changed.
    Invalid(Refusal),
    /// Another program has taken over; it is the one that says so.
    Upgraded {
        from: String,
        to: String,
    },
    /// It was not done, and nothing has changed: why.
    Refused(String),
    /// There is no agent and no instance of this name.
    NoSuchAgent(String),
    /// The question was not understood.
    Misunderstood(String),
    /// The client is of another user, or there are too many.
    Forbidden(String),
}

/// One instance, as `coordinator status --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AgentStatus {
    /// The instance's name.
    pub(crate) name: String,
    pub(crate) agent: String,
    pub(crate) protocol: String,
    pub(crate) state: InstanceState,
    pub(crate) goal: String,
    pub(crate) reason: String,
    pub(crate) pid: Option<i32>,
    pub(crate) invocation_id: Option<i64>,
    pub(crate) uptime_ms: Option<u64>,
    pub(crate) restarts: u64,
    pub(crate) last_exit: Option<String>,
    pub(crate) next_attempt_ms: Option<TimeMs>,
    /// Since the coordinator was started.
    pub(crate) heartbeats: u64,
    pub(crate) heartbeat_age_ms: Option<u64>,
    /// What the agent says of itself: ok, degraded or error.
    pub(crate) status: Option<String>,
    pub(crate) message: Option<String>,
    /// How its processes are held together: `cgroup` or `process group`.
    pub(crate) containment: String,
    /// Who keeps each of its limits, by its key: `cgroup`, `watched` (by the coordinator) or `not in force`.
    pub(crate) limits: BTreeMap<String, String>,
}

/// The line that a client gets who asked for an upgrade, from the program that has taken over.
pub(crate) fn upgraded_line(from: &str) -> Vec<u8> {
    let response = Response::Upgraded {
        from: from.to_owned(),
        to: env!("CARGO_PKG_VERSION").into(),
    };
    let mut line = serde_json::to_vec(&response).expect("two strings are JSON");
    line.push(b'\n');
    line
}

impl AgentStatus {
    fn of(view: &View, now: Instant) -> Self {
        let since_ms = |then: Instant| {
            u64::try_from(now.saturating_duration_since(then).as_millis()).unwrap_or(u64::MAX)
        };
        let status = |number: u8| match number {
            0 => "ok",
            1 => "degraded",
            _ => "error",
        };
        let beat = view.heartbeat.as_ref();
        Self {
            name: view.name.clone(),
            agent: view.agent.clone(),
            protocol: view.protocol.into(),
            state: view.state,
            goal: if view.goal_up { "up" } else { "down" }.into(),
            reason: view.reason.clone(),
            pid: view.pid,
            invocation_id: view.invocation_id,
            uptime_ms: view.started.map(since_ms),
            restarts: view.restarts,
            last_exit: view.last_exit.clone(),
            next_attempt_ms: view.next_attempt_ms,
            heartbeats: view.heartbeats,
            heartbeat_age_ms: beat.map(|beat| since_ms(beat.at)),
            status: beat.map(|beat| status(beat.status).into()),
            message: beat.map(|beat| beat.message.clone()),
            containment: view.containment.into(),
            limits: view
                .limits
                .iter()
                .map(|(key, by)| ((*key).into(), by.as_str().into()))
                .collect(),
        }
    }
}
