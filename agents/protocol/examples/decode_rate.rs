//! Prints how many heartbeat lines a second one core splits and decodes. It does not judge the figure.
//! Run it with `cargo run --release -p agent-protocol --example decode_rate`.

use std::time::Instant;

use agent_protocol::{AgentMessage, Decoded, LINE_BYTES_MAX, LineSplitter, decode};

const LINES: usize = 2_000_000;

fn main() {
    let four = r#"{"type":"heartbeat","seq":123456,"status":"ok","message":"processed 100 runs in 1.2 s","metrics":{"cpu_percent":12.5,"queue_rows":42,"runs_total":123456,"lag_seconds":0.75},"ts_ms":1795000000123}"#;
    let none = r#"{"type":"heartbeat","seq":123456,"status":"ok","message":"working"}"#;
    let last = r#"{"seq":123456,"status":"ok","message":"processed 100 runs in 1.2 s","metrics":{"cpu_percent":12.5,"queue_rows":42},"type":"heartbeat"}"#;
    for (what, line) in [
        ("four figures", four),
        ("no figures", none),
        ("type last", last),
    ] {
        let mut chunk = Vec::new();
        while chunk.len() < 64 * 1024 {
            chunk.extend_from_slice(line.as_bytes());
            chunk.push(b'\n');
        }
        let mut splitter = LineSplitter::new(LINE_BYTES_MAX);
        let mut decoded = 0_usize;
        let begin = Instant::now();
        while decoded < LINES {
            splitter.push(&chunk, |line| match decode(line.bytes) {
                Decoded::Message(AgentMessage::Heartbeat(_)) => decoded += 1,
                other => panic!("the line is a heartbeat, got {other:?}"),
            });
        }
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{what}: {} bytes a line, {:.2} million lines/s",
            line.len(),
            decoded as f64 / seconds / 1e6
        );
    }
}
