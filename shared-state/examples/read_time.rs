//! Prints how long the questions of the fleet page and of an instance's page take on a database, such as `fill` makes.
//! It measures reading only: no rendering, no HTTP.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use shared_state::{EventFilter, Reader, ReaderError, SeriesOf, Snapshot};

const HOUR_MS: i64 = 3_600_000;

/// Measures how long reads take.
#[derive(Parser)]
struct Arguments {
    /// The file.
    database: PathBuf,
    /// How often each question is asked.
    #[arg(long, default_value_t = 200)]
    times: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let reader = Reader::open(&arguments.database)?;
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let instances = reader.snapshot(Duration::from_secs(5), |snapshot| snapshot.fleet())?;
    println!("{} instances", instances.len());
    let one = instances
        .first()
        .ok_or("the database has no instance")?
        .instance_id;
    time(&reader, &arguments, "fleet", |snapshot| {
        snapshot.fleet().map(drop)
    })?;
    time(&reader, &arguments, "restarts in 24 h", |snapshot| {
        snapshot.restarts_since(now_ms - 24 * HOUR_MS).map(drop)
    })?;
    time(
        &reader,
        &arguments,
        "heartbeat bar, 30 × 2 min",
        |snapshot| {
            snapshot
                .heartbeat_bar(now_ms - HOUR_MS, 30, 120_000)
                .map(drop)
        },
    )?;
    time(&reader, &arguments, "heartbeat bar, 24 × 1 h", |snapshot| {
        let from_ms = now_ms / HOUR_MS * HOUR_MS - 23 * HOUR_MS;
        snapshot.heartbeat_bar(from_ms, 24, HOUR_MS).map(drop)
    })?;
    time(&reader, &arguments, "instance page", |snapshot| {
        snapshot.instance(one)?;
        snapshot.invocations(one, 50)?;
        snapshot.events(&EventFilter {
            instance_id: Some(one),
            ..EventFilter::default()
        })?;
        for series in snapshot.series(SeriesOf::Instance(one))? {
            snapshot.chart(series.series_id, now_ms - HOUR_MS, now_ms, 600)?;
        }
        Ok(())
    })?;
    time(&reader, &arguments, "chart of 30 days", |snapshot| {
        snapshot
            .chart(1, now_ms - 30 * 24 * HOUR_MS, now_ms, 1_000)
            .map(drop)
    })?;
    Ok(())
}

fn time(
    reader: &Reader,
    arguments: &Arguments,
    what: &str,
    ask: impl Fn(&Snapshot<'_>) -> Result<(), ReaderError>,
) -> Result<(), ReaderError> {
    let mut samples = Vec::with_capacity(arguments.times);
    for _ in 0..arguments.times.max(1) {
        let started = Instant::now();
        reader.snapshot(Duration::from_secs(5), &ask)?;
        samples.push(started.elapsed().as_secs_f64() * 1e3);
    }
    samples.sort_by(f64::total_cmp);
    let at = |share: usize| samples[(samples.len() - 1) * share / 100];
    println!("{what:28} {:8.2} ms p50 {:8.2} ms p99", at(50), at(99));
    Ok(())
}
