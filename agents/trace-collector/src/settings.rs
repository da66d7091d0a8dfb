//! Responsible for what a user can set: flags, environment, the coordinator's `config` table, defaults; in this order.
//! It does not act on any of it. The API key is no setting: it comes from the environment alone.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// The port on which LangSmith's own server listens on a machine of one's own, so that it is what its documentation shows. It
/// lies below the ports that systems give to outgoing connections, and nothing widely used has it.
const LISTEN: &str = "127.0.0.1:1984";

/// The variable that holds the key, if one is wanted.
pub(crate) const API_KEY_VARIABLE: &str = "TRACE_COLLECTOR_API_KEY";

/// The collector's settings.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address to listen on; port 0 takes a free one. Another address than loopback needs TRACE_COLLECTOR_API_KEY
    #[arg(long, default_value = LISTEN)]
    pub listen: SocketAddr,
    /// A host name under which clients reach this program, beside localhost and plain addresses; may be given several times
    #[arg(long)]
    pub allow_host: Vec<String>,
    /// What of a run is stored beside its figures; may be given several times. None by default: contents can be private
    #[arg(long, value_enum)]
    pub contents: Vec<Content>,
    /// Largest content that is stored, as JSON; a larger one is replaced by its size
    #[arg(long, default_value = "32768", value_parser = clap::value_parser!(u32).range(64..=200_000))]
    pub content_bytes_max: u32,
    /// Largest body, after decompression. The SDK ends a request with the run that crosses 20971520 bytes
    #[arg(long, default_value = "41943040", value_parser = clap::value_parser!(u32).range(1024..=1_073_741_824))]
    pub body_bytes_max: u32,
    /// Bytes of all requests that are read or wait to be stored; beyond, clients are told to come again
    #[arg(long, default_value = "134217728", value_parser = clap::value_parser!(u32).range(1024..=2_147_483_647))]
    pub in_flight_bytes_max: u32,
    /// Requests at the same time; beyond, clients are told to come again
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub requests_max: u32,
    /// Requests in 10 seconds; beyond, clients are told to slow down. LangSmith's own limit by default
    #[arg(long, default_value = "6000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests_per_10s: u32,
    /// Runs in one request
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub runs_per_request_max: u32,
    /// How long a request waits until its runs are on disk, in milliseconds. The SDK waits 10 seconds for an answer
    #[arg(long, default_value = "5000", value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub store_within_ms: u64,
}

/// A part of a run that may hold private things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Content {
    /// What went in.
    Inputs,
    /// What came out.
    Outputs,
    /// With their times.
    Events,
    /// Metadata, invocation parameters and the runtime.
    Extra,
    /// How the model or prompt was set up.
    Manifest,
    /// Files; without this only their names, types and sizes are kept.
    Attachments,
}

/// The same as flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `Content`")]
pub struct Contents {
    pub inputs: bool,
    pub outputs: bool,
    pub events: bool,
    pub extra: bool,
    pub manifest: bool,
    pub attachments: bool,
}

impl Contents {
    /// Those that are listed.
    pub fn of(listed: &[Content]) -> Self {
        Self {
            inputs: listed.contains(&Content::Inputs),
            outputs: listed.contains(&Content::Outputs),
            events: listed.contains(&Content::Events),
            extra: listed.contains(&Content::Extra),
            manifest: listed.contains(&Content::Manifest),
            attachments: listed.contains(&Content::Attachments),
        }
    }
}

impl Settings {
    /// How long a request waits until its runs are on disk.
    pub fn store_within(&self) -> Duration {
        Duration::from_millis(self.store_within_ms)
    }
}
