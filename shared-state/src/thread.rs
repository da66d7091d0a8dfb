//! The one thread that owns the read-write connection: takes a batch, writes it in one transaction, answers.
//! It decides nothing about content, see `transact` and `apply`, and drops nothing by itself, see `queue`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::apply::Applier;
use crate::maintenance::Maintenance;
use crate::open::WriterOptions;
use crate::queue::{Batch, Queue, Taken};
use crate::transact::Transactor;

/// First and longest rest between two tries of a batch that the database does not take.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// The joinable end of the writer.
#[derive(Debug)]
pub struct WriterThread {
    queue: Arc<Queue>,
    handle: Option<std::thread::JoinHandle<()>>,
}

/// Why the writer did not end in order.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// The database did not take them in time.
    #[error("write the last {rows} rows in time")]
    Unwritten {
        /// How many.
        rows: usize,
    },
    /// The thread hangs in the file system.
    #[error("end the writer thread in time")]
    Hangs,
}

impl WriterThread {
    pub(crate) fn start(
        connection: Connection,
        applier: Applier,
        queue: Arc<Queue>,
        options: &WriterOptions,
    ) -> std::io::Result<Self> {
        let work = Work {
            maintenance: Maintenance::new(options.retention.clone(), Instant::now()),
            transactor: Transactor {
                connection,
                applier,
                queue: Arc::clone(&queue),
                clock: options.clock,
            },
            queue: Arc::clone(&queue),
        };
        let handle = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || {
                // Even a panic, which would be a bug, must not leave anybody waiting.
                let _end = EndOnDrop(Arc::clone(&work.queue));
                work.run();
            })?;
        Ok(Self {
            queue,
            handle: Some(handle),
        })
    }

    /// Admits nothing more, writes what is queued, ends the thread. Blocks for at most about `limit`.
    pub fn join(mut self, limit: Duration) -> Result<(), CloseError> {
        self.queue.close(Instant::now() + limit);
        // A batch that runs into the deadline still waits out SQLite's own busy timeout.
        let ended = self.queue.wait_ended(limit + Duration::from_secs(1));
        match ended {
            None => {
                self.handle.take();
                Err(CloseError::Hangs)
            }
            Some(rows) => {
                if let Some(handle) = self.handle.take() {
                    // It ended or is unwinding; what it could not write is in `rows`.
                    let _ = handle.join();
                }
                if rows == 0 {
                    Ok(())
                } else {
                    Err(CloseError::Unwritten { rows })
                }
            }
        }
    }
}

struct EndOnDrop(Arc<Queue>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end(None);
    }
}

struct Work {
    transactor: Transactor,
    queue: Arc<Queue>,
    maintenance: Maintenance,
}

impl Work {
    fn run(mut self) {
        loop {
            match self.queue.take(self.maintenance.next_step()) {
                Taken::Batch(batch) => {
                    if let Err(left) = self.write(batch) {
                        self.queue.end(Some(&left));
                        return;
                    }
                    let Transactor {
                        connection,
                        applier,
                        clock,
                        ..
                    } = &mut self.transactor;
                    self.maintenance
                        .share_time_with_batches(connection, applier, clock());
                }
                Taken::Idle => {
                    let Transactor {
                        connection,
                        applier,
                        clock,
                        ..
                    } = &mut self.transactor;
                    self.maintenance
                        .run_while(connection, applier, clock(), || !self.queue.has_work());
                }
                Taken::Closed => break,
            }
        }
        // Drops after the last batch still reach the counters table: an empty batch takes them along.
        if let Err(error) = self.transactor.write(&mut Batch::default(), false) {
            tracing::warn!(%error, "the last drops could not be counted");
        }
        if let Err((_, error)) = self.transactor.connection.close() {
            tracing::warn!(%error, "closing the database failed; the next start replays its WAL");
        }
    }

    /// Writes until it is on disk; gives the batch back only when the writer closes and time is over.
    fn write(&mut self, mut batch: Batch) -> Result<(), Batch> {
        let mut rest = RETRY.0;
        let mut one_by_one = false;
        loop {
            let error = match self.transactor.write(&mut batch, one_by_one) {
                Ok(answers) => {
                    self.queue.committed(batch.rows, batch.bulk_rows);
                    answers.into_iter().for_each(|answer| answer());
                    return Ok(());
                }
                Err(error) => error,
            };
            if !error.is_outside() && !one_by_one {
                // A row is at fault: find it, and store the others.
                one_by_one = true;
                continue;
            }
            let reason = error.to_string();
            let rows = batch.rows;
            tracing::warn!(
                reason,
                rows,
                "the database does not take a batch; it is kept and tried again"
            );
            self.queue.failing(Some(reason));
            if !self.queue.rest(rest) {
                return Err(batch);
            }
            rest = (rest * 2).min(RETRY.1);
        }
    }
}
