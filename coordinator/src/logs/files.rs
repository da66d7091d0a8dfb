//! The log files of one instance: the current one and the rotated ones behind it, each opened at most once.
//! A file may be rotated or deleted at any moment; what is open stays readable.

use std::fs::{File, Metadata};
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Which file it is, whatever it is called now. Certain only while the file is open.
type Identity = (u64, u64);

/// An open log file.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) reader: BufReader<File>,
    pub(super) identity: Identity,
    /// Whether lines before its first may be missing.
    pub(super) follows_gap: bool,
}

/// Opens files from the newest to the oldest. Rotation only moves files to higher numbers, so that in this order one can
/// be met twice, and is passed over, but none is missed.
#[derive(Debug)]
pub(super) struct Backwards {
    path: PathBuf,
    number: u32,
    missing: u32,
    seen: Vec<Identity>,
}

impl LogFile {
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.reader.get_ref().metadata()
    }
}

impl Backwards {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            number: 0,
            missing: 0,
            seen: Vec::new(),
        }
    }

    /// The next older file; `None` after the oldest.
    pub(super) fn next(&mut self) -> io::Result<Option<LogFile>> {
        // A rotation under way leaves one gap; two missing are the end.
        while self.missing < 2 {
            let mut path = self.path.clone().into_os_string();
            if self.number > 0 {
                path.push(format!(".{}", self.number));
            }
            self.number += 1;
            match open(Path::new(&path))? {
                None => self.missing += 1,
                Some(file) => {
                    self.missing = 0;
                    if !self.seen.contains(&file.identity) {
                        self.seen.push(file.identity);
                        return Ok(Some(file));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Whether the path names another file than this one, or none.
pub(super) fn is_other(path: &Path, file: &LogFile) -> bool {
    std::fs::metadata(path).map_or(true, |metadata| identity(&metadata) != file.identity)
}

/// What was written after a file.
#[derive(Debug)]
pub(super) struct Later {
    /// Oldest first.
    pub(super) files: Vec<LogFile>,
    /// Whether files between that one and these may have been rotated away.
    pub(super) is_gap: bool,
}

/// Files that were written after this one: what a rotation has put behind it since. An empty one does not count: whoever
/// moved the file away and made a new one may not have told the writer yet.
pub(super) fn written_after(path: &Path, last: &LogFile) -> io::Result<Later> {
    let changed = changed_ns(&last.metadata()?);
    let mut later = Vec::new();
    let mut files = Backwards::new(path);
    // Where only the current file is left, somebody has deleted the others; a rotation keeps at least one.
    let mut is_gap = false;
    while let Some(file) = files.next()? {
        let metadata = file.metadata()?;
        // Where somebody has deleted it, what is older has been read; where it was rotated away, nothing is.
        let is_current = files.number == 1;
        let is_older = !is_current && changed_ns(&metadata) < changed;
        if file.identity == last.identity || is_older {
            is_gap = false;
            break;
        }
        if metadata.len() > 0 {
            is_gap = !is_current;
            later.push(file);
        }
    }
    later.reverse();
    Ok(Later {
        files: later,
        is_gap,
    })
}

fn open(path: &Path) -> io::Result<Option<LogFile>> {
    match File::open(path) {
        Ok(file) => {
            let identity = identity(&file.metadata()?);
            let reader = BufReader::new(file);
            Ok(Some(LogFile {
                reader,
                identity,
                follows_gap: false,
            }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

fn changed_ns(metadata: &Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}
