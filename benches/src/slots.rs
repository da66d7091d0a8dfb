//! The file in which children note their starts, and waiting for them.
//! It knows nothing of who starts the children.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// One 8-byte slot a child: the monotonic time of its last start in nanoseconds, 0 before the first.
pub(crate) struct Slots {
    file: File,
    path: PathBuf,
    count: usize,
}

impl Slots {
    /// Makes the file in `folder`, all slots 0.
    pub(crate) fn create(folder: &Path, count: usize) -> Result<Slots> {
        let path = folder.join("slots");
        std::fs::write(&path, vec![0_u8; count * 8]).context("failed to write the slots file")?;
        Ok(Slots {
            file: File::open(&path)?,
            path,
            count,
        })
    }

    /// Where the children find it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All start times, in slot order.
    pub(crate) fn read(&self) -> Result<Vec<u64>> {
        let mut bytes = vec![0_u8; self.count * 8];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes
            .chunks_exact(8)
            .map(|slot| u64::from_le_bytes(slot.try_into().expect("a chunk has 8 bytes")))
            .collect())
    }

    /// The start time in one slot.
    pub(crate) fn start_of(&self, slot: usize) -> Result<u64> {
        let mut bytes = [0_u8; 8];
        self.file.read_exact_at(&mut bytes, slot as u64 * 8)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Waits until every child has started after `since_ns`; the time of the last start.
    pub(crate) fn wait_all_after(&self, since_ns: u64, limit: Duration) -> Result<u64> {
        let deadline = Instant::now() + limit;
        loop {
            let starts = self.read()?;
            if starts.iter().all(|start| *start > since_ns) {
                return Ok(starts.into_iter().max().unwrap_or(since_ns));
            }
            if Instant::now() > deadline {
                let missing = starts.iter().filter(|start| **start <= since_ns).count();
                bail!(
                    "{missing} of {} children did not start within {limit:?}",
                    self.count
                );
            }
            pause(Duration::from_millis(2));
        }
    }

    /// Waits until one child has started after `since_ns`; the time of that start.
    pub(crate) fn wait_one_after(
        &self,
        slot: usize,
        since_ns: u64,
        limit: Duration,
    ) -> Result<u64> {
        let deadline = Instant::now() + limit;
        loop {
            let start = self.start_of(slot)?;
            if start > since_ns {
                return Ok(start);
            }
            if Instant::now() > deadline {
                bail!("child {slot} did not start again within {limit:?}");
            }
            pause(Duration::from_micros(200));
        }
    }
}

/// Now, on the clock that the children use.
pub(crate) fn monotonic_ns() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .expect("Linux has this clock");
    u64::try_from(now.tv_sec()).unwrap_or(0) * 1_000_000_000
        + u64::try_from(now.tv_nsec()).unwrap_or(0)
}

/// Leaves the processor to what is measured.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark polls from outside, there is no event to wait for"
)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
