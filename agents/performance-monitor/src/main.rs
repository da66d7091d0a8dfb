//! The program `performance-monitor`: wiring only.
//! Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_sdk::run::<performance_monitor::PerformanceMonitor>()
}
