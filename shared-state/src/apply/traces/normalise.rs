//! Makes one text of error messages that differ in ids, numbers and quoted texts only.
//! It stores nothing.

/// What is looked at of an error; its first line is rarely longer.
const LINE_BYTES_MAX: usize = 2_048;
/// What is kept of the result: enough to tell errors apart.
const MESSAGE_CHARS_MAX: usize = 240;
/// A word of letters and digits mixed that is this long is an id and no name.
const ID_CHARS_MIN: usize = 8;

const TRACEBACK: &str = "Traceback (most recent call last):";

/// The first line of an error with placeholders: `<n>` numbers, `<id>` ids and hexadecimal, `<text>` what is quoted.
pub(super) fn normalise(error: &str) -> String {
    let line = telling_line(error);
    let line = &line[..line.floor_char_boundary(LINE_BYTES_MAX)];
    let mut out = String::with_capacity(line.len().min(MESSAGE_CHARS_MAX * 4));
    let mut rest = line;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let taken = if is_word(next) {
            let word = word_of(rest);
            out.push_str(&placeholder(word));
            word.len()
        } else if let Some(quoted) = quoted_of(rest, next, before) {
            out.push(next);
            out.push_str("<text>");
            out.push(next);
            quoted
        } else {
            out.push(if next.is_whitespace() { ' ' } else { next });
            next.len_utf8()
        };
        before = rest[..taken].chars().next_back().unwrap_or(' ');
        rest = &rest[taken..];
    }
    merge_numbers(&out)
}

/// The first line with anything in it; of a bare traceback the last, where the exception stands.
fn telling_line(error: &str) -> &str {
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("");
    if first == TRACEBACK {
        return lines.next_back().unwrap_or(first);
    }
    // Tracers put the exception and its traceback together without a break.
    first.strip_suffix(TRACEBACK).unwrap_or(first).trim_end()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// A word; an id of the usual form with hyphens is one word.
fn word_of(rest: &str) -> &str {
    let is_uuid = rest.len() >= 36
        && rest.is_char_boundary(36)
        && rest[..36].bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid {
        return &rest[..36];
    }
    &rest[..rest.find(|next| !is_word(next)).unwrap_or(rest.len())]
}

fn placeholder(word: &str) -> std::borrow::Cow<'_, str> {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return word.into();
    }
    if digits == word.len() {
        return "<n>".into();
    }
    let is_hex = word
        .strip_prefix("0x")
        .is_some_and(|hex| !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_hex || word.len() >= ID_CHARS_MIN {
        return "<id>".into();
    }
    // A number with its unit, such as 30s.
    let unit = word.trim_start_matches(|next: char| next.is_ascii_digit());
    match unit.len() < word.len() {
        true => format!("<n>{unit}").into(),
        false => word.into(),
    }
}

/// How many bytes a quoted text takes that begins here. An apostrophe within a word quotes nothing.
fn quoted_of(rest: &str, quote: char, before: char) -> Option<usize> {
    if !matches!(quote, '\'' | '"' | '`') || is_word(before) {
        return None;
    }
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, next)) = characters.next() {
        match next {
            '\\' => {
                characters.next();
            }
            _ if next == quote && !characters.peek().is_some_and(|(_, after)| is_word(*after)) => {
                return Some(at + quote.len_utf8());
            }
            _ => {}
        }
    }
    None
}

/// `<n>.<n>` and `<n>,<n>` are one number.
fn merge_numbers(text: &str) -> String {
    let mut merged = text.to_owned();
    for pair in ["<n>.<n>", "<n>,<n>", "<n>:<n>"] {
        while merged.contains(pair) {
            merged = merged.replace(pair, "<n>");
        }
    }
    match merged.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => merged[..end].to_owned(),
        None => merged,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_changes_from_run_to_run_becomes_a_placeholder() {
        for (error, message) in [
            (
                "RateLimitError('Limit 10000, used 9950')",
                "RateLimitError('<text>')",
            ),
            ("timed out after 30.5s", "timed out after <n>s"),
            (
                "no run 018f3c1e-0000-7000-8000-000000000001 here",
                "no run <id> here",
            ),
            (
                "object at 0x7f2bc0 is not callable",
                "object at <id> is not callable",
            ),
            (
                "request req_8a7b6c5d failed with 429",
                "request <id> failed with <n>",
            ),
            (
                "can't open \"a \\\"b\\\" c\", isn't there",
                "can't open \"<text>\", isn't there",
            ),
            (
                "ValueError(1)Traceback (most recent call last):\n\n  File",
                "ValueError(<n>)",
            ),
            (
                "Traceback (most recent call last):\n  File \"x\", line 3\nKeyError: 'id'",
                "KeyError: '<text>'",
            ),
            ("\n\n  model gpt4 is busy\nsecond", "model gpt4 is busy"),
            ("10.0.0.1:443 1,234,567", "<n> <n>"),
            ("", ""),
            ("größer als 3", "größer als <n>"),
        ] {
            assert_eq!(normalise(error), message);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_normalised_to_a_bounded_one(error in "\\PC{0,3000}") {
            prop_assert!(normalise(&error).chars().count() <= MESSAGE_CHARS_MAX);
        }
    }
}
