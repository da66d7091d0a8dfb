//! What the puppet writes: messages and bytes on its stdout and stderr, unbuffered.
//! It does not know why.

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

use agent_protocol::{AgentMessage, encode};
use anyhow::{Context, Result};
use nix::unistd::write;

/// stdout.
pub(crate) const OUT: i32 = 1;
/// stderr.
pub(crate) const ERR: i32 = 2;

/// Writes all bytes, in as many writes as it takes.
pub(crate) fn put_bytes(descriptor: i32, mut bytes: &[u8]) -> Result<()> {
    // SAFETY: descriptors 1 and 2 are open unless the test asked to close them, and then the write fails with EBADF.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    while !bytes.is_empty() {
        match write(descriptor, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error).context("write"),
        }
    }
    Ok(())
}

/// Writes one message.
pub(crate) fn say(message: &AgentMessage) -> Result<()> {
    put_bytes(OUT, &encode(message)?)
}

/// Writes `line 1` to `line COUNT`.
pub(crate) fn put_lines(descriptor: i32, count: u64) -> Result<()> {
    for number in 1..=count {
        put_bytes(descriptor, format!("line {number}\n").as_bytes())?;
    }
    Ok(())
}

/// Writes one line of `bytes` times x, in blocks: it may be larger than the memory.
pub(crate) fn put_long_line(bytes: usize) -> Result<()> {
    static BLOCK: [u8; 65_536] = [b'x'; 65_536];
    let mut left = bytes;
    while left > 0 {
        let part = left.min(BLOCK.len());
        put_bytes(OUT, &BLOCK[..part])?;
        left -= part;
    }
    put_bytes(OUT, b"\n")
}

/// Writes lines for ever.
pub(crate) fn flood() -> Result<()> {
    let block = "a line of a flood that nobody will read to its end\n".repeat(1000);
    loop {
        put_bytes(OUT, block.as_bytes())?;
    }
}

/// Closes stdout or stderr, and not by putting another file in its place.
pub(crate) fn close(descriptor: i32) {
    // SAFETY: nothing else in this program owns the descriptor; later writes to it fail with EBADF.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
}
