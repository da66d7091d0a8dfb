//! P14: the whole way of LangSmith's runs, from the server through bridge and coordinator into the file, and what memory that takes.
//! Storing alone is P13. The server runs on the same machine; it has written every run before, so that its answers cost little.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::traces::plain_rate;
use crate::process::{children_of, peak_rss_mb};
use crate::report::Figure;
use crate::supervised::{Supervised, binaries};

const RUNS: u32 = 100_000;

/// Everything after that is a mistake.
const LIMIT: Duration = Duration::from_secs(300);

/// P14: a backfill from a server that is not slowed down by anything, and one of runs that are all in flight.
pub(crate) fn backfill() -> Result<Vec<Figure>> {
    let plain = plain_rate()?;
    let server = Server::start(&[])?;
    read_all(&server)?; // now it has written every run
    let ended = read_all(&server)?;
    drop(server);
    let open = read_all(&Server::start(&["--open"])?)?;
    Ok(vec![
        Figure {
            id: "P14",
            what: format!(
                "LangSmith runs pulled and stored per second, backfill of {RUNS} over HTTP"
            ),
            measured: format!("{:.0} ({:.0} %)", ended.rate, ended.rate / plain * 100.0),
            yardstick: format!("plain loop of inserts {plain:.0}"),
            goal: "≥ half of the loop",
            met: Some(ended.rate >= plain / 2.0),
        },
        Figure {
            id: "P14",
            what: format!("peak RSS with {RUNS} runs in flight, MB, bridge / coordinator"),
            measured: format!("{:.0} / {:.0}", open.bridge_mb, open.coordinator_mb),
            yardstick: format!(
                "the same runs ended: {:.0} / {:.0}",
                ended.bridge_mb, ended.coordinator_mb
            ),
            goal: "bounded: ≤ 100 / 100",
            met: Some(open.bridge_mb <= 100.0 && open.coordinator_mb <= 100.0),
        },
    ])
}

struct Reading {
    /// Runs per second from the first stored one to the last.
    rate: f64,
    bridge_mb: f64,
    coordinator_mb: f64,
}

/// Has a bridge read all of the server's runs into a new file.
fn read_all(server: &Server) -> Result<Reading> {
    let bridge = binaries()?.join("langsmith-bridge");
    let agents = format!(
        "[agents.langsmith-bridge]\ncommand = [{bridge:?}]\nready_timeout = \"60s\"\nheartbeat_timeout = \"60s\"\nenv = {{ LANGSMITH_ENDPOINT = {:?}, LANGSMITH_API_KEY = {:?} }}\n\
         config = {{ since = \"7d\", page_size = 1000, requests_per_10s = 1000, safety_lag = \"0s\", abandon_after = \"30d\" }}\n",
        server.url, server.key
    );
    let supervised = Supervised::start_with(&agents)?;
    let begun = Instant::now();
    let (mut first, mut stored) = (None, 0);
    while stored < i64::from(RUNS) {
        if begun.elapsed() > LIMIT {
            bail!(
                "{stored} of {RUNS} runs were stored after {LIMIT:?}:\n{}",
                supervised.terminal()
            );
        }
        crate::slots::pause(Duration::from_millis(20));
        stored = supervised
            .count("SELECT coalesce(max(run_no), 0) FROM trace_runs")
            .unwrap_or(0);
        if stored > 0 && first.is_none() {
            first = Some((Instant::now(), stored));
        }
    }
    let (since, before) = first.context("nothing was stored one after the other")?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of runs is far below 2^53"
    )]
    let rate = (stored - before) as f64 / since.elapsed().as_secs_f64();
    let bridge = children_of(supervised.pid())?
        .into_iter()
        .next()
        .context("the bridge is gone")?;
    let reading = Reading {
        rate,
        bridge_mb: peak_rss_mb(u32::try_from(bridge)?)?,
        coordinator_mb: peak_rss_mb(supervised.pid())?,
    };
    supervised.stop()?;
    Ok(reading)
}

/// The contract server as a process of its own; killed when dropped.
struct Server {
    child: Child,
    url: String,
    key: String,
}

impl Server {
    fn start(flags: &[&str]) -> Result<Self> {
        let mut child = Command::new(binaries()?.join("langsmith-test-server"))
            .args(["--fast", "--hours=160", "--runs"])
            .arg(RUNS.to_string())
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start langsmith-test-server")?;
        let mut lines = BufReader::new(child.stdout.take().context("piped")?).lines();
        let mut value = || -> Result<String> {
            let line = lines.next().context("the server ended")??;
            let (_, value) = line.split_once('=').context("a line without a value")?;
            Ok(value.to_owned())
        };
        let (url, key) = (value()?, value()?);
        Ok(Self { child, url, key })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
