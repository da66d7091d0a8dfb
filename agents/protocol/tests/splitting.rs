//! The splitter against the plainest split there is, for any bytes and any borders of chunks.

use agent_protocol::{Line, LineSplitter};
use proptest::collection::vec;
use proptest::prelude::*;

type Owned = (Vec<u8>, bool);

fn owned(line: Line<'_>) -> Owned {
    (line.bytes.to_vec(), line.truncated)
}

fn split(chunks: &[&[u8]], line_bytes_max: usize) -> Vec<Owned> {
    let mut lines = Vec::new();
    let mut splitter = LineSplitter::new(line_bytes_max);
    for chunk in chunks {
        splitter.push(chunk, |line| lines.push(owned(line)));
        assert!(
            splitter.held_bytes() <= line_bytes_max,
            "memory is bounded by the limit"
        );
    }
    splitter.finish(|line| lines.push(owned(line)));
    lines
}

fn split_plainly(stream: &[u8], line_bytes_max: usize) -> Vec<Owned> {
    let mut lines: Vec<&[u8]> = stream.split(|&byte| byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
        .into_iter()
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .map(|line| {
            let kept = line.len().min(line_bytes_max);
            (line[..kept].to_vec(), line.len() > line_bytes_max)
        })
        .collect()
}

/// Bytes with many line ends, so that the borders matter.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => Just(b'a'), 1 => Just(b'\n'), 1 => Just(b'\r'), 1 => any::<u8>()];
    vec(byte, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_chunking_gives_the_plain_split(
        stream in stream(),
        chunk_sizes in vec(1..20_usize, 1..200),
        line_bytes_max in 1..20_usize,
    ) {
        let mut chunks = Vec::new();
        let mut rest = stream.as_slice();
        for size in chunk_sizes {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        chunks.push(rest);
        prop_assert_eq!(split(&chunks, line_bytes_max), split_plainly(&stream, line_bytes_max));
    }
}

#[test]
fn a_gigabyte_without_newline_takes_no_more_memory_than_the_limit() {
    let limit = 256 * 1024;
    let chunk = vec![b'x'; 64 * 1024];
    let mut splitter = LineSplitter::new(limit);
    for _ in 0..16 * 1024 {
        splitter.push(&chunk, |line| {
            panic!("no line has ended, got {} bytes", line.bytes.len())
        });
        assert!(splitter.held_bytes() <= limit);
    }
    let mut lines = Vec::new();
    splitter.push(b"\nnext\n", |line| lines.push(owned(line)));
    assert_eq!(
        lines,
        [(vec![b'x'; limit], true), (b"next".to_vec(), false)]
    );
    assert!(
        splitter.held_bytes() <= 8 * 1024,
        "a long line's buffer is given back"
    );
}

#[test]
fn the_last_line_counts_without_its_newline() {
    assert_eq!(
        split(&[b"one\ntw", b"o"], 10),
        [(b"one".to_vec(), false), (b"two".to_vec(), false)]
    );
    assert_eq!(split(&[b"one\n"], 10), [(b"one".to_vec(), false)]);
    assert_eq!(split(&[b"", b""], 10), []);
}

#[test]
fn a_carriage_return_at_the_limit_does_not_truncate() {
    assert_eq!(
        split(&[b"abc", b"\r", b"\n"], 3),
        [(b"abc".to_vec(), false)]
    );
    assert_eq!(split(&[b"abc\r\n"], 3), [(b"abc".to_vec(), false)]);
}

#[test]
fn utf8_split_across_chunks_stays_whole() {
    let bytes = "ü\n".as_bytes();
    assert_eq!(
        split(&[&bytes[..1], &bytes[1..]], 10),
        [("ü".as_bytes().to_vec(), false)]
    );
}
