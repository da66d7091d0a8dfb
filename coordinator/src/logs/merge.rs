//! Puts the lines of several logs in the order of their times. It reads no further ahead than one line of each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

use super::filter::{Filter, time};
use super::tail::Tail;

/// Takes all lines that are there and that the filter admits, oldest first, with the index of their log.
pub(super) fn take_lines<E: From<io::Error>>(
    tails: &mut [Tail],
    filter: &Filter,
    follows: bool,
    mut take: impl FnMut(usize, Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let mut next = BinaryHeap::new();
    for (index, tail) in tails.iter_mut().enumerate() {
        next.extend(next_of(tail, filter, follows, index, &[])?.map(Reverse));
    }
    while let Some(Reverse(first)) = next.pop() {
        let tail = &mut tails[first.index];
        next.extend(next_of(tail, filter, follows, first.index, &first.time)?.map(Reverse));
        take(first.index, first.line)?;
    }
    Ok(())
}

/// Ordered by its fields: at the same time the logs stand in their own order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    time: Vec<u8>,
    index: usize,
    line: Vec<u8>,
}

fn next_of(
    tail: &mut Tail,
    filter: &Filter,
    follows: bool,
    index: usize,
    last_time: &[u8],
) -> io::Result<Option<Next>> {
    while let Some(line) = tail.next_line(follows)? {
        if filter.admits(&line) {
            // A line without a time belongs to the one before it, and a clock set back takes no line before another.
            let time = time(&line).unwrap_or_default().max(last_time).to_vec();
            return Ok(Some(Next { time, index, line }));
        }
    }
    Ok(None)
}
