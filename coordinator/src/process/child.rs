//! The child between clone and exec, in its parent's memory: system calls only, nothing that allocates.
//! What it does was prepared by its parent; it decides nothing.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::sys::resource::setrlimit;

use super::attributes::WholeLimit;

/// What the child was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Clone,
    ControlGroup,
    Group,
    ParentDeath,
    Streams,
    OomScore,
    Nice,
    /// Which of the limits.
    Limit(usize),
    Credentials,
    Directory,
    Execute,
}

/// No program was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) step: Step,
    pub(super) errno: Errno,
}

/// Whose the child becomes, as the kernel takes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    pub(super) user: libc::uid_t,
    pub(super) group: libc::gid_t,
    pub(super) groups: &'a [libc::gid_t],
}

/// Everything that the child does, and how it tells what failed.
pub(super) struct Plan<'a> {
    pub(super) program: &'a CStr,
    pub(super) arguments: *const *const c_char,
    pub(super) environment: *const *const c_char,
    pub(super) directory: &'a CStr,
    pub(super) streams: [RawFd; 3],
    /// The `cgroup.procs` of its control group, if it was not born there.
    pub(super) entrance: Option<RawFd>,
    pub(super) parent: c_int,
    pub(super) oom_score_adj: Option<&'a [u8]>,
    pub(super) nice: Option<c_int>,
    pub(super) limits: &'a [WholeLimit],
    pub(super) identity: Option<Identity<'a>>,
    pub(super) umask: Option<libc::mode_t>,
    pub(super) failed: Option<Failed>,
}

/// The child, on its own stack in its parent's memory.
pub(super) extern "C" fn begin_child(plan: *mut c_void) -> c_int {
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

/// Returns only if something failed. What needs privileges comes before they are given up, what must be possible for the
/// agent's own user (its directory, its program) after.
fn become_agent(plan: &Plan<'_>) -> Step {
    // SAFETY: only async-signal-safe calls, with pointers into memory that outlives them. All signals are blocked
    // until no handler of the parent is left.
    unsafe {
        reset_signal_dispositions();
        if libc::setpgid(0, 0) != 0 {
            return Step::Group;
        }
        // Zero is whoever writes it.
        if let Some(entrance) = plan.entrance
            && libc::write(entrance, c"0".as_ptr().cast(), 1) != 1
        {
            return Step::ControlGroup;
        }
        for (target, source) in (0..).zip(plan.streams) {
            if libc::dup2(source, target) < 0 {
                return Step::Streams;
            }
        }
        // All others are close-on-exec already; this also holds for one that a library forgot. Old kernels lack it.
        libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32);
        if let Err(step) = take_attributes(plan) {
            return step;
        }
        // After the change of credentials, which would forget it.
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
            return Step::ParentDeath;
        }
        // The parent may have died before the call above.
        if libc::getppid() != plan.parent {
            *libc::__errno_location() = libc::ESRCH;
            return Step::ParentDeath;
        }
        if libc::chdir(plan.directory.as_ptr()) != 0 {
            return Step::Directory;
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        // A signal that came meanwhile ends it here, by its default: nothing is lost.
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::execve(plan.program.as_ptr(), plan.arguments, plan.environment);
    }
    Step::Execute
}

/// # Safety
/// Only in a child before exec.
unsafe fn take_attributes(plan: &Plan<'_>) -> Result<(), Step> {
    // SAFETY: as in `become_agent`.
    unsafe {
        if let Some(score) = plan.oom_score_adj
            && !write_oom_score(score)
        {
            return Err(Step::OomScore);
        }
        if let Some(nice) = plan.nice
            && libc::setpriority(libc::PRIO_PROCESS, 0, nice) != 0
        {
            return Err(Step::Nice);
        }
        for (index, limit) in plan.limits.iter().enumerate() {
            setrlimit(limit.resource, limit.soft, limit.hard).map_err(|_| Step::Limit(index))?;
        }
        if let Some(identity) = plan.identity
            && !take_identity(identity)
        {
            return Err(Step::Credentials);
        }
        if let Some(mask) = plan.umask {
            libc::umask(mask);
        }
    }
    Ok(())
}

/// By the kernel's own calls: those of libc would change all threads of the parent, whose memory this is.
///
/// # Safety
/// Only in a child before exec.
unsafe fn take_identity(identity: Identity<'_>) -> bool {
    let Identity {
        user,
        group,
        groups,
    } = identity;
    // SAFETY: the list outlives the call.
    unsafe {
        libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) == 0
            && libc::syscall(libc::SYS_setresgid, group, group, group) == 0
            && libc::syscall(libc::SYS_setresuid, user, user, user) == 0
    }
}

/// # Safety
/// Only in a child before exec.
unsafe fn write_oom_score(score: &[u8]) -> bool {
    // SAFETY: the path is a string with its end, `score` outlives the call, and the descriptor is this function's own.
    unsafe {
        let path = c"/proc/self/oom_score_adj".as_ptr();
        let file = libc::open(path, libc::O_WRONLY | libc::O_CLOEXEC);
        if file < 0 {
            return false;
        }
        let is_written = libc::write(file, score.as_ptr().cast(), score.len()) >= 0;
        let errno = Errno::last_raw();
        libc::close(file);
        Errno::set_raw(errno);
        is_written
    }
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
