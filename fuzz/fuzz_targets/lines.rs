//! Any stream in any chunks: the splitter gives what the plainest split gives, and holds no more than its limit.
//! The first two bytes choose the limit and the chunks, so that the corpus stays plain text.
#![no_main]

use agent_protocol::LineSplitter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [limit, seed, stream @ ..] = input else {
        return;
    };
    let line_bytes_max = usize::from(*limit) + 1;
    let mut splitter = LineSplitter::new(line_bytes_max);
    let mut lines = Vec::new();
    let mut rest = stream;
    let mut size = usize::from(*seed);
    while !rest.is_empty() {
        // Sizes from 1 to 64 that differ from chunk to chunk.
        size = size * 37 % 101;
        let (chunk, after) = rest.split_at((size % 64 + 1).min(rest.len()));
        splitter.push(chunk, |line| {
            lines.push((line.bytes.to_vec(), line.truncated))
        });
        assert!(splitter.held_bytes() <= line_bytes_max);
        rest = after;
    }
    splitter.finish(|line| lines.push((line.bytes.to_vec(), line.truncated)));
    assert_eq!(lines, split_plainly(stream, line_bytes_max));
});

fn split_plainly(stream: &[u8], line_bytes_max: usize) -> Vec<(Vec<u8>, bool)> {
    let mut lines: Vec<&[u8]> = stream.split(|&byte| byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let without_cr = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).to_vec();
    let cut = |mut line: Vec<u8>| {
        let truncated = line.len() > line_bytes_max;
        line.truncate(line_bytes_max);
        (line, truncated)
    };
    lines.into_iter().map(without_cr).map(cut).collect()
}
