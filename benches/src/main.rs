//! Measures every figure of the table of goals that applies, and prints and writes it beside its yardstick.
//! `scripts/bench` builds and runs it; every figure can be run on its own by its number.

mod bare_loop;
mod dashboard;
mod figures;
mod process;
mod report;
mod slots;
mod supervised;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::report::Figure;

#[derive(Parser)]
#[command(about = "Measure the system on this machine")]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// Only these figures, such as `P1,P9`; all without it.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where the table is written; printed only without it.
    #[arg(long)]
    write: Option<PathBuf>,
    /// Heartbeat rows of the large database.
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Runs of LangSmith in the large database of traces, over 90 days.
    #[arg(long, default_value_t = 5_000_000)]
    runs: u64,
    /// Agents of the large runs.
    #[arg(long, default_value_t = 1_000)]
    agents: usize,
}

#[derive(Subcommand)]
enum Role {
    /// Be the bare loop: keep children alive and nothing more.
    #[command(hide = true)]
    BareLoop { slots: PathBuf, count: usize },
}

type Measurement = fn(&Arguments) -> Result<Vec<Figure>>;

/// What measures which figures.
const MEASUREMENTS: [(&[&str], Measurement); 11] = [
    (&["P1", "P2", "P3"], |arguments| {
        figures::restarts_and_starts(arguments.agents)
    }),
    (&["P4"], |_| figures::memory_by_agents()),
    (&["P5"], |arguments| {
        figures::idle_processor_time(arguments.agents)
    }),
    (&["P6", "P11"], |_| figures::heartbeats_stored()),
    (&["P7"], |_| figures::heartbeat_latency()),
    (&["P8", "P10"], |_| figures::live_updates()),
    (&["P9"], |arguments| {
        figures::pages_of_a_large_database(arguments.rows, arguments.agents)
    }),
    (&["P12"], |_| figures::sdk_agent()),
    (&["P13"], |_| figures::runs_stored()),
    (&["P14"], |_| figures::backfill()),
    (&["P15"], |arguments| {
        figures::pages_of_many_traces(arguments.runs)
    }),
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(Role::BareLoop { slots, count }) = &arguments.role {
        return bare_loop::keep_alive(&supervised::binaries()?.join("bench_child"), slots, *count);
    }
    // The HTTP client wants a provider even where it speaks plain HTTP only.
    let _ = rustls::crypto::ring::default_provider().install_default();
    process::raise_file_limit()?;
    let mut measured = Vec::new();
    for (ids, measure) in MEASUREMENTS {
        if arguments.only.is_empty()
            || ids
                .iter()
                .any(|id| arguments.only.iter().any(|wanted| wanted == id))
        {
            eprintln!("measuring {} …", ids.join(", "));
            measured.extend(
                measure(&arguments)
                    .with_context(|| format!("failed to measure {}", ids.join(", ")))?,
            );
        }
    }
    let document = report::render(&report::describe_machine(), &measured);
    println!("{document}");
    if let Some(path) = &arguments.write {
        std::fs::write(path, document)
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}
