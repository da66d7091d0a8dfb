//! The daily file of the coordinator's own log: opened anew when somebody moved or deleted it, or its folder.
//! It blocks; only the background thread of the log calls it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};

use crate::clock;

/// How often it is looked at whether the path still names the open file.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The present file and where it was seen last.
pub(crate) struct OwnLog {
    folder: PathBuf,
    files_max: usize,
    appender: RollingFileAppender,
    path: PathBuf,
    identity: Option<Identity>,
    looked_at: Instant,
}

/// Device and inode.
type Identity = (u64, u64);

impl OwnLog {
    /// Opens today's file; keeps `files_max` days.
    pub(crate) fn open(folder: &Path, files_max: usize) -> Result<Self, InitError> {
        let appender = build(folder, files_max)?;
        let path = todays(folder);
        Ok(Self {
            folder: folder.to_owned(),
            files_max,
            appender,
            identity: identify(&path),
            path,
            looked_at: Instant::now(),
        })
    }

    fn follow_path(&mut self) {
        if self.looked_at.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked_at = Instant::now();
        let path = todays(&self.folder);
        let named = identify(&path);
        if path != self.path {
            // A new day: the appender makes the file with its next line, and it is known from the look after that.
            if named.is_some() {
                (self.path, self.identity) = (path, named);
            }
        } else if (named.is_none() || named != self.identity)
            && let Ok(appender) = build(&self.folder, self.files_max)
        {
            self.appender = appender;
            self.identity = identify(&path);
        }
    }
}

impl io::Write for OwnLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.follow_path();
        self.appender.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.appender.flush()
    }
}

fn build(folder: &Path, files_max: usize) -> Result<RollingFileAppender, InitError> {
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("coordinator")
        .filename_suffix("log")
        .max_log_files(files_max)
        .build(folder)
}

/// As the appender names it: by the day in UTC.
fn todays(folder: &Path) -> PathBuf {
    let time = clock::text(clock::wall_ms());
    let day = time.split('T').next().unwrap_or_default();
    folder.join(format!("coordinator.{day}.log"))
}

fn identify(path: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
