//! Reads the end of an agent's log file, older lines before it, and what is new since: always a bounded piece.
//! It writes nothing and colours nothing; the coordinator writes and rotates these files.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Read at once at most: 500 lines of 2 KB.
const PIECE_BYTES_MAX: u64 = 1 << 20;

/// Rotated files looked at, `.1` the newest.
const ROTATED_MAX: usize = 9;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The agent's stdout.
    Out,
    /// The agent's stderr.
    Err,
    /// The coordinator itself.
    Coordinator,
    /// A line that is not of the coordinator's form.
    Other,
}

impl Origin {
    /// As in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Err => "err",
            Self::Coordinator => "coordinator",
            Self::Other => "other",
        }
    }
}

/// One line, `2026-11-24T21:08:01.123Z err text` in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// RFC 3339; empty where the line has none.
    pub at: String,
    /// Who wrote it.
    pub origin: Origin,
    /// As written, not cleaned.
    pub text: String,
}

/// A place between two lines; survives rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    inode: u64,
    offset: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.inode, self.offset)
    }
}

impl std::str::FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (inode, offset) = text.split_once('-').ok_or(())?;
        let number = |text: &str| text.parse().map_err(|_| ());
        Ok(Self {
            inode: number(inode)?,
            offset: number(offset)?,
        })
    }
}

/// Lines in order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The lines.
    pub lines: Vec<Line>,
    /// Where older lines end; absent at the beginning of the oldest file.
    pub older: Option<Position>,
    /// Behind the last line.
    pub end: Position,
}

/// Why there are no lines. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Not written yet, or removed.
    #[error("find {path}: nothing was logged yet, or the file was removed")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Other user, other file system.
    #[error("read {path}: {source}; the dashboard's user must be in the file's group")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The place asked for is in a file that is gone.
    #[error("find older lines: the file that held them was rotated away")]
    Gone,
}

/// The last lines.
pub fn tail(path: &Path, lines_max: usize) -> Result<Piece, LogError> {
    let (file, metadata) = open(path)?;
    let end = Position {
        inode: metadata.ino(),
        offset: metadata.len(),
    };
    before(path, (file, 0, end), lines_max)
}

/// The lines before a place.
pub fn older(path: &Path, at: Position, lines_max: usize) -> Result<Piece, LogError> {
    let (file, n) = find(path, at.inode)?.ok_or(LogError::Gone)?;
    before(path, (file, n, at), lines_max)
}

/// The complete lines behind a place; `None`: so much, or another file, that the tail is to be read anew.
pub fn newer(path: &Path, at: Position) -> Result<Option<Piece>, LogError> {
    let (file, metadata) = open(path)?;
    let grown = metadata.len().checked_sub(at.offset);
    let (true, Some(grown @ ..=PIECE_BYTES_MAX)) = (metadata.ino() == at.inode, grown) else {
        return Ok(None);
    };
    let bytes = read(path, &file, at.offset, grown)?;
    let complete = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let lines = bytes[..complete]
        .split_inclusive(|byte| *byte == b'\n')
        .map(line)
        .collect();
    let end = Position {
        offset: at.offset + complete as u64,
        ..at
    };
    Ok(Some(Piece {
        lines,
        older: Some(at),
        end,
    }))
}

/// Reads backwards from a place in one file, and goes on in the rotated one before it if too little was found.
fn before(
    path: &Path,
    (file, n, end): (File, usize, Position),
    lines_max: usize,
) -> Result<Piece, LogError> {
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let mut end = Position {
        offset: end.offset.min(size),
        ..end
    };
    let from = end.offset.saturating_sub(PIECE_BYTES_MAX);
    let bytes = read(path, &file, from, end.offset - from)?;
    // A last line without its end is being written.
    let complete = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    end.offset = from + complete as u64;
    let mut pieces: Vec<&[u8]> = bytes[..complete]
        .split_inclusive(|byte| *byte == b'\n')
        .collect();
    let mut begin = from;
    if from > 0 && pieces.len() > 1 {
        begin += pieces.remove(0).len() as u64;
    }
    let surplus = pieces.len().saturating_sub(lines_max);
    begin += pieces
        .drain(..surplus)
        .map(|piece| piece.len() as u64)
        .sum::<u64>();
    let mut lines: Vec<Line> = pieces.into_iter().map(line).collect();
    if begin > 0 {
        let older = Some(Position {
            offset: begin,
            ..end
        });
        return Ok(Piece { lines, older, end });
    }
    let mut older = None;
    if let Some((file, metadata)) = rotated(path, n + 1)? {
        let place = Position {
            inode: metadata.ino(),
            offset: metadata.len(),
        };
        if lines.len() < lines_max && n == 0 {
            let piece = before(path, (file, n + 1, place), lines_max - lines.len())?;
            lines.splice(0..0, piece.lines);
            older = piece.older;
        } else {
            older = Some(place);
        }
    }
    Ok(Piece { lines, older, end })
}

fn find(path: &Path, inode: u64) -> Result<Option<(File, usize)>, LogError> {
    for n in 0..=ROTATED_MAX {
        match rotated(path, n)? {
            Some((file, metadata)) if metadata.ino() == inode => return Ok(Some((file, n))),
            Some(_) => {}
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// The `n`th rotated file, 0 for the present one.
fn rotated(path: &Path, n: usize) -> Result<Option<(File, std::fs::Metadata)>, LogError> {
    let mut name = path.as_os_str().to_owned();
    if n > 0 {
        name.push(format!(".{n}"));
    }
    match open(Path::new(&name)) {
        Ok(opened) => Ok(Some(opened)),
        Err(LogError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn open(path: &Path) -> Result<(File, std::fs::Metadata), LogError> {
    let unreadable = |source| LogError::Unreadable {
        path: path.to_owned(),
        source,
    };
    // A FIFO in its place must not hang the request.
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(LogError::Missing {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(unreadable(error)),
    };
    let metadata = file.metadata().map_err(unreadable)?;
    match metadata.is_file() {
        true => Ok((file, metadata)),
        false => Err(unreadable(io::Error::other("it is not a regular file"))),
    }
}

fn read(path: &Path, mut file: &File, from: u64, bytes: u64) -> Result<Vec<u8>, LogError> {
    let mut buffer = Vec::new();
    file.seek(SeekFrom::Start(from))
        .and_then(|_| file.take(bytes).read_to_end(&mut buffer))
        .map_err(|source| LogError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
    Ok(buffer)
}

fn line(bytes: &[u8]) -> Line {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    let mut words = text.splitn(3, ' ');
    let (at, origin) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let origin = match origin {
        "out" => Origin::Out,
        "err" => Origin::Err,
        "coordinator" => Origin::Coordinator,
        _ => Origin::Other,
    };
    let is_time = at.len() == 24 && at.ends_with('Z') && at.parse::<jiff::Timestamp>().is_ok();
    if origin == Origin::Other || !is_time {
        return Line {
            at: String::new(),
            origin: Origin::Other,
            text: text.to_owned(),
        };
    }
    Line {
        at: at.to_owned(),
        origin,
        text: words.next().unwrap_or("").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(range: std::ops::Range<usize>) -> String {
        range
            .map(|n| format!("2026-11-24T21:08:01.123Z out line {n}\n"))
            .collect()
    }

    fn texts(piece: &Piece) -> Vec<&str> {
        piece.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn the_end_of_the_file_comes_first_and_older_lines_follow_into_the_rotated_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        std::fs::write(folder.path().join("a.log.1"), numbered(0..3)).unwrap();
        std::fs::write(&path, numbered(3..6) + "half a li").unwrap();
        let newest = tail(&path, 2).unwrap();
        assert_eq!(texts(&newest), ["line 4", "line 5"]);
        let more = older(&path, newest.older.unwrap(), 1).unwrap();
        assert_eq!(texts(&more), ["line 3"]);
        let rest = older(&path, more.older.unwrap(), 10).unwrap();
        assert_eq!(
            (texts(&rest), rest.older),
            (vec!["line 0", "line 1", "line 2"], None)
        );
        assert_eq!(texts(&tail(&path, 5).unwrap()).len(), 5);
    }

    #[test]
    fn new_lines_are_read_once_and_a_rotation_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        std::fs::write(&path, numbered(0..2)).unwrap();
        let end = tail(&path, 10).unwrap().end;
        assert_eq!(newer(&path, end).unwrap().unwrap().lines.len(), 0);
        std::fs::write(&path, numbered(0..3) + "2026").unwrap();
        let piece = newer(&path, end).unwrap().unwrap();
        assert_eq!(texts(&piece), ["line 2"]);
        std::fs::rename(&path, folder.path().join("a.log.1")).unwrap();
        assert!(matches!(
            newer(&path, piece.end),
            Err(LogError::Missing { .. })
        ));
        std::fs::write(&path, numbered(3..4)).unwrap();
        assert_eq!(newer(&path, piece.end).unwrap(), None);
    }

    #[test]
    fn lines_of_another_form_are_kept_as_they_are() {
        let plain = line(b"no time at all\r\n");
        assert_eq!(
            (plain.origin, plain.text.as_str()),
            (Origin::Other, "no time at all")
        );
        let err = line(b"2026-11-24T21:08:01.123Z err  two  spaces\n");
        assert_eq!(
            (err.origin, err.text.as_str()),
            (Origin::Err, " two  spaces")
        );
        assert_eq!(
            line(b"2026-99-24T21:08:01.123Z out x").origin,
            Origin::Other
        );
    }
}
