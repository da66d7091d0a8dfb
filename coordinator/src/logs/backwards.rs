//! Reads a file's lines from its end, to find where to begin. It keeps one block and one line in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// As many bytes as are read at once.
const BLOCK: u64 = 64 * 1024;

/// No line of a coordinator is this long; a file of somebody else's must not fill the memory.
pub(super) const LINE_BYTES_MAX: usize = 64 << 20;

/// Calls `look` with the offset and the bytes of each line from the last to the first, until it returns false; then says
/// so. Only what is before `end` is read.
pub(super) fn each_line_from_the_end(
    file: &File,
    end: u64,
    mut look: impl FnMut(u64, &[u8]) -> bool,
) -> io::Result<bool> {
    let mut start = end;
    // What follows `start` and is not a whole line yet.
    let mut rest: Vec<u8> = Vec::new();
    while start > 0 {
        let length = start.min(BLOCK);
        start -= length;
        let length = usize::try_from(length).expect("a block fits into memory");
        let mut block = vec![0; length];
        file.read_exact_at(&mut block, start)?;
        block.append(&mut rest);
        let mut line_end = block.len();
        // Each newline but the last byte of the file begins a line after it; only the new part can hold one more.
        let mut at = length.min(line_end);
        while let Some(newline) = block[..at].iter().rposition(|byte| *byte == b'\n') {
            at = newline;
            let line = &block[newline + 1..line_end];
            let offset = start + newline as u64 + 1;
            if offset < end && !look(offset, without_newline(line)) {
                return Ok(false);
            }
            line_end = newline + 1;
        }
        block.truncate(line_end);
        if block.len() > LINE_BYTES_MAX {
            let _ = look(start, &block);
            return Ok(false);
        }
        rest = block;
    }
    Ok(rest.is_empty() || look(0, without_newline(&rest)))
}

pub(super) fn without_newline(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines_of(text: &[u8], max: usize) -> Vec<(u64, Vec<u8>)> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        let mut lines = Vec::new();
        each_line_from_the_end(&file, text.len() as u64, |offset, line| {
            lines.push((offset, line.to_vec()));
            lines.len() < max
        })
        .unwrap();
        lines
    }

    #[test]
    fn lines_come_from_the_last_to_the_first() {
        assert_eq!(lines_of(b"", 9), []);
        assert_eq!(lines_of(b"one\n", 9), [(0, b"one".to_vec())]);
        let all = [(5, b"xy".to_vec()), (4, b"".to_vec()), (0, b"one".to_vec())];
        assert_eq!(lines_of(b"one\n\nxy", 9), all);
        assert_eq!(lines_of(b"one\n\nxy\n", 2), all[..2]);
    }

    #[test]
    fn lines_across_blocks_stay_whole() {
        let block = usize::try_from(BLOCK).unwrap();
        for length in [1, 7, block - 1, block, block + 1, 3 * block] {
            let line = [vec![b'x'; length], b"\n".to_vec()].concat();
            let text = [b"first\n".to_vec(), line.clone(), line].concat();
            let lines = lines_of(&text, 9);
            assert_eq!(lines.len(), 3, "{length}");
            assert!(lines[..2].iter().all(|(_, line)| line.len() == length));
            assert_eq!(lines[2], (0, b"first".to_vec()));
        }
    }
}
