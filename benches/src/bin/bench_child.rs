//! The child that every supervisor in a benchmark runs: it notes when its first instruction ran, then waits or beats.
//! It speaks no more of the protocol than a benchmark needs.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use clap::Parser;

#[derive(Parser)]
struct Arguments {
    /// File of 8-byte slots, one a child, each the monotonic time of its last start in nanoseconds.
    #[arg(long)]
    slots: Option<String>,
    /// This child's slot.
    #[arg(long, default_value_t = 0)]
    slot: u64,
    /// Write a heartbeat every so many milliseconds; 0 writes as fast as the pipe takes them.
    #[arg(long)]
    beat_ms: Option<u64>,
}

fn main() {
    let started_ns = monotonic_ns();
    let arguments = Arguments::parse();
    if let Some(path) = &arguments.slots {
        let file = OpenOptions::new()
            .write(true)
            .open(path)
            .expect("the benchmark made the slots file");
        file.write_all_at(&started_ns.to_le_bytes(), arguments.slot * 8)
            .expect("the slots file is writable");
    }
    match arguments.beat_ms {
        None => wait_for_signal(),
        Some(0) => flood(),
        Some(period_ms) => beat(Duration::from_millis(period_ms)),
    }
}

fn wait_for_signal() {
    loop {
        // SAFETY: pause has no preconditions; TERM and KILL end the process by their default action.
        unsafe { libc::pause() };
    }
}

fn beat(period: Duration) {
    let mut stdout = std::io::stdout().lock();
    for seq in 1_u64.. {
        let line = format!(
            "{{\"type\":\"heartbeat\",\"seq\":{seq},\"status\":\"ok\",\"message\":\"{}\"}}\n",
            monotonic_ns()
        );
        if stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush())
            .is_err()
        {
            return;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a child that beats in a period has nothing to wait for but time"
        )]
        std::thread::sleep(period);
    }
}

fn flood() {
    let mut stdout = std::io::stdout().lock();
    let mut chunk = Vec::with_capacity(64 * 1024);
    for seq in 1_u64.. {
        let _ = writeln!(
            chunk,
            "{{\"type\":\"heartbeat\",\"seq\":{seq},\"status\":\"ok\",\"message\":\"working\"}}"
        );
        if chunk.len() > 60 * 1024 {
            if stdout.write_all(&chunk).is_err() {
                return;
            }
            chunk.clear();
        }
    }
}

fn monotonic_ns() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .expect("Linux has this clock");
    u64::try_from(now.tv_sec()).unwrap_or(0) * 1_000_000_000
        + u64::try_from(now.tv_nsec()).unwrap_or(0)
}
