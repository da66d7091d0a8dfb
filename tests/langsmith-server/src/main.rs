//! The contract server by itself, for people and scripts: `langsmith-test-server --runs 50000 --hours 168`. Prints what to export.
//! It ends with its process.

use clap::Parser;
use langsmith_test_server::{ContractServer, Fault, KEY, World};

/// A LangSmith server for tests, with made-up runs.
#[derive(Parser)]
struct Arguments {
    /// Where it listens on loopback; 0 is a free port
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many runs there are, in traces of three
    #[arg(long, default_value_t = 3_000)]
    runs: u32,
    /// Over how many hours before now they began
    #[arg(long, default_value_t = 168)]
    hours: u32,
    /// Bytes of text in the metadata of each run
    #[arg(long, default_value_t = 0)]
    padding: usize,
    /// No run ever ends
    #[arg(long)]
    open: bool,
    /// Only version 1 of the API, or only version 2
    #[arg(long, value_parser = ["v1", "v2"])]
    only: Option<String>,
    /// Every so many queries of runs fail with 503
    #[arg(long)]
    fails_every: Option<u64>,
    /// The first so many queries of runs are answered with 429 and `Retry-After: 2`
    #[arg(long, default_value_t = 0)]
    busy: usize,
    /// A `Sunset` header in every answer, such as `Sun, 31 Jan 2027 00:00:00 GMT`
    #[arg(long)]
    sunset: Option<String>,
    /// A field to select that the server does not know, may be given several times
    #[arg(long)]
    refuses_select: Vec<String>,
    /// Check no request and keep none: as fast as it can be
    #[arg(long)]
    fast: bool,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let server = ContractServer::start_on(arguments.port, world(&arguments)).await?;
    println!("export LANGSMITH_ENDPOINT={}", server.url());
    println!("export LANGSMITH_API_KEY={KEY}");
    std::future::pending::<()>().await;
    Ok(())
}

fn world(arguments: &Arguments) -> World {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let span_ms = i64::from(arguments.hours) * 3_600_000;
    let mut world = World::with_runs(arguments.runs as usize, now_ms, span_ms);
    if arguments.padding > 0 || arguments.open {
        world.edit_runs(|run| {
            if arguments.padding > 0 {
                run.fields["metadata"]["padding"] = "x".repeat(arguments.padding).into();
            }
            if arguments.open {
                run.ends_after_queries = u64::MAX;
            }
        });
    }
    world.only_v1 = arguments.only.as_deref() == Some("v1");
    world.only_v2 = arguments.only.as_deref() == Some("v2");
    world.fails_every = arguments.fails_every;
    let refused = arguments.refuses_select.iter();
    let refused = refused.map(|name| &*name.clone().leak());
    world.refused_selects.0 = refused.collect();
    world.is_strict = !arguments.fast;
    let busy = || Fault::Status(429, Some(("retry-after", "2".into())));
    world.faults = (0..arguments.busy)
        .map(|_| ("/runs/query", busy()))
        .collect();
    if let Some(sunset) = &arguments.sunset {
        world.headers = vec![("deprecation", "true".into()), ("sunset", sunset.clone())];
    }
    world
}
