//! Becomes another program to which the kernel gives no memory for new processes.
//! Threads are left alone.

use std::convert::Infallible;
use std::ffi::CString;

use anyhow::Result;
use nix::unistd::execv;

/// Where the number of the call and the low half of its first argument stand in `struct seccomp_data`.
const NUMBER_OFFSET: u32 = 0;
const FLAGS_OFFSET: u32 = if cfg!(target_endian = "little") {
    16
} else {
    20
};

/// From now on each clone that makes no thread fails with ENOMEM; then executes the program with the usual arguments of a
/// coordinator.
pub(crate) fn starve(program: &str) -> Result<Infallible> {
    let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let equals = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let has = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
    let answer = (libc::BPF_RET | libc::BPF_K) as u16;
    let fails_with = |errno: i32| libc::SECCOMP_RET_ERRNO | errno.unsigned_abs();
    let step = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        step(load, NUMBER_OFFSET, 0, 0),
        // Its flags are behind a pointer; libc falls back to the other call.
        step(equals, u32::try_from(libc::SYS_clone3)?, 3, 0),
        step(equals, u32::try_from(libc::SYS_clone)?, 0, 4),
        step(load, FLAGS_OFFSET, 0, 0),
        step(has, libc::CLONE_THREAD.unsigned_abs(), 2, 1),
        step(answer, fails_with(libc::ENOSYS), 0, 0),
        step(answer, fails_with(libc::ENOMEM), 0, 0),
        step(answer, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let rules = libc::sock_fprog {
        len: u16::try_from(filter.len())?,
        filter: filter.as_mut_ptr(),
    };
    nix::sys::prctl::set_no_new_privs()?;
    // SAFETY: `rules` points to a filter of that length; the kernel copies both.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const rules,
        )
    };
    nix::errno::Errno::result(result)?;
    let arguments = [program, "--agents", "agents.toml"].map(CString::new);
    let arguments = arguments.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(execv(&arguments[0], &arguments)?)
}
