//! One instance's log as a stream of lines: from where the wanted ones begin to the present end, and on from there.
//! It prints nothing.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use super::backwards::{LINE_BYTES_MAX, each_line_from_the_end};
use super::files::{Backwards, LogFile, is_other, written_after};
use super::filter::Filter;

/// The log of one instance.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    /// Oldest first; the first is being read, the last is the newest known.
    files: VecDeque<LogFile>,
    /// A line that is not written to its end yet.
    partial: Vec<u8>,
}

impl Tail {
    /// Stands before the newest `lines` that the filter admits, or before all of them.
    pub(super) fn open(path: PathBuf, filter: &Filter, lines: Option<usize>) -> io::Result<Self> {
        let mut files = VecDeque::new();
        let mut backwards = Backwards::new(&path);
        let mut left = lines.unwrap_or(usize::MAX);
        while let Some(mut file) = backwards.next()? {
            let end = file.metadata()?.len();
            let mut start = end;
            let is_all = left > 0
                && each_line_from_the_end(file.reader.get_ref(), end, |offset, line| {
                    if filter.is_too_old(line) {
                        return false;
                    }
                    if filter.admits(line) {
                        left -= 1;
                        start = offset;
                    }
                    left > 0
                })
                .or_else(when_truncated)?;
            let from = if is_all { 0 } else { start };
            file.reader.seek(SeekFrom::Start(from))?;
            files.push_front(file);
            if !is_all {
                break;
            }
        }
        Ok(Self {
            path,
            files,
            partial: Vec::new(),
        })
    }

    /// Whether there is a file at all.
    pub(super) fn has_file(&self) -> bool {
        !self.files.is_empty()
    }

    /// The next line that is there; `None` at the end. The end of a line that is being written is waited for, unless
    /// nothing `follows`.
    pub(super) fn next_line(&mut self, follows: bool) -> io::Result<Option<Vec<u8>>> {
        while let Some(file) = self.files.front_mut() {
            let room = LINE_BYTES_MAX.saturating_sub(self.partial.len()) as u64;
            (&mut file.reader)
                .take(room)
                .read_until(b'\n', &mut self.partial)?;
            let is_whole = self.partial.ends_with(b"\n");
            if is_whole {
                self.partial.pop();
            }
            let is_line = is_whole || self.partial.len() >= LINE_BYTES_MAX;
            let is_last_file = self.files.len() == 1;
            if !is_line && !is_last_file {
                self.files.pop_front();
            }
            let may_grow = self.partial.is_empty() || is_last_file && follows;
            if is_line || !may_grow {
                return Ok(Some(std::mem::take(&mut self.partial)));
            }
            if is_last_file {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Looks whether there is another file than before: rotated, deleted, made anew.
    pub(super) fn look(&mut self) -> io::Result<()> {
        let Some(last) = self.files.back_mut() else {
            let mut files = Backwards::new(&self.path);
            while let Some(file) = files.next()? {
                self.files.push_front(file);
            }
            return Ok(());
        };
        if is_other(&self.path, last) {
            let later = written_after(&self.path, last)?;
            self.files.extend(later);
        } else if last.metadata()?.len() < last.reader.stream_position()? {
            // It begins anew in the same file, as it does where no rotated files are kept.
            last.reader.seek(SeekFrom::Start(0))?;
            self.partial.clear();
        }
        Ok(())
    }
}

/// A file that became shorter while it was read begins anew: all that it holds is new.
fn when_truncated(error: io::Error) -> io::Result<bool> {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Ok(true),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const ALL: Filter = Filter {
        since: None,
        grep: None,
    };

    fn rest_of(tail: &mut Tail) -> Vec<String> {
        tail.look().unwrap();
        let next = || tail.next_line(true).unwrap();
        std::iter::from_fn(next)
            .map(|line| String::from_utf8(line).unwrap())
            .collect()
    }

    fn append(path: &Path, text: &str) {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn the_newest_lines_are_found_across_rotated_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        append(&folder.path().join("a.log.2"), "1\n2\n");
        append(&folder.path().join("a.log.1"), "3\n4\n");
        append(&path, "5\n6\n");
        for (lines, first) in [(0, 7), (1, 6), (2, 5), (3, 4), (5, 2), (6, 1), (9, 1)] {
            let mut tail = Tail::open(path.clone(), &ALL, Some(lines)).unwrap();
            let expected: Vec<String> = (first..=6).map(|number| number.to_string()).collect();
            assert_eq!(rest_of(&mut tail), expected, "{lines}");
        }
    }

    #[test]
    fn no_line_is_lost_or_doubled_over_rotations_between_two_looks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let rotated = |number: u32| folder.path().join(format!("a.log.{number}"));
        append(&path, "1\n");
        let mut tail = Tail::open(path.clone(), &ALL, Some(9)).unwrap();
        assert_eq!(rest_of(&mut tail), ["1"]);
        append(&path, "2\n3");
        assert_eq!(
            rest_of(&mut tail),
            ["2"],
            "a line is given when it is whole"
        );
        append(&path, "3\n");
        fs::rename(&path, rotated(1)).unwrap();
        assert_eq!(rest_of(&mut tail), ["33"]);
        append(&path, "4\n");
        fs::rename(rotated(1), rotated(2)).unwrap();
        fs::rename(&path, rotated(1)).unwrap();
        append(&path, "5\n");
        assert_eq!(rest_of(&mut tail), ["4", "5"]);
    }

    #[test]
    fn a_deleted_or_emptied_file_is_followed_where_it_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut tail = Tail::open(path.clone(), &ALL, Some(9)).unwrap();
        assert!(!tail.has_file() && rest_of(&mut tail).is_empty());
        append(&path, "first\n");
        assert_eq!(rest_of(&mut tail), ["first"]);
        fs::remove_file(&path).unwrap();
        assert!(rest_of(&mut tail).is_empty());
        append(&path, "second, and longer\n");
        assert_eq!(rest_of(&mut tail), ["second, and longer"]);
        fs::write(&path, "third\n").unwrap();
        assert_eq!(rest_of(&mut tail), ["third"]);
    }
}
