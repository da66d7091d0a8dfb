//! One log file: opened when first needed, rotated by size, opened again when somebody moved or deleted it.
//! It blocks; only the log thread calls it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::LogTarget;
use crate::clock;

/// How often it is looked at whether the path still names the open file.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A log file and where it stands.
#[derive(Debug)]
pub(super) struct LogFile {
    target: LogTarget,
    open: Option<Open>,
    /// Lines that are missing before the next one.
    lost_lines: u64,
}

/// What no file took, and why.
#[derive(Debug)]
struct Unwritten {
    lines: u64,
    source: io::Error,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    looked_at: Instant,
}

impl LogFile {
    pub(super) fn new(target: LogTarget) -> Self {
        Self {
            target,
            open: None,
            lost_lines: 0,
        }
    }

    pub(super) fn path(&self) -> &std::path::Path {
        &self.target.path
    }

    /// Appends whole lines, after which `dropped` are missing. What no file takes is counted, and the file says so in its
    /// place once it can.
    pub(super) fn append(&mut self, lines: &[u8], dropped: u64) -> io::Result<()> {
        let mut result = self.tell_lost();
        let unwritten = match &result {
            Ok(()) => self.append_lines(lines).err(),
            Err(_) => Some(count_lines(lines)).map(|lines| Unwritten {
                lines,
                source: io::Error::other("lines before these are not written yet"),
            }),
        };
        if let Some(unwritten) = unwritten {
            self.lost_lines += unwritten.lines;
            result = result.and(Err(unwritten.source));
        }
        self.lost_lines += dropped;
        result.and_then(|()| self.tell_lost())
    }

    fn tell_lost(&mut self) -> io::Result<()> {
        if self.lost_lines > 0 {
            let (time, lost) = (clock::text(clock::wall_ms()), self.lost_lines);
            let note = format!(
                "{time} coordinator {lost} lines dropped here: the disk was too slow or full\n"
            );
            self.append_lines(note.as_bytes())
                .map_err(|unwritten| unwritten.source)?;
            self.lost_lines = 0;
        }
        Ok(())
    }

    /// A file never grows beyond its limit by more than one line.
    fn append_lines(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        let mut rest = lines;
        while !rest.is_empty() {
            let unwritten = |source| Unwritten {
                lines: count_lines(rest),
                source,
            };
            self.follow_path();
            let room = match &self.open {
                Some(open) => self.target.bytes_max.saturating_sub(open.bytes),
                None => {
                    self.reopen().map_err(unwritten)?;
                    continue;
                }
            };
            if room == 0 {
                self.rotate().map_err(unwritten)?;
                continue;
            }
            let (part, later) = rest.split_at(until_line_end(rest, room));
            if let Err((whole, source)) = self.write(part) {
                let lines = count_lines(&rest[whole..]);
                return Err(Unwritten { lines, source });
            }
            rest = later;
        }
        Ok(())
    }

    /// On failure: how many bytes of whole lines are in the file. Half a line is taken back, or it would swallow the next.
    fn write(&mut self, part: &[u8]) -> Result<(), (usize, io::Error)> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let mut written = 0;
        while written < part.len() {
            let error = match open.file.write(&part[written..]) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(count) => {
                    written += count;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let end = part[..written].iter().rposition(|byte| *byte == b'\n');
            let whole = end.map_or(0, |at| at + 1);
            let length = open.file.metadata().map(|metadata| metadata.len());
            // Where that fails too, the torn line stays: its rest is counted as lost.
            let _ = length.and_then(|length| {
                let half = (written - whole) as u64;
                open.file.set_len(length.saturating_sub(half))
            });
            self.open = None; // its length is not known any more
            return Err((whole, error));
        }
        open.bytes += part.len() as u64;
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Some(folder) = self.target.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .open(&self.target.path)?;
        let bytes = file.metadata()?.len();
        self.open = Some(Open {
            file,
            bytes,
            looked_at: Instant::now(),
        });
        Ok(())
    }

    /// Forgets the open file if the path names another one or none (logrotate, a person).
    fn follow_path(&mut self) {
        let Some(open) = &mut self.open else { return };
        if open.looked_at.elapsed() < LOOK_EVERY {
            return;
        }
        open.looked_at = Instant::now();
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let named = std::fs::metadata(&self.target.path).map(identity).ok();
        if named.is_none() || named != open.file.metadata().map(identity).ok() {
            self.open = None;
        }
    }

    /// `NAME.log` becomes `NAME.log.1`, that `NAME.log.2`; the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        let files_max = self.target.files_max;
        if files_max == 0 {
            return std::fs::write(&self.target.path, b"");
        }
        for number in (1..files_max).rev() {
            let from = self.rotated(number);
            if from.exists() {
                std::fs::rename(from, self.rotated(number + 1))?;
            }
        }
        std::fs::rename(&self.target.path, self.rotated(1))
    }

    fn rotated(&self, number: u32) -> PathBuf {
        let mut name = self.target.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// As many bytes as fit into `room`, extended to the end of the line under way.
fn until_line_end(lines: &[u8], room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if lines.len() <= room {
        return lines.len();
    }
    let end = lines[room - 1..].iter().position(|byte| *byte == b'\n');
    end.map_or(lines.len(), |at| room + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(folder: &std::path::Path, files_max: u32) -> LogTarget {
        LogTarget {
            path: folder.join("deep/a.log"),
            bytes_max: 10,
            files_max,
        }
    }

    #[test]
    fn lines_stay_whole_and_the_oldest_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::new(target(folder.path(), 2));
        for line in [
            "one\ntwo\nthree\n",
            "four\nfive\n",
            "six\nseven\n",
            "eight\n",
        ] {
            log.append(line.as_bytes(), 0).unwrap();
        }
        let read =
            |name: &str| std::fs::read_to_string(folder.path().join("deep").join(name)).unwrap();
        assert_eq!(read("a.log.2"), "four\nfive\n");
        assert_eq!(read("a.log.1"), "six\nseven\n");
        assert_eq!(read("a.log"), "eight\n");
        assert!(!folder.path().join("deep/a.log.3").exists());
    }

    #[test]
    fn without_rotated_files_the_file_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::new(target(folder.path(), 0));
        log.append(b"0123456789\nnew\n", 0).unwrap();
        assert_eq!(
            std::fs::read(folder.path().join("deep/a.log")).unwrap(),
            b"new\n"
        );
    }

    #[test]
    fn a_deleted_file_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::new(target(folder.path(), 1));
        log.append(b"a\n", 0).unwrap();
        std::fs::remove_file(folder.path().join("deep/a.log")).unwrap();
        log.open.as_mut().unwrap().looked_at -= LOOK_EVERY;
        log.append(b"b\n", 0).unwrap();
        assert_eq!(
            std::fs::read(folder.path().join("deep/a.log")).unwrap(),
            b"b\n"
        );
    }
}
