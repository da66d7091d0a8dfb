//! Replaces this program by another one in the same process. Children, their pipes and the locks stay; threads and
//! everything else that is close-on-exec goes.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, SigmaskHow};

use super::{Document, VARIABLE};

/// Returns only if it failed; then nothing has changed.
///
/// Signals are held back from here until the next program listens for them: one that comes in between waits.
pub(crate) fn execute(document: &Document) -> Result<Infallible, io::Error> {
    let text = serde_json::to_vec(document)?;
    let mut file = File::from(memfd_create(c"handover", MFdFlags::empty())?);
    file.write_all(&text)?;
    file.rewind()?;
    let program = c_string(format!("/proc/self/fd/{}", document.descriptors.binary))?;
    let arguments: Vec<CString> = std::env::args_os()
        .map(c_string)
        .collect::<Result<_, _>>()?;
    let environment = environment(file.as_raw_fd())?;
    let descriptors = document.all_descriptors();
    let held = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let failed = keep_open(&descriptors, FdFlag::empty())
        .and_then(|()| Ok(nix::unistd::execve(&program, &arguments, &environment)?));
    let _ = keep_open(&descriptors, FdFlag::FD_CLOEXEC); // they were so before
    let _ = held.thread_set_mask();
    failed
}

fn keep_open(descriptors: &[RawFd], flag: FdFlag) -> io::Result<()> {
    for descriptor in descriptors {
        // SAFETY: all are owned by the caller's tasks, which stand still.
        let descriptor = unsafe { BorrowedFd::borrow_raw(*descriptor) };
        fcntl(descriptor, FcntlArg::F_SETFD(flag))?;
    }
    Ok(())
}

/// As this program got it, before `.env` was read: the next one reads that anew.
fn environment(document: RawFd) -> io::Result<Vec<CString>> {
    let own = format!("{VARIABLE}=");
    let mut variables: Vec<CString> = std::fs::read("/proc/self/environ")?
        .split(|byte| *byte == 0)
        .filter(|variable| !variable.is_empty() && !variable.starts_with(own.as_bytes()))
        .map(|variable| c_string(OsString::from_vec(variable.to_vec())))
        .collect::<Result<_, _>>()?;
    variables.push(c_string(format!("{own}{document}"))?);
    Ok(variables)
}

fn c_string(text: impl Into<OsString>) -> io::Result<CString> {
    Ok(CString::new(text.into().as_bytes())?)
}
