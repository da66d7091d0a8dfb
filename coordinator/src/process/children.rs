//! All children of this process: who lives, who has ended, who was inherited. The only place that reaps.
//! It decides nothing: an end goes to the task that owns the child.
//!
//! Everything happens on one thread, so a pid that is in the list is not yet reaped and cannot belong to anybody else.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::sync::oneshot;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Signaled(i32),
    /// Killed because it or its group had too much memory.
    OutOfMemory,
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
        while let Some((pid, ended)) = peek_ended(libc::P_ALL, 0) {
            if let Some(stranger) = self.take(pid, ended) {
                strangers.push(stranger);
            }
        }
        strangers
    }

    /// The same for this child alone: the ends of all others stay where they are.
    pub(crate) fn reap_if_ended(&self, pid: Pid) {
        if let Some((pid, ended)) = peek_ended(libc::P_PID, pid.as_raw().unsigned_abs()) {
            self.take(pid, ended);
        }
    }

    fn take(&self, pid: Pid, ended: Ended) -> Option<Stranger> {
        let owner = self.living.borrow_mut().remove(&pid.as_raw());
        if owner.is_some() {
            // What it leaves in its group would work on beside its successor.
            let _ = killpg(pid, Signal::SIGKILL);
        }
        reap(pid);
        match owner {
            // The owner may have gone at shutdown.
            Some(owner) => {
                let _ = owner.send(ended);
                None
            }
            None => Some(Stranger { pid }),
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

/// A child that has ended and stays a zombie. Not by `nix`: it has no name for real-time signals and fails on them.
fn peek_ended(kind: libc::idtype_t, id: libc::id_t) -> Option<(Pid, Ended)> {
    // SAFETY: a zeroed siginfo is a valid value of this plain structure.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    loop {
        // SAFETY: `info` is writable; the call keeps no pointer to it.
        let result = unsafe { libc::waitid(kind, id, &raw mut info, options) };
        if result == 0 {
            break;
        }
        if Errno::last() != Errno::EINTR {
            return None; // no children
        }
    }
    // SAFETY: waitid fills in the fields of SIGCHLD, or leaves pid 0 where nobody has ended.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let ended = match info.si_code {
        libc::CLD_EXITED => Ended::Exited(status),
        _ => Ended::Signaled(status),
    };
    (pid != 0).then_some((Pid::from_raw(pid), ended))
}

/// Takes the zombie away; its pid may then be used again.
fn reap(pid: Pid) {
    let mut status = 0;
    // SAFETY: `status` is writable; the child has ended, so the call returns at once.
    while unsafe { libc::waitpid(pid.as_raw(), &raw mut status, 0) } < 0
        && Errno::last() == Errno::EINTR
    {}
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

    /// Whether its end was seen.
    pub(crate) fn is_reaped(&self) -> bool {
        let living = self.children.living.borrow();
        !living.contains_key(&self.pid.as_raw())
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
