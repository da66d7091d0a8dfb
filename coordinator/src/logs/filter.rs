//! Which lines are wanted. It reads no file.

use regex::bytes::Regex;

/// `2026-11-24T21:08:01.123Z`: of one width, so that times are in the order of their bytes.
const TIME_BYTES: usize = 24;

/// Which lines are wanted.
#[derive(Debug)]
pub(crate) struct Filter {
    /// The oldest time, as it stands in the lines.
    pub(crate) since: Option<String>,
    pub(crate) grep: Option<Regex>,
}

impl Filter {
    /// Whether the line is older than anything wanted; nothing before it in its files is wanted either.
    pub(crate) fn is_too_old(&self, line: &[u8]) -> bool {
        let since = self.since.as_ref().map(String::as_bytes);
        time(line).is_some_and(|time| since.is_some_and(|since| time < since))
    }

    pub(crate) fn admits(&self, line: &[u8]) -> bool {
        !self.is_too_old(line) && self.grep.as_ref().is_none_or(|grep| grep.is_match(line))
    }
}

/// The time at the beginning of a line; `None` where somebody else has written into the file.
pub(crate) fn time(line: &[u8]) -> Option<&[u8]> {
    let time = line.get(..TIME_BYTES)?;
    (time[TIME_BYTES - 1] == b'Z' && time[10] == b'T').then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_patterns_are_both_asked() {
        let filter = Filter {
            since: Some("2026-11-24T21:00:00.000Z".into()),
            grep: Some(Regex::new("mail(box)?$").unwrap()),
        };
        assert!(filter.admits(b"2026-11-24T21:00:00.000Z err reading the mailbox"));
        assert!(!filter.admits(b"2026-11-24T20:59:59.999Z err reading the mailbox"));
        assert!(!filter.admits(b"2026-11-24T21:00:01.000Z out \xff mailboxes"));
        assert!(filter.admits(b"a line of somebody else's about mail"));
    }
}
