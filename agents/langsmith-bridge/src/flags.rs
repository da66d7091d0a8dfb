//! Responsible for the flags of the bridge, their defaults and their bounds; in a `config` table the same have `_` for `-`.
//! It does not say what holds together with the environment (`settings`).

use std::time::Duration;

use clap::Args;

use crate::agents_file::AgentsFile;
use crate::endpoint::DEFAULT_ENDPOINT;
use crate::selection::Choice;
use crate::spans::{read_since, read_time};

/// What stands on the command line, or in a table that stands in for it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Flags {
    /// Check key, region, workspace, projects and version of the API, say what was found, and exit: 0 everything works, 1 something does not, 2 a setting is missing or wrong
    #[arg(long, help_heading = "Instead of work")]
    pub(crate) check: bool,
    /// A file of agents: everything comes as from the coordinator that has it, `config`, arguments and environment; flags win
    #[arg(long, value_name = "FILE", value_parser = AgentsFile::load, help_heading = "By hand")]
    pub(crate) agents: Option<AgentsFile>,
    /// Which agent of that file, where several run this program
    #[arg(
        long,
        value_name = "NAME",
        requires = "agents",
        help_heading = "By hand"
    )]
    pub(crate) agent: Option<String>,
    /// Name of a project to read, may be given several times [env: LANGSMITH_PROJECT or LANGCHAIN_PROJECT] [default: default]
    #[arg(long)]
    pub(crate) project: Vec<String>,
    /// Names of projects to read, separated by commas; a name that holds a comma needs `--project`
    #[arg(long)]
    pub(crate) projects: Vec<String>,
    /// Base URL of the API.
    #[arg(long, help = format!("Base URL of the API [env: LANGSMITH_ENDPOINT or LANGCHAIN_ENDPOINT] [default: {DEFAULT_ENDPOINT}]"))]
    pub(crate) endpoint: Option<String>,
    /// Workspace id, needed with a key of a whole organisation [env: LANGSMITH_WORKSPACE_ID or LANGCHAIN_WORKSPACE_ID]
    #[arg(long)]
    pub(crate) workspace_id: Option<String>,
    /// Read and count, but store nothing and keep no place
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How far back the first start reads: a time such as 7d, or a date such as 2026-01-31
    #[arg(long, default_value = "14d", value_parser = read_since)]
    pub(crate) since: Duration,
    /// Time between looks for new runs
    #[arg(long, default_value = "30s", value_parser = |text: &str| read_time(text, "100ms", "24h"))]
    pub(crate) poll_interval: Duration,
    /// How much is read again each time, for runs that arrive late
    #[arg(long, default_value = "15m", value_parser = |text: &str| read_time(text, "0s", "24h"))]
    pub(crate) overlap: Duration,
    /// How old a run has to be to be looked for
    #[arg(long, default_value = "10s", value_parser = |text: &str| read_time(text, "0s", "1h"))]
    pub(crate) safety_lag: Duration,
    /// How long after a run's end its tokens and costs may still come
    #[arg(long, default_value = "10m", value_parser = |text: &str| read_time(text, "0s", "24h"))]
    pub(crate) settle: Duration,
    /// How long after its start a run that does not end is asked about
    #[arg(long, default_value = "24h", value_parser = |text: &str| read_time(text, "1s", "400d"))]
    pub(crate) abandon_after: Duration,
    /// Time between looks for runs that ended and that nothing else reads again
    #[arg(long, default_value = "5m", value_parser = |text: &str| read_time(text, "100ms", "24h"))]
    pub(crate) ended_interval: Duration,
    /// Time between looks for feedback that changed
    #[arg(long, default_value = "1h", value_parser = |text: &str| read_time(text, "100ms", "7d"))]
    pub(crate) feedback_interval: Duration,
    /// How long after its end a day is read once more and compared with the server's count
    #[arg(long, default_value = "6h", value_parser = |text: &str| read_time(text, "0s", "7d"))]
    pub(crate) day_check_after: Duration,
    /// Longest wait for a connection
    #[arg(long, default_value = "10s", value_parser = |text: &str| read_time(text, "100ms", "2m"))]
    pub(crate) connect_timeout: Duration,
    /// Longest wait for one whole answer
    #[arg(long, default_value = "60s", value_parser = |text: &str| read_time(text, "100ms", "10m"))]
    pub(crate) request_timeout: Duration,
    /// Runs in one answer
    #[arg(long, default_value = "500", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) page_size: u32,
    /// Queries of runs in 10 seconds; LangSmith allows 300 in version 2 where it has its newer store, else 10
    #[arg(long, default_value = "10", value_parser = per_10s())]
    pub(crate) requests_per_10s: u32,
    /// Queries of runs in 10 seconds by version 1 with a window of at most 7 days
    #[arg(long, default_value = "10", value_parser = per_10s())]
    pub(crate) runs_v1_per_10s: u32,
    /// The same with a longer window
    #[arg(long, default_value = "3", value_parser = per_10s())]
    pub(crate) runs_v1_long_per_10s: u32,
    /// The same without a start time
    #[arg(long, default_value = "3", value_parser = per_10s())]
    pub(crate) runs_v1_unbounded_per_10s: u32,
    /// Queries of statistics in 10 seconds; LangSmith allows 1 in its US region, 20 in the EU
    #[arg(long, default_value = "1", value_parser = per_10s())]
    pub(crate) stats_per_10s: u32,
    /// Look-ups of projects in 10 seconds
    #[arg(long, default_value = "30", value_parser = per_10s())]
    pub(crate) sessions_per_10s: u32,
    /// Requests of any other kind in 10 seconds
    #[arg(long, default_value = "30", value_parser = per_10s())]
    pub(crate) others_per_10s: u32,
    /// Which version of the API is used: v2 where the server has it, or always this one
    #[arg(long, value_enum, default_value_t = Api::Auto)]
    pub(crate) api: Api,
    /// Fields of a run to read: `NAME` instead of the usual ones, `+NAME` besides, `-NAME` not
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, value_parser = Choice::parse)]
    pub(crate) selects: Vec<Choice>,
    /// Read and store the inputs of runs, which hold what users of the traced program wrote
    #[arg(long)]
    pub(crate) inputs: bool,
    /// Read and store the outputs of runs
    #[arg(long)]
    pub(crate) outputs: bool,
    /// Read and store the events of runs
    #[arg(long)]
    pub(crate) events: bool,
    /// Read and store what programs put into `extra` besides metadata
    #[arg(long)]
    pub(crate) extra: bool,
    /// Largest content (inputs, outputs, ...) of a run that is kept, in bytes of JSON; a larger one is left out and counted
    #[arg(long, default_value = "16384", value_parser = clap::value_parser!(u32).range(0..=131_072))]
    pub(crate) content_bytes_max: u32,
}

/// Which version of the API is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Api {
    /// Version 2; version 1 where the server has only that.
    Auto,
    /// Version 2 and nothing else.
    V2,
    /// Version 1, which is removed in January 2027.
    V1,
}

fn per_10s() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1_000)
}
