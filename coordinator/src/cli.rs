//! The command line. It runs nothing.

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use coordinator_config::{LogFormat, Overrides};
use shared_state::InstanceState;

use crate::describe::DescribeArgs;
use crate::events::EventsArgs;
use crate::handover::CHECK_VERB;
use crate::logs::LogsArgs;
use crate::shells::Completed;

const AGENTS: &str = "agents.toml";
/// So that they do not stand between the flags of a verb.
const PATHS: &str = "Where things are";

const AFTER_HELP: &str = "\
Without a command it runs in the foreground until TERM or INT (Ctrl-C).

Each path comes from its flag, else its environment variable, else `.env` in the working directory, else agents.toml, else \
its default: shared_state.db in the working directory, coordinator.sock and logs beside the database.

Exit codes: 0 stopped in order; 1 internal error; 2 bad arguments or a problem in agents.toml; 3 another coordinator runs on \
this database; 4 an essential agent became FATAL; 5 the database cannot be used.

Exit codes of verbs, as LSB has them: 0 done, of status all running; 1 not done in time; 2 bad arguments; 3 of status: not all \
running; 4 no such agent or no answer where something is read, not permitted where something is changed; 5 no such agent, or no \
database; 7 not running.";

/// Keeps background agents alive, reads what they say and stores it in one SQLite file.
#[derive(Debug, Parser)]
#[command(name = "coordinator", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) paths: Paths,
    /// The look of the log on stderr [default: text on a terminal, JSON lines otherwise]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<Format>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Where things are; the same for every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Paths {
    /// Which agents run, and how
    #[arg(
        long,
        global = true,
        help_heading = PATHS,
        value_name = "FILE",
        env = "COORDINATOR_AGENTS",
        default_value = AGENTS,
        hide_env_values = true,
        value_parser = path()
    )]
    agents: PathBuf,
    /// The database
    #[arg(
        long,
        global = true,
        help_heading = PATHS,
        value_name = "FILE",
        env = "SHARED_STATE_SQLITE",
        hide_env_values = true,
        value_parser = path()
    )]
    database: Option<PathBuf>,
    /// The control socket
    #[arg(
        long,
        global = true,
        help_heading = PATHS,
        value_name = "FILE",
        env = "COORDINATOR_SOCKET",
        hide_env_values = true,
        value_parser = path()
    )]
    socket: Option<PathBuf>,
    /// The folder of the log files
    #[arg(
        long,
        global = true,
        help_heading = PATHS,
        value_name = "FOLDER",
        env = "AGENT_LOG_DIR",
        hide_env_values = true,
        value_parser = path()
    )]
    log_dir: Option<PathBuf>,
}

/// A path that may be empty: in an environment that means that it is not set.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

impl Paths {
    /// The file of agents.
    pub(crate) fn agents(&self) -> &Path {
        match self.agents.as_os_str().is_empty() {
            true => Path::new(AGENTS),
            false => &self.agents,
        }
    }

    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            database: self.database.clone(),
            socket: self.socket.clone(),
            log_dir: self.log_dir.clone(),
        }
    }
}

/// The look of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text on a terminal, JSON lines otherwise
    Auto,
    /// Text
    Text,
    /// JSON lines
    Json,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Auto => Self::Auto,
            Format::Text => Self::Text,
            Format::Json => Self::Json,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show every agent of the running coordinator
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Only these agents or instances
        names: Vec<String>,
    },
    /// Show everything about agents
    ///
    /// State and reason, processes, neighbours, log files, names of variables, every key in force with secrets masked, and the
    /// newest invocations.
    Describe(DescribeArgs),
    /// Watch all agents live in this terminal
    ///
    /// With CPU, memory and heartbeats, and with keys to start, stop and restart agents and to read their logs; `?` lists them.
    Top,
    /// Wait until agents are in a state
    ///
    /// Ends with 0 when each of them is, with 1 when one is not in time.
    Wait(WaitArgs),
    /// Start agents
    ///
    /// What earlier failures have used up is forgotten. Returns when they run, unless told otherwise.
    Start(Targets),
    /// Stop agents
    Stop(Targets),
    /// Stop agents and start them again
    Restart(Targets),
    /// Forget the failures of agents
    ///
    /// Those in BACKOFF or FATAL are tried again at once.
    Reset(Targets),
    /// Run another number of instances of an agent
    ///
    /// Until agents.toml is read again.
    Scale {
        /// The agent
        agent: String,
        /// How many; those with the highest ordinals stop first
        #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
        instances: u32,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Send a signal to the process groups of agents
    Signal {
        /// Such as SIGUSR1
        signal: String,
        /// Agents and instances, also with `*` and `?`, or `all`
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Read agents.toml anew and do what follows from it
    ///
    /// Starts what was added, stops what was removed, restarts only what must be. An invalid file changes nothing.
    Reload {
        /// Only tell what would happen
        #[arg(long)]
        dry_run: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Replace the running coordinator by a new program
    ///
    /// Every agent, its pipes and its history stay.
    Upgrade {
        /// The new program [default: the file that the running one was started from]
        #[arg(value_name = "FILE")]
        binary: Option<PathBuf>,
    },
    /// Say whether this program could take over the state on stdin
    #[command(name = CHECK_VERB, hide = true)]
    CheckHandover,
    /// Stop all agents, then the coordinator
    Shutdown(Waiting),
    /// Print what agents have printed
    ///
    /// From their log files; needs no running coordinator.
    Logs(LogsArgs),
    /// Print what has happened
    ///
    /// From the database; needs no running coordinator.
    Events(EventsArgs),
    /// Tell every problem in agents.toml; start nothing
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write an agents.toml and .env to begin with
    ///
    /// With every key and variable as a comment. Overwrites nothing.
    Init,
    /// Copy the database while it is in use
    ///
    /// The copy is verified; a file that exists is not replaced.
    Backup {
        /// The new file
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what a shell needs to complete verbs and flags
    Completions {
        /// Which shell
        shell: Completed,
    },
    /// Print the manual page
    Man {
        /// Write it and one for each verb into this folder instead
        folder: Option<PathBuf>,
    },
    /// Print the JSON schema of agents.toml for editors
    Schema {
        /// Print the SQL of the database's tables instead
        #[arg(long)]
        sql: bool,
    },
}

/// Whom a verb concerns.
#[derive(Debug, Args)]
pub(crate) struct Targets {
    /// Agents and instances, also with `*` and `?`, or `all`
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// For what `coordinator wait` waits.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Agents and instances, also with `*` and `?`, or `all`
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    /// The state, or several with commas between them; ready means running
    #[arg(
        long = "for",
        value_enum,
        value_name = "STATE",
        value_delimiter = ',',
        ignore_case = true,
        default_value = "running"
    )]
    pub(crate) states: Vec<Awaited>,
    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A state that can be awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Awaited {
    Running,
    Ready,
    Stopped,
    Exited,
    Fatal,
    Backoff,
    Waiting,
    Starting,
    Stopping,
    Unhealthy,
}

impl From<Awaited> for InstanceState {
    fn from(awaited: Awaited) -> Self {
        match awaited {
            Awaited::Running | Awaited::Ready => Self::Running,
            Awaited::Stopped => Self::Stopped,
            Awaited::Exited => Self::Exited,
            Awaited::Fatal => Self::Fatal,
            Awaited::Backoff => Self::Backoff,
            Awaited::Waiting => Self::Waiting,
            Awaited::Starting => Self::Starting,
            Awaited::Stopping => Self::Stopping,
            Awaited::Unhealthy => Self::Unhealthy,
        }
    }
}

/// Whether a verb returns once its effect has happened.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// Return at once, not when it has happened
    #[arg(long)]
    no_wait: bool,
    /// Seconds to wait for it at most
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        conflicts_with = "no_wait"
    )]
    timeout: u32,
}

impl Waiting {
    pub(crate) fn wait_ms(&self) -> Option<u64> {
        (!self.no_wait).then(|| u64::from(self.timeout) * 1_000)
    }
}
