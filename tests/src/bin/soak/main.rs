//! `scripts/soak`: hours with agents that misbehave and everything that may happen to a coordinator, then a thousand kills.
//! Prints what grows, and fails where something grows beyond its bound. It fuzzes nothing; the script does.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

mod agents;
mod dashboard;
mod figures;
mod life;
mod report;
mod troubles;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use end_to_end::{killing, now_ms};

use crate::report::Report;

#[derive(Debug, Parser)]
#[command(about = "Run the real programs under all kinds of trouble for a long time")]
struct Arguments {
    /// Hours of trouble
    #[arg(default_value_t = 4.0)]
    hours: f64,
    /// Minutes of trouble, in place of hours
    #[arg(long)]
    minutes: Option<f64>,
    /// How often coordinators are killed after that
    #[arg(long, default_value_t = 1_000)]
    kills: usize,
    /// Repeats the choices of a run that printed it
    #[arg(long)]
    seed: Option<u64>,
    /// Where the report is written; printed only without it
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| now_ms().unsigned_abs());
    let minutes = arguments.minutes.unwrap_or(arguments.hours * 60.0);
    println!("seed {seed}, {minutes} minutes, {} kills", arguments.kills);
    let mut report = Report::new(minutes);
    if minutes > 0.0 {
        let time = Duration::from_secs_f64(minutes * 60.0);
        life::live(time, killing::Random(seed), &mut report);
    }
    if arguments.kills > 0 {
        let counts = killing::kill_at_random_instants(arguments.kills, 4, seed);
        println!("{counts}");
        report.kills = Some(counts);
    }
    let text = report.text();
    println!("\n{text}");
    if let Some(file) = arguments.write {
        std::fs::write(file, text)?;
    }
    anyhow::ensure!(report.is_good(), "something is beyond its bound: see above");
    Ok(())
}
