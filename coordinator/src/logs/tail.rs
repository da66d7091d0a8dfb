//! One instance's log as a stream of lines: from where the wanted ones begin to the present end, and on from there.
//! It prints nothing.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use super::backwards::{LINE_BYTES_MAX, each_line_from_the_end};
use super::files::{Backwards, LogFile, is_other, written_after};
use super::filter::{Filter, time};

/// The log of one instance.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    /// Oldest first; the first is being read, the last is the newest known.
    files: VecDeque<LogFile>,
    /// A line that is not written to its end yet.
    partial: Vec<u8>,
    /// The line after a gap, once the gap was given.
    after_gap: Option<Vec<u8>>,
    last_time: Option<Vec<u8>>,
    /// The end of the last line, by which a file that begins anew is known also when it is longer again.
    mark: Vec<u8>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Line(Vec<u8>),
    /// Lines were rotated away before they were read.
    Gap(Gap),
}

/// Lines between these two times are missing. How many nobody can tell: the files that held them are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Of the last line before it, if that was read here.
    pub(crate) from: Option<Vec<u8>>,
    /// Of the first line after it.
    pub(crate) to: Option<Vec<u8>>,
}

/// Bytes of a line that tell it from others: its end has the text, and a time where it is short.
const MARK_BYTES: usize = 64;

impl Tail {
    /// Stands before the newest `lines` that the filter admits, or before all of them.
    pub(crate) fn open(path: PathBuf, filter: &Filter, lines: Option<usize>) -> io::Result<Self> {
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
            after_gap: None,
            last_time: None,
            mark: Vec::new(),
        })
    }

    /// Whether there is a file at all.
    pub(crate) fn has_file(&self) -> bool {
        !self.files.is_empty()
    }

    /// What is there next; `None` at the end. The end of a line that is being written is waited for, unless nothing `follows`.
    pub(crate) fn next(&mut self, follows: bool) -> io::Result<Option<Item>> {
        let (line, is_after_gap) = match self.after_gap.take() {
            Some(line) => (line, false),
            None => {
                let Some(line) = self.next_line(follows)? else {
                    return Ok(None);
                };
                let file = self.files.front_mut();
                let flag = file.map(|file| std::mem::take(&mut file.follows_gap));
                (line, flag.unwrap_or(false))
            }
        };
        let own_time = time(&line).map(<[u8]>::to_vec);
        if is_after_gap {
            self.after_gap = Some(line);
            return Ok(Some(Item::Gap(Gap {
                from: self.last_time.clone(),
                to: own_time,
            })));
        }
        self.last_time = own_time.or(self.last_time.take());
        Ok(Some(Item::Line(line)))
    }

    fn next_line(&mut self, follows: bool) -> io::Result<Option<Vec<u8>>> {
        while let Some(file) = self.files.front_mut() {
            let room = LINE_BYTES_MAX.saturating_sub(self.partial.len()) as u64;
            let read = (&mut file.reader)
                .take(room)
                .read_until(b'\n', &mut self.partial)?;
            if read > 0 {
                let from = self.partial.len().saturating_sub(MARK_BYTES);
                self.mark = self.partial[from..].to_vec();
            }
            let is_whole = self.partial.ends_with(b"\n");
            if is_whole {
                self.partial.pop();
            }
            let is_line = is_whole || self.partial.len() >= LINE_BYTES_MAX;
            let is_last_file = self.files.len() == 1;
            let may_grow = self.partial.is_empty() || is_last_file && follows;
            if is_line || !may_grow {
                return Ok(Some(std::mem::take(&mut self.partial)));
            }
            if is_last_file {
                return Ok(None);
            }
            self.files.pop_front();
            self.mark.clear();
        }
        Ok(None)
    }

    /// Looks whether there is another file than before: rotated, deleted, made anew.
    pub(crate) fn look(&mut self) -> io::Result<()> {
        let Some(last) = self.files.back() else {
            let mut files = Backwards::new(&self.path);
            while let Some(file) = files.next()? {
                self.files.push_front(file);
            }
            return Ok(());
        };
        if is_other(&self.path, last) {
            let mut later = written_after(&self.path, last)?;
            if let Some(first) = later.files.first_mut() {
                first.follows_gap = later.is_gap;
            }
            self.files.extend(later.files);
        } else if self.begins_anew()? {
            // As it does where no rotated files are kept: what was not read of the old content is gone.
            if let Some(file) = self.files.back_mut() {
                file.reader.seek(SeekFrom::Start(0))?;
                file.follows_gap = true;
            }
            self.partial.clear();
            self.mark.clear();
        }
        Ok(())
    }

    /// Whether the one file that is read no longer holds what was read of it.
    fn begins_anew(&mut self) -> io::Result<bool> {
        // One that is only opened so far has not been read.
        let [file] = self.files.make_contiguous() else {
            return Ok(false);
        };
        let position = file.reader.stream_position()?;
        if file.metadata()?.len() < position {
            return Ok(true);
        }
        let mut found = vec![0; self.mark.len()];
        let at = position.saturating_sub(found.len() as u64);
        match file.reader.get_ref().read_exact_at(&mut found, at) {
            Ok(()) => Ok(found != self.mark),
            Err(error) => when_truncated(error),
        }
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
        let next = || tail.next(true).unwrap();
        std::iter::from_fn(next)
            .map(|item| match item {
                Item::Line(line) => String::from_utf8(line).unwrap(),
                Item::Gap(_) => "gap".to_owned(),
            })
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
        assert_eq!(rest_of(&mut tail), ["gap", "third"]);
        fs::write(&path, "fourth and much longer than before\n").unwrap();
        let last = "fourth and much longer than before";
        assert_eq!(
            rest_of(&mut tail),
            ["gap", last],
            "it is known by its content"
        );
    }

    #[test]
    fn files_that_were_rotated_away_unread_leave_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let rotate = || {
            let rotated = |number: u32| folder.path().join(format!("a.log.{number}"));
            let _ = fs::rename(rotated(1), rotated(2));
            fs::rename(&path, rotated(1)).unwrap();
        };
        let stamped = |second: u32| format!("2026-11-24T21:00:{second:02}.000Z out {second}");
        append(&path, &(stamped(1) + "\n"));
        let mut tail = Tail::open(path.clone(), &ALL, Some(9)).unwrap();
        assert_eq!(rest_of(&mut tail), [stamped(1)]);
        append(&path, &(stamped(2) + "\n"));
        for second in 3..7 {
            rotate();
            append(&path, &(stamped(second) + "\n"));
        }
        tail.look().unwrap();
        assert_eq!(
            tail.next(true).unwrap(),
            Some(Item::Line(stamped(2).into()))
        );
        let at = |second| Some(stamped(second).as_bytes()[..24].to_vec());
        let gap = Gap {
            from: at(2),
            to: at(4),
        };
        assert_eq!(tail.next(true).unwrap(), Some(Item::Gap(gap)));
        assert_eq!(rest_of(&mut tail), [stamped(4), stamped(5), stamped(6)]);
        rotate();
        append(&path, &(stamped(7) + "\n"));
        assert_eq!(
            rest_of(&mut tail),
            [stamped(7)],
            "nothing is missing any more"
        );
    }
}
