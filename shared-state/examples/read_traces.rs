//! Prints how long the questions of the Traces page take on a database, such as `fill_traces` makes.
//! It measures reading only: no rendering, no HTTP.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use shared_state::{Reader, ReaderError, Snapshot, TraceFilter};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Measures how long reads of traces take.
#[derive(Parser)]
struct Arguments {
    /// The file.
    database: PathBuf,
    /// How often each question is asked.
    #[arg(long, default_value_t = 50)]
    times: usize,
}

type Question = (
    &'static str,
    fn(&Snapshot<'_>, Window) -> Result<usize, ReaderError>,
);

#[derive(Clone, Copy)]
struct Window {
    project_no: i64,
    from_ms: i64,
    to_ms: i64,
    column_ms: i64,
}

fn llm() -> TraceFilter {
    TraceFilter {
        run_type: Some("llm".into()),
        ..TraceFilter::default()
    }
}

const QUESTIONS: [Question; 12] = [
    ("projects", |snapshot, _| {
        Ok(snapshot.trace_projects()?.len())
    }),
    ("window", |snapshot, w| {
        let window = snapshot.trace_window(
            w.project_no,
            w.from_ms,
            w.to_ms,
            w.column_ms,
            &TraceFilter::default(),
        )?;
        Ok(usize::try_from(window.totals.runs).unwrap_or(0))
    }),
    ("window before", |snapshot, w| {
        let before = 2 * w.from_ms - w.to_ms;
        let totals =
            snapshot.trace_totals(w.project_no, before, w.from_ms, &TraceFilter::default())?;
        Ok(usize::try_from(totals.runs).unwrap_or(0))
    }),
    ("slowest 20", |snapshot, w| {
        Ok(snapshot
            .trace_slowest(
                w.project_no,
                w.from_ms,
                w.to_ms,
                &TraceFilter::default(),
                20,
            )?
            .len())
    }),
    ("error groups", |snapshot, w| {
        let all = TraceFilter::default();
        let errors = snapshot.trace_errors(w.project_no, w.from_ms, w.to_ms, &all, 20)?;
        Ok(errors.groups.len())
    }),
    ("window of llm", |snapshot, w| {
        let window =
            snapshot.trace_window(w.project_no, w.from_ms, w.to_ms, w.column_ms, &llm())?;
        Ok(usize::try_from(window.totals.runs).unwrap_or(0))
    }),
    ("slowest 20 of llm", |snapshot, w| {
        let slowest = snapshot.trace_slowest(w.project_no, w.from_ms, w.to_ms, &llm(), 20)?;
        Ok(slowest.len())
    }),
    ("error groups of llm", |snapshot, w| {
        let errors = snapshot.trace_errors(w.project_no, w.from_ms, w.to_ms, &llm(), 20)?;
        Ok(errors.groups.len())
    }),
    ("pending 50 of llm", |snapshot, w| {
        Ok(snapshot.trace_pending(w.project_no, &llm(), 50)?.len())
    }),
    ("pending 50", |snapshot, w| {
        let all = TraceFilter::default();
        Ok(snapshot.trace_pending(w.project_no, &all, 50)?.len())
    }),
    ("day checks", |snapshot, w| {
        Ok(snapshot
            .trace_day_checks(w.project_no, w.from_ms, w.to_ms, 31)?
            .len())
    }),
    ("one run", |snapshot, w| {
        let slowest = snapshot.trace_slowest(
            w.project_no,
            w.to_ms - DAY_MS,
            w.to_ms,
            &TraceFilter::default(),
            1,
        )?;
        let id = slowest.first().map_or("", |run| &run.run_id);
        Ok(snapshot.trace_run(id)?.map_or(0, |run| run.fields.len()))
    }),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let reader = Reader::open(&arguments.database)?;
    let projects = reader.snapshot(Duration::from_secs(5), |snapshot| snapshot.trace_projects())?;
    let project = projects.first().ok_or("the database has no project")?;
    let newest_us = project.newest_start_us.ok_or("the project has no run")?;
    let to_ms = newest_us / 1_000 + 1;
    let mut slowest_ms = (0.0, 0.0);
    for (what, span_ms, column_ms) in [
        ("1 hour by minutes", HOUR_MS, 60_000),
        ("24 hours by 15 minutes", DAY_MS, 15 * 60_000),
        ("7 days by hours", 7 * DAY_MS, HOUR_MS),
        ("90 days by days", 90 * DAY_MS, DAY_MS),
    ] {
        let window = Window {
            project_no: project.project_no,
            from_ms: to_ms - span_ms,
            to_ms,
            column_ms,
        };
        let page = samples(&reader, arguments.times, |snapshot| {
            QUESTIONS
                .iter()
                .try_for_each(|(_, ask)| ask(snapshot, window).map(drop))
        })?;
        if page.0 > slowest_ms.0 {
            slowest_ms = page;
        }
        println!("{what}");
        for (name, ask) in QUESTIONS {
            let mut found = 0;
            let each = samples(&reader, arguments.times, |snapshot| {
                found = ask(snapshot, window)?;
                Ok(())
            })?;
            print(&format!("  {name} ({found})"), each);
        }
        print("  all together", page);
    }
    print("slowest window, all together", slowest_ms);
    Ok(())
}

/// The median and the 99th percentile in milliseconds.
fn samples(
    reader: &Reader,
    times: usize,
    mut ask: impl FnMut(&Snapshot<'_>) -> Result<(), ReaderError>,
) -> Result<(f64, f64), ReaderError> {
    let mut samples = Vec::with_capacity(times);
    for _ in 0..times.max(1) {
        let begun = Instant::now();
        reader.snapshot(Duration::from_secs(5), &mut ask)?;
        samples.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    samples.sort_by(f64::total_cmp);
    let at = |share: usize| samples[(samples.len() - 1) * share / 100];
    Ok((at(50), at(99)))
}

fn print(what: &str, (p50, p99): (f64, f64)) {
    println!("{what:32} {p50:8.2} ms p50 {p99:8.2} ms p99");
}
