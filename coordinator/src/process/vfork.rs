//! Starts one program by `clone(CLONE_VM | CLONE_VFORK)`, as `posix_spawn` does inside, with what that lacks: parent-death
//! signal, directory, credentials, limits. What the child does until it executes its program stands in `child`.
//!
//! `fork` would copy the page tables of the coordinator for each start, and std falls back to it once a hook is set.

use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::unistd::Pid;

use super::attributes::WholeLimit;
use super::child::{Failed, Identity, Plan, Step, begin_child};
use super::clone_into::clone_into;
use super::errno_of;
use crate::cgroup::Group;

/// Enough for the few calls of [`begin_child`], also without optimisation.
const STACK_BYTES: usize = 64 * 1024;

/// Everything that the child needs, made before it exists: it must not allocate.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The file to execute.
    pub(crate) program: CString,
    /// Program name and arguments.
    pub(crate) arguments: Vec<CString>,
    /// `NAME=value` each.
    pub(crate) environment: Vec<CString>,
    /// The working directory.
    pub(crate) directory: CString,
    /// What is written to its `oom_score_adj`.
    pub(super) oom_score_adj: Option<String>,
    pub(super) nice: Option<c_int>,
    pub(super) limits: Vec<WholeLimit>,
    pub(super) identity: Option<OwnedIdentity>,
    pub(super) umask: Option<libc::mode_t>,
}

/// User, group and all groups, as numbers.
pub(super) type OwnedIdentity = (libc::uid_t, libc::gid_t, Vec<libc::gid_t>);

/// The three standard streams of the child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams<'a> {
    pub(crate) stdin: BorrowedFd<'a>,
    pub(crate) stdout: BorrowedFd<'a>,
    pub(crate) stderr: BorrowedFd<'a>,
}

/// Starts children; keeps the stack that they use until they have executed their program.
#[derive(Debug)]
pub(crate) struct Vfork {
    stack: Vec<u128>, // for the alignment of 16 bytes that all platforms accept
    own_pid: Pid,
    /// Whether the kernel lets a child be born in a control group; found out by trying.
    clones_into_groups: bool,
}

impl Vfork {
    pub(crate) fn new() -> Self {
        Self {
            stack: vec![0; STACK_BYTES / size_of::<u128>()],
            own_pid: Pid::this(),
            clones_into_groups: true,
        }
    }

    /// Starts the program as the leader of a process group of its own. Returns when it has been executed, or could
    /// not be. The kernel kills it when the calling thread ends, so that thread must live as long as the process.
    pub(crate) fn spawn(
        &mut self,
        prepared: &Prepared,
        streams: Streams<'_>,
        group: Option<&Group>,
    ) -> Result<Pid, Failed> {
        let arguments = pointers(&prepared.arguments);
        let environment = pointers(&prepared.environment);
        let mut plan = Plan {
            program: &prepared.program,
            arguments: arguments.as_ptr(),
            environment: environment.as_ptr(),
            directory: &prepared.directory,
            streams: [
                streams.stdin.as_raw_fd(),
                streams.stdout.as_raw_fd(),
                streams.stderr.as_raw_fd(),
            ],
            entrance: None,
            parent: self.own_pid.as_raw(),
            oom_score_adj: prepared
                .oom_score_adj
                .as_ref()
                .map(|score| score.as_bytes()),
            nice: prepared.nice,
            limits: &prepared.limits,
            identity: prepared
                .identity
                .as_ref()
                .map(|(user, group, groups)| Identity {
                    user: *user,
                    group: *group,
                    groups,
                }),
            umask: prepared.umask,
            failed: None,
        };
        let _blocked = AllSignals::block();
        let _dumpable = prepared.identity.as_ref().map(|_| Dumpable::keep());
        let pid = self.clone_child(&mut plan, group)?;
        // SAFETY: the child has written to it through another pointer; it is gone, so nobody writes any more.
        match unsafe { std::ptr::read_volatile(&raw const plan.failed) } {
            None => Ok(pid),
            Some(failed) => {
                // It has exited without running anything; nobody else knows its pid, so it is reaped here.
                let _ = nix::sys::wait::waitpid(pid, None);
                Err(failed)
            }
        }
    }

    /// In its control group from its birth on where the kernel can do that: else it has to go there, which costs a
    /// synchronisation of all processors.
    fn clone_child(&mut self, plan: &mut Plan<'_>, group: Option<&Group>) -> Result<Pid, Failed> {
        let Some(group) = group else {
            return self.clone_here(plan);
        };
        let in_group = |step, error: &io::Error| Failed {
            step,
            errno: errno_of(error),
        };
        if self.clones_into_groups {
            let folder = group
                .open()
                .map_err(|error| in_group(Step::ControlGroup, &error))?;
            // SAFETY: as in `clone_here`; `folder` outlives the call.
            match unsafe { clone_into(&mut self.stack, plan, folder.as_fd()) } {
                Err(Errno::ENOSYS | Errno::E2BIG | Errno::EINVAL) => {
                    self.clones_into_groups = false
                }
                Err(errno @ (Errno::EAGAIN | Errno::ENOMEM)) => {
                    let step = Step::Clone;
                    return Err(Failed { step, errno });
                }
                result => {
                    let step = Step::ControlGroup;
                    return result.map_err(|errno| Failed { step, errno });
                }
            }
        }
        let entrance = group
            .open_entrance()
            .map_err(|error| in_group(Step::ControlGroup, &error))?;
        plan.entrance = Some(entrance.as_raw_fd());
        self.clone_here(plan)
    }

    fn clone_here(&mut self, plan: &mut Plan<'_>) -> Result<Pid, Failed> {
        // SAFETY: `stack` is writable, large enough and used by nobody else (`&mut self`); `begin_child` makes only calls
        // that are safe between vfork and exec; this thread stands still until the child has left the shared memory,
        // and `plan` with all that it points to outlives the call.
        let pid = unsafe {
            let top = self.stack.as_mut_ptr().add(self.stack.len());
            libc::clone(
                begin_child,
                top.cast::<c_void>(),
                libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
                std::ptr::from_mut(plan).cast::<c_void>(),
            )
        };
        match Errno::result(pid) {
            Ok(pid) => Ok(Pid::from_raw(pid)),
            Err(errno) => Err(Failed {
                step: Step::Clone,
                errno,
            }),
        }
    }
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings
        .iter()
        .map(|string| string.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

/// A child that changes its credentials makes the memory that it shares unreadable for others, which protects it until it
/// has executed its program. Afterwards the coordinator is again what it was: its `/proc` files are its own user's.
struct Dumpable(Option<bool>);

impl Dumpable {
    fn keep() -> Self {
        Self(nix::sys::prctl::get_dumpable().ok())
    }
}

impl Drop for Dumpable {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            let _ = nix::sys::prctl::set_dumpable(before); // it was allowed before
        }
    }
}

/// Blocks all signals of this thread until dropped: a handler of the parent must not run in the child.
struct AllSignals(nix::sys::signal::SigSet);

impl AllSignals {
    fn block() -> Self {
        use nix::sys::signal::SigSet;
        let before = SigSet::all()
            .thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK)
            .unwrap_or_else(|_| SigSet::empty());
        Self(before)
    }
}

impl Drop for AllSignals {
    fn drop(&mut self) {
        // It was in force before, so it can be set.
        let _ = self.0.thread_set_mask();
    }
}
