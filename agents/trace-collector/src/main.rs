//! The program `trace-collector`: wiring only.
//! Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_sdk::run::<trace_collector::TraceCollector>()
}
