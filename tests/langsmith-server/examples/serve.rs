//! Serves runs to look at a bridge by hand: `cargo run -p langsmith-test-server --example serve -- RUNS HOURS`.
//! It ends with its process.

use langsmith_test_server::{ContractServer, KEY, World};

#[tokio::main]
async fn main() {
    let number = |place, default| {
        let given = std::env::args().nth(place);
        given.map_or(default, |text| text.parse::<u32>().expect("a whole number"))
    };
    let (runs, hours) = (number(1, 3_000), number(2, 7 * 24));
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let world = World::with_runs(runs as usize, now_ms, i64::from(hours) * 3_600_000);
    let server = ContractServer::start(world).await;
    println!("export LANGSMITH_ENDPOINT={}", server.url());
    println!("export LANGSMITH_API_KEY={KEY}");
    std::future::pending::<()>().await;
}
