//! Starts one program by `clone(CLONE_VM | CLONE_VFORK)`, as `posix_spawn` does inside, with what that lacks: parent-death
//! signal, directory and limits. It chooses neither program nor environment and opens nothing.
//!
//! `fork` would copy the page tables of the coordinator for each start, and std falls back to it once a hook is set.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::unistd::Pid;

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
}

/// The three standard streams of the child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams<'a> {
    pub(crate) stdin: BorrowedFd<'a>,
    pub(crate) stdout: BorrowedFd<'a>,
    pub(crate) stderr: BorrowedFd<'a>,
}

/// What the child was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Clone,
    Group,
    ParentDeath,
    Streams,
    Directory,
    Execute,
}

/// No program was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) step: Step,
    pub(crate) errno: Errno,
}

/// Starts children; keeps the stack that they use until they have executed their program.
#[derive(Debug)]
pub(crate) struct Vfork {
    stack: Vec<u128>, // for the alignment of 16 bytes that all platforms accept
    own_pid: Pid,
    /// The limit of open files that agents get: the coordinator raises its own.
    file_limit: Option<libc::rlimit>,
}

struct Plan<'a> {
    program: &'a CStr,
    arguments: *const *const c_char,
    environment: *const *const c_char,
    directory: &'a CStr,
    streams: [RawFd; 3],
    parent: c_int,
    file_limit: Option<libc::rlimit>,
    failed: Option<Failed>,
}

impl Vfork {
    /// `file_limit` is the limit of open files that the children get.
    pub(crate) fn new(file_limit: Option<libc::rlimit>) -> Self {
        Self {
            stack: vec![0; STACK_BYTES / size_of::<u128>()],
            own_pid: Pid::this(),
            file_limit,
        }
    }

    /// Starts the program as the leader of a process group of its own. Returns when it has been executed, or could
    /// not be. The kernel kills it when the calling thread ends, so that thread must live as long as the process.
    pub(crate) fn spawn(
        &mut self,
        prepared: &Prepared,
        streams: Streams<'_>,
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
            parent: self.own_pid.as_raw(),
            file_limit: self.file_limit,
            failed: None,
        };
        let _blocked = AllSignals::block();
        // SAFETY: `stack` is writable, large enough and used by nobody else (`&mut self`); `begin_child` makes only calls
        // that are safe between vfork and exec; this thread stands still until the child has left the shared memory,
        // and `plan` with all that it points to outlives the call.
        let pid = unsafe {
            let top = self.stack.as_mut_ptr().add(self.stack.len());
            libc::clone(
                begin_child,
                top.cast::<c_void>(),
                libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
                (&raw mut plan).cast::<c_void>(),
            )
        };
        if pid < 0 {
            return Err(Failed {
                step: Step::Clone,
                errno: Errno::last(),
            });
        }
        // SAFETY: the child has written to it through another pointer; it is gone, so nobody writes any more.
        match unsafe { std::ptr::read_volatile(&raw const plan.failed) } {
            None => Ok(Pid::from_raw(pid)),
            Some(failed) => {
                // It has exited without running anything; nobody else knows its pid, so it is reaped here.
                let _ = nix::sys::wait::waitpid(Pid::from_raw(pid), None);
                Err(failed)
            }
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

/// The child, on its own stack in its parent's memory: system calls only.
extern "C" fn begin_child(plan: *mut c_void) -> c_int {
    // SAFETY: `spawn` passes a `Plan` that nobody touches until this function has left.
    let plan = unsafe { &mut *plan.cast::<Plan<'_>>() };
    let step = become_agent(plan);
    plan.failed = Some(Failed {
        step,
        errno: Errno::last(),
    });
    // SAFETY: ends this child only, without running what the parent has registered for its own end.
    unsafe { libc::_exit(127) }
}

/// Returns only if something failed.
fn become_agent(plan: &Plan<'_>) -> Step {
    // SAFETY: only async-signal-safe calls, with pointers into memory that outlives them. All signals are blocked
    // until no handler of the parent is left.
    unsafe {
        reset_signal_dispositions();
        if libc::setpgid(0, 0) != 0 {
            return Step::Group;
        }
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
            return Step::ParentDeath;
        }
        // The parent may have died before the call above.
        if libc::getppid() != plan.parent {
            *libc::__errno_location() = libc::ESRCH;
            return Step::ParentDeath;
        }
        for (target, source) in (0..).zip(plan.streams) {
            if libc::dup2(source, target) < 0 {
                return Step::Streams;
            }
        }
        // All others are close-on-exec already; this also holds for one that a library forgot. Old kernels lack it.
        libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32);
        if libc::chdir(plan.directory.as_ptr()) != 0 {
            return Step::Directory;
        }
        if let Some(limit) = &plan.file_limit {
            libc::setrlimit(libc::RLIMIT_NOFILE, limit);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::execve(plan.program.as_ptr(), plan.arguments, plan.environment);
    }
    Step::Execute
}

/// An agent must not inherit what its coordinator ignores or handles.
///
/// # Safety
/// Only in a child before exec, with all signals blocked.
unsafe fn reset_signal_dispositions() {
    // SAFETY: a zeroed sigaction is the default disposition; KILL, STOP and libc's own signals refuse, which is fine.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        for signal in 1..=libc::SIGRTMAX() {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
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
