//! Plays a lively fleet into a database, for work on the pages without a coordinator: all states, hostile names, logs.
//! It ends with Ctrl-C. Nothing of it is used by the product.

mod fleet;
mod traces;

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use shared_state::*;

/// Plays a lively fleet into a database.
#[derive(Parser)]
struct Arguments {
    /// The database; made if it is not there.
    database: PathBuf,
    /// Agents besides the named ones.
    #[arg(long, default_value_t = 6)]
    more: usize,
    /// Milliseconds between two heartbeats of an agent.
    #[arg(long, default_value_t = 1_000)]
    period_ms: u64,
    /// How the traces are: none, live, or failing since an hour.
    #[arg(long, value_enum, default_value_t = Traces::Live)]
    traces: Traces,
}

/// How the traces are.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Traces {
    None,
    Live,
    Failing,
}

/// Name, state, status and message of each.
const NAMED: [(&str, InstanceState, u8, &str); 10] = [
    (
        "langsmith-bridge",
        InstanceState::Running,
        1,
        "LANGCHAIN_API_KEY is not set; nothing is pulled",
    ),
    (
        "performance-monitor",
        InstanceState::Running,
        0,
        "cpu 12 %, memory 41 %, disk 63 %",
    ),
    (
        "optimizer",
        InstanceState::Running,
        0,
        "3 insights from 1 204 runs",
    ),
    ("mailer", InstanceState::Backoff, 0, ""),
    ("importer", InstanceState::Fatal, 0, ""),
    (
        "indexer",
        InstanceState::Unhealthy,
        0,
        "building segment 14 of 20",
    ),
    ("nightly-report", InstanceState::Exited, 0, ""),
    ("cache-warmer", InstanceState::Stopped, 0, ""),
    ("webhook-relay", InstanceState::Starting, 0, ""),
    (
        "<script>alert(1)</script>",
        InstanceState::Running,
        2,
        "\u{1b}[31mred\u{1b}[0m <img src=x onerror=alert(2)> \u{202e}desrever",
    ),
];

pub(crate) fn now_ms() -> TimeMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let logs = arguments.database.with_extension("logs");
    std::fs::create_dir_all(&logs)?;
    let identity = Identity {
        host: "demo".into(),
        pid: i32::try_from(std::process::id())?,
        pid_start_ticks: 1,
        version: "0.1.0".into(),
        now_ms: now_ms(),
    };
    let opened = open_writer(&arguments.database, identity, WriterOptions::default())?;
    let mut play: Vec<(String, InstanceState, u8, String)> = NAMED
        .iter()
        .map(|(name, state, status, message)| ((*name).into(), *state, *status, (*message).into()))
        .collect();
    play.extend((0..arguments.more).map(|n| {
        (
            format!("worker-{n}"),
            InstanceState::Running,
            0,
            "idle".into(),
        )
    }));
    let registrations = play
        .iter()
        .enumerate()
        .map(|(n, (name, ..))| AgentRegistration {
            name: name.clone(),
            protocol: "json".into(),
            command: vec![format!("/usr/local/bin/{name}"), "--json".into()],
            config: serde_json::json!({"restart": "always", "env": {"API_KEY": "***"}, "stop_timeout_ms": 10_000}),
            instances: 1,
            has_plain_first: true,
            heartbeat_timeout_ms: Some(30_000),
            log_paths: vec![logs.join(format!("{n}.log")).display().to_string()],
        })
        .collect();
    let writer = opened.writer;
    let registered = writer.register_agents(registrations, now_ms()).await?;
    let begun_ms = now_ms() - 4_321_000;
    let mut invocations = Vec::new();
    for ((name, state, ..), instance) in play.iter().zip(&registered) {
        invocations
            .push(fleet::begin(&writer, instance.instance_id, name, *state, begun_ms).await?);
    }
    let mut files = (0..play.len())
        .map(|n| {
            File::options()
                .create(true)
                .append(true)
                .open(logs.join(format!("{n}.log")))
        })
        .collect::<Result<Vec<File>, _>>()?;
    // The first of them is the bridge.
    let bridge = registered[0].instance_id;
    if arguments.traces != Traces::None {
        traces::begin(&writer, bridge, now_ms()).await?;
    }
    if arguments.traces == Traces::Failing {
        traces::fail(&writer, bridge, now_ms()).await?;
    }
    let mut timer = tokio::time::interval(Duration::from_millis(arguments.period_ms));
    for beat in 0_u64.. {
        tokio::select! {
            _ = timer.tick() => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        for (n, ((name, state, status, message), instance)) in
            play.iter().zip(&registered).enumerate()
        {
            if *state == InstanceState::Running {
                fleet::live(
                    &writer,
                    (instance.instance_id, invocations[n]),
                    (*status, message),
                    beat + n as u64,
                )
                .await;
                fleet::log(&mut files[n], name, beat)?;
            }
        }
        if arguments.traces == Traces::Live && beat % 3 == 0 {
            traces::go_on(&writer, bridge, now_ms(), beat).await?;
        }
        writer.record(Fact::Alive { ts_ms: now_ms() });
    }
    writer.record(Fact::IncarnationEnded {
        ts_ms: now_ms(),
        reason: "Ctrl-C".into(),
    });
    drop(writer);
    opened.thread.join(Duration::from_secs(10))?;
    Ok(())
}
