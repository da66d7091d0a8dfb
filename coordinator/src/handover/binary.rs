//! The new program as an open file: what was checked is what is executed, whatever happens to its path meanwhile.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// An executable file.
#[derive(Debug)]
pub(crate) struct Binary {
    path: PathBuf,
    file: File,
}

impl Binary {
    /// Opens it; tells why it cannot be one.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
            return Err(io::Error::other("it is no executable file"));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// As it was named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The open file under a path that any process of this user can execute as long as this one lives.
    pub(crate) fn open_path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.descriptor())
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}
