//! `clone3` with CLONE_INTO_CGROUP: a child that is born in a control group. libc has no function for it.
//! What the child does stands in `child`.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::unistd::Pid;

use super::child::Plan;

/// Like `clone` with CLONE_VM and CLONE_VFORK, in the group of this folder.
///
/// # Safety
/// `stack` is used by nobody else, and the caller stands still until the child has left the shared memory, which is until
/// this returns.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn clone_into(
    stack: &mut [u128],
    plan: &mut Plan<'_>,
    group: BorrowedFd<'_>,
) -> Result<Pid, Errno> {
    use std::os::fd::AsRawFd;

    use super::child::begin_child;

    /// From the kernel's `sched.h`: libc has it in a type that is too small for it.
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

    // SAFETY: all fields are numbers, and zero means none.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK;
    arguments.flags = u64::from(flags.unsigned_abs()) | CLONE_INTO_CGROUP;
    arguments.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
    arguments.stack = stack.as_mut_ptr() as u64;
    arguments.stack_size = size_of_val(stack) as u64;
    arguments.cgroup = u64::from(group.as_raw_fd().unsigned_abs());
    let result: i64;
    // SAFETY: the parent goes on behind the last label with the result; the kernel keeps all registers but those named. The
    // child has an aligned stack of its own, calls `begin_child` with the plan and never comes back from it.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => result,
            in("rdi") &raw const arguments,
            in("rsi") size_of_val(&arguments),
            in("r12") std::ptr::from_mut(plan),
            in("r13") begin_child as *const (),
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    match i32::try_from(result) {
        Ok(pid) if pid > 0 => Ok(Pid::from_raw(pid)),
        Ok(negative) => Err(Errno::from_raw(negative.saturating_neg())),
        Err(_) => Err(Errno::EIO),
    }
}

/// Elsewhere the child goes into its group by itself.
///
/// # Safety
/// There is nothing to keep.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn clone_into(
    _stack: &mut [u128],
    _plan: &mut Plan<'_>,
    _group: BorrowedFd<'_>,
) -> Result<Pid, Errno> {
    Err(Errno::ENOSYS)
}
