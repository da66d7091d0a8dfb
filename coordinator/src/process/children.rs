//! All children of this process: who lives, who has ended, who was inherited. The only place that reaps.
//! It decides nothing: an end goes to the task that owns the child.
//!
//! Everything happens on one thread, so a pid that is in the list is not yet reaped and cannot belong to anybody else.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::sync::oneshot;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Signaled(i32),
}

/// The children that tasks own.
#[derive(Debug, Default)]
pub(crate) struct Children {
    living: RefCell<HashMap<i32, oneshot::Sender<Ended>>>,
}

/// A child that nobody here started: it was left by an agent and came to this process as subreaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stranger {
    pub(crate) pid: Pid,
}

impl Children {
    /// Takes a child that was just started on this thread.
    pub(crate) fn adopt(self: &Rc<Self>, pid: Pid) -> (Child, oneshot::Receiver<Ended>) {
        let (end, ended) = oneshot::channel();
        self.living.borrow_mut().insert(pid.as_raw(), end);
        let child = Child {
            pid,
            children: Rc::clone(self),
        };
        (child, ended)
    }

    /// Reaps everybody who has ended and tells the owners; called after each SIGCHLD. Returns the strangers.
    ///
    /// A child is first looked at and stays a zombie meanwhile, so that its process group is still its own when the rest
    /// of the group is killed.
    pub(crate) fn reap_ended(&self) -> Vec<Stranger> {
        let mut strangers = Vec::new();
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        loop {
            let pid = match waitid(Id::All, look) {
                Ok(status) => match status.pid() {
                    Some(pid) => pid,
                    None => return strangers, // nobody has ended
                },
                Err(Errno::EINTR) => continue,
                Err(_) => return strangers, // no children
            };
            let owner = self.living.borrow_mut().remove(&pid.as_raw());
            if owner.is_some() {
                // What it leaves in its group would work on beside its successor.
                let _ = killpg(pid, Signal::SIGKILL);
            }
            let ended = match waitpid(pid, None) {
                Ok(WaitStatus::Exited(_, code)) => Ended::Exited(code),
                Ok(WaitStatus::Signaled(_, signal, _)) => Ended::Signaled(signal as i32),
                // Not reachable: it has ended and nobody else waits. A real-time signal has no name in `nix`.
                Ok(_) | Err(_) => Ended::Signaled(0),
            };
            match owner {
                // The owner may have gone at shutdown.
                Some(owner) => drop(owner.send(ended)),
                None => strangers.push(Stranger { pid }),
            }
        }
    }

    /// Living children that no task owns, as the kernel lists them.
    pub(crate) fn list_strangers(&self) -> Vec<Stranger> {
        let own = Pid::this();
        let path = format!("/proc/{own}/task/{own}/children");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let living = self.living.borrow();
        text.split_ascii_whitespace()
            .filter_map(|word| word.parse().ok())
            .filter(|pid| !living.contains_key(pid))
            .map(|pid| Stranger {
                pid: Pid::from_raw(pid),
            })
            .collect()
    }
}

impl Stranger {
    /// Kills it. It is our child and reaped on this thread only, so the pid is still its own.
    pub(crate) fn kill(self) {
        let _ = kill(self.pid, Signal::SIGKILL);
    }
}

/// A living child and the group that it leads.
#[derive(Debug)]
pub(crate) struct Child {
    pid: Pid,
    children: Rc<Children>,
}

impl Child {
    /// Its process id.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Signals it and its group; nobody once it has been reaped.
    pub(crate) fn signal_group(&self, signal: Signal) {
        if self
            .children
            .living
            .borrow()
            .contains_key(&self.pid.as_raw())
        {
            // ESRCH is not possible before it is reaped; EPERM means that a member changed its user: others got it.
            let _ = killpg(self.pid, signal);
        }
    }
}
