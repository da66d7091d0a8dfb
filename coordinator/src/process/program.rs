//! Finds the file of a program: beside the coordinator's own binary, then in PATH.
//! It starts nothing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

/// The program's file. A name with `/` is taken as it is, relative to `directory`.
pub(crate) fn find(
    name: &str,
    directory: &Path,
    search_path: Option<&OsStr>,
) -> Result<PathBuf, Errno> {
    if name.contains('/') {
        return Ok(directory.join(name));
    }
    let own_folder = std::env::current_exe()
        .ok()
        .and_then(|own| own.parent().map(Path::to_owned));
    let in_path: Vec<PathBuf> = search_path
        .map(|list| std::env::split_paths(list).collect())
        .unwrap_or_default();
    let mut refused = Errno::ENOENT;
    for folder in own_folder.into_iter().chain(in_path) {
        let file = folder.join(name);
        if !file.is_file() {
            continue;
        }
        match access(&file, AccessFlags::X_OK) {
            Ok(()) => return Ok(file),
            // As a shell does: say that it is there but cannot be executed, unless another one can.
            Err(errno) => refused = errno,
        }
    }
    Err(refused)
}
