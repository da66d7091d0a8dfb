//! Collects what is wrong with a text, each with its place.
//! It decides nothing; those who read and check the text do.

use std::ops::Range;

use crate::{Place, Problem};

/// More than a person reads; a file of nonsense must not become a report of its size squared.
const PROBLEMS_MAX: usize = 200;
/// A terminal's width with room for the margin.
const SOURCE_CHARS_MAX: usize = 140;

/// Where a value or a key stands: its bytes in the text and its key with all tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) span: Range<usize>,
    pub(crate) key: String,
}

impl Origin {
    /// The origin of an entry of the table that stands here.
    pub(crate) fn entry(&self, name: &str, span: Range<usize>) -> Self {
        let name = key_part(name);
        let key = if self.key.is_empty() {
            name
        } else {
            format!("{}.{name}", self.key)
        };
        Self { span, key }
    }
}

/// A part of a dotted key as TOML wants it written.
pub(crate) fn key_part(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if is_bare {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

/// The problems found so far.
pub(crate) struct Problems<'a> {
    text: &'a str,
    found: Vec<(usize, Problem)>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            found: Vec::new(),
        }
    }

    /// Adds one problem; the same one at the same place is kept once, as values of `[defaults]` are met by every agent.
    pub(crate) fn add(
        &mut self,
        origin: &Origin,
        found: impl Into<String>,
        expected: impl Into<String>,
        help: Option<String>,
    ) {
        if self.found.len() >= PROBLEMS_MAX {
            return;
        }
        let (place, source_line, offset, width) = locate(self.text, &origin.span);
        let problem = Problem {
            place: Some(place),
            source_line,
            offset,
            width,
            key: origin.key.clone(),
            found: found.into(),
            expected: expected.into(),
            help,
        };
        let entry = (origin.span.start, problem);
        if !self.found.contains(&entry) {
            self.found.push(entry);
        }
    }

    /// Whether this key has a problem already.
    pub(crate) fn mentions(&self, key: &str) -> bool {
        self.found.iter().any(|(_, problem)| problem.key == key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them in the order of the text.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(start, _)| *start);
        self.found.into_iter().map(|(_, problem)| problem).collect()
    }
}

/// Place, the visible part of the line, and where in that part how many characters are meant.
fn locate(text: &str, span: &Range<usize>) -> (Place, String, usize, usize) {
    let start = floor_char_boundary(text, span.start);
    let end = floor_char_boundary(text, span.end.max(start));
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    let before = text[line_start..start].chars().count();
    let line_end = line_start + line.len();
    let width = text
        .get(start..end.min(line_end))
        .map_or(0, |meant| meant.chars().count())
        .max(1);
    let cut = if before > SOURCE_CHARS_MAX / 2 {
        before - SOURCE_CHARS_MAX / 4
    } else {
        0
    };
    let visible: String = line
        .chars()
        .skip(cut)
        .take(SOURCE_CHARS_MAX)
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    let offset = before - cut;
    let width = width.min(visible.chars().count().saturating_sub(offset).max(1));
    let place = Place {
        line: text[..start].matches('\n').count() + 1,
        column: before + 1,
    };
    (place, visible, offset, width)
}

fn floor_char_boundary(text: &str, mut index: usize) -> usize {
    index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// The entry of `known` that a person most likely meant.
pub(crate) fn nearest<'k>(
    meant: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    /// Below this the words have nothing to do with each other.
    const SIMILARITY_MIN: f64 = 0.7;
    known
        .into_iter()
        .map(|word| {
            (
                strsim::jaro_winkler(&meant.to_lowercase(), &word.to_lowercase()),
                word,
            )
        })
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, word)| word)
}

/// `"a", "b" or "c"`.
pub(crate) fn alternatives<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
