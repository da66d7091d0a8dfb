//! Puts the lines of several logs in the order of their times. It reads no further ahead than one line of each.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::io;

use super::filter::{Filter, time};
use super::tail::{Item, Tail};

/// Takes all lines that are there and that the filter admits, oldest first, with the index of their log.
pub(super) fn take_lines<E: From<io::Error>>(
    tails: &mut [Tail],
    filter: &Filter,
    follows: bool,
    mut take: impl FnMut(usize, Item) -> Result<(), E>,
) -> Result<(), E> {
    let mut next = BinaryHeap::new();
    for (index, tail) in tails.iter_mut().enumerate() {
        next.extend(next_of(tail, filter, follows, index, &[])?.map(Reverse));
    }
    while let Some(Reverse(first)) = next.pop() {
        let tail = &mut tails[first.index];
        next.extend(next_of(tail, filter, follows, first.index, &first.time)?.map(Reverse));
        take(first.index, first.item)?;
    }
    Ok(())
}

/// Ordered by time, and at the same time by log; there is never more than one of each log.
#[derive(Debug, PartialEq, Eq)]
struct Next {
    time: Vec<u8>,
    index: usize,
    item: Item,
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.time, self.index).cmp(&(&other.time, other.index))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn next_of(
    tail: &mut Tail,
    filter: &Filter,
    follows: bool,
    index: usize,
    last_time: &[u8],
) -> io::Result<Option<Next>> {
    while let Some(item) = tail.next(follows)? {
        let own_time = match &item {
            Item::Line(line) if !filter.admits(line) => continue,
            Item::Line(line) => time(line),
            Item::Gap(gap) => gap.to.as_deref(),
        };
        // A line without a time belongs to the one before it, and a clock set back takes no line before another.
        let time = own_time.unwrap_or_default().max(last_time).to_vec();
        return Ok(Some(Next { time, index, item }));
    }
    Ok(None)
}
