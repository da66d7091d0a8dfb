//! One living process and its three streams. It decides nothing and stores nothing.

use std::io;
use std::time::Instant;

use shared_state::TimeMs;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use crate::agent_log::AgentLog;
use crate::cgroup::Group;
use crate::intake::{Heard, Intake};
use crate::outbox::Outbox;
use crate::process::{Child, Ended};
use crate::shared::Shared;

/// What is read after the end of a process at most. Its own last words are in the pipe, which holds 64 KiB, or up to
/// 1 MiB where it asked for more; beyond that it is a grandchild that keeps writing.
const LAST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// One invocation, from start to end.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) id: i64,
    pub(super) child: Child,
    pub(super) ended: oneshot::Receiver<Ended>,
    pub(super) outbox: Outbox,
    pub(super) stdout: Option<pipe::Receiver>,
    pub(super) stderr: Option<pipe::Receiver>,
    pub(super) intake: Intake,
    /// The control group of all its processes.
    pub(super) group: Option<Group>,
    /// It was killed for having more memory than its limit.
    pub(super) has_exceeded_memory: bool,
    /// What the database was too slow for.
    pub(super) dropped_rows: u64,
    pub(super) started: Instant,
    pub(super) started_ms: TimeMs,
}

/// Which of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Stdout,
    Stderr,
}

/// Which way to the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The runtime said that there is something.
    Readiness,
    /// Ask the kernel: the runtime may not have looked at the pipe since something was written.
    Kernel,
}

impl Invocation {
    /// Reads once what is there, and how many bytes that was. `None`: nothing, or the stream has ended, which is no end
    /// of the process.
    pub(super) fn read(
        &mut self,
        out: Out,
        way: Way,
        shared: &Shared,
        log: &mut AgentLog,
    ) -> Option<(usize, Heard)> {
        let stream = match out {
            Out::Stdout => &mut self.stdout,
            Out::Stderr => &mut self.stderr,
        };
        let mut buffer = shared.buffer.borrow_mut();
        let open = stream.as_ref()?;
        let read = match way {
            Way::Readiness => open.try_read(&mut buffer),
            Way::Kernel => nix::unistd::read(open, &mut buffer).map_err(io::Error::from),
        };
        match read {
            Ok(0) => {
                *stream = None;
                None
            }
            Ok(count) => {
                let heard = match out {
                    Out::Stdout => self.intake.take_stdout(&buffer[..count], log),
                    Out::Stderr => self.intake.take_stderr(&buffer[..count], log),
                };
                Some((count, heard))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => {
                let pid = self.child.pid();
                tracing::error!("failed to read the output of process {pid}: {error}");
                *stream = None;
                None
            }
        }
    }

    /// The process has ended: reads what it left in the pipes, without waiting for whoever else may hold them.
    pub(super) fn read_last(&mut self, shared: &Shared, log: &mut AgentLog) -> Vec<Heard> {
        let mut all = Vec::new();
        let size = shared.buffer.borrow().len();
        for out in [Out::Stdout, Out::Stderr] {
            for _ in 0..LAST_BYTES_MAX / size {
                match self.read(out, Way::Kernel, shared, log) {
                    Some((_, heard)) => all.push(heard),
                    None => break,
                }
            }
        }
        all.push(self.intake.finish(log));
        all
    }
}
