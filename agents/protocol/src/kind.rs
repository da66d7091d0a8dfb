//! Finds the `type` of a line before its fields are read, so that the fields are read once, into the right struct.
//! It does not judge whether the type is known.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

/// Kinds become counter names, so a line cannot make one of any length. The longest known kind has 13 bytes.
const KIND_BYTES_MAX: usize = 64;

/// Reasons go into logs and rows; a parser's message may quote the whole line.
const REASON_BYTES_MAX: usize = 256;

/// The JSON text of a line that may be an object: without BOM and white space in front.
pub(crate) fn object_text(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let text = line.trim_ascii();
    (text.first() == Some(&b'{')).then_some(text)
}

/// The first `type` of the object if it is a string; nothing if the object ends or breaks before.
pub(crate) fn find_kind(text: &str) -> Option<Cow<'_, str>> {
    if let Some(kind) = leading_kind(text) {
        return Some(Cow::Borrowed(kind));
    }
    let mut kind = None;
    // An error after the type leaves the type in place: the reader of the fields will report it.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(FirstType(&mut kind));
    kind.map(Cow::Owned)
}

/// The kind where `type` is the first key, as every well-behaved writer has it: found without a JSON parser.
fn leading_kind(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('{')?.trim_ascii_start();
    let rest = rest.strip_prefix("\"type\"")?.trim_ascii_start();
    let rest = rest.strip_prefix(':')?.trim_ascii_start();
    let rest = rest.strip_prefix('"')?;
    let end = rest
        .bytes()
        .take(KIND_BYTES_MAX + 1)
        .position(|byte| !(byte.is_ascii_lowercase() || byte == b'_'))?;
    let (kind, rest) = rest.split_at(end);
    // Anything but a plain word goes the long way, which knows escapes.
    rest.starts_with('"').then_some(kind)
}

struct FirstType<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for FirstType<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<Cow<'_, str>>()? {
            if key == "type" {
                let kind: String = entries.next_value()?;
                *self.0 = Some(shorten(kind, KIND_BYTES_MAX));
                return Ok(());
            }
            entries.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// An error of the JSON reader as a bounded reason.
pub(crate) fn reason_of(error: &serde_json::Error) -> String {
    shorten(error.to_string(), REASON_BYTES_MAX)
}

fn shorten(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}
