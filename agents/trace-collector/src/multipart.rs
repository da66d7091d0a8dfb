//! Responsible for splitting a `multipart/form-data` body into its parts, without copying any of them.
//! It does not know what a part means. Strict where a slack reading could take one part for two; it never panics.

use memchr::memmem;

use crate::refusal::Refusal;

/// RFC 2046 allows 70 characters; the SDK's has 32.
const BOUNDARY_BYTES_MAX: usize = 70;

/// Longest head of a part: a disposition, a type and a length. Attachments' names are the longest thing in it.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// A run has at most eight parts and some attachments.
pub(crate) const PARTS_MAX: usize = 20_000;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The name of its `Content-Disposition`.
    pub name: String,
    /// Its `Content-Type`; empty if it has none.
    pub content_type: String,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// The boundary that a `Content-Type` header gives.
pub fn boundary(content_type: Option<&str>) -> Result<String, Refusal> {
    let expected = "expected multipart/form-data; boundary=…";
    let Some(content_type) = content_type else {
        return Err(Refusal::new(
            415,
            format!("Content-Type: found none, {expected}"),
        ));
    };
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(Refusal::new(
            415,
            format!("Content-Type: found {kind:?}, {expected}"),
        ));
    }
    let boundary = parameter(parameters, "boundary").unwrap_or_default();
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
        return Err(Refusal::new(
            400,
            format!(
                "Content-Type: found no boundary of 1 to {BOUNDARY_BYTES_MAX} characters, {expected}"
            ),
        ));
    }
    Ok(boundary)
}

/// All parts in their order. What stands before the first boundary and after the last is ignored, as RFC 2046 says.
pub fn split<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, Refusal> {
    let delimiter = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(delimiter.as_bytes());
    // The first boundary may stand at the very beginning, without a line end before it.
    let mut rest = if body.starts_with(&delimiter.as_bytes()[2..]) {
        &body[delimiter.len() - 2..]
    } else {
        let at = finder
            .find(body)
            .ok_or_else(|| wrong("found no boundary in the body"))?;
        &body[at + delimiter.len()..]
    };
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        if parts.len() == PARTS_MAX {
            return Err(Refusal::too_large(format!(
                "the body has more than {PARTS_MAX} parts; send fewer runs at once"
            )));
        }
        let after_boundary = skip_line_end(rest)?;
        let (head, content) = split_head(after_boundary)?;
        let end = finder.find(content).ok_or_else(|| {
            wrong("the body ends within a part: expected a boundary with -- behind it at the end")
        })?;
        parts.push(read_part(head, &content[..end])?);
        rest = &content[end + delimiter.len()..];
    }
}

/// Spaces may stand behind a boundary, and nothing else.
fn skip_line_end(bytes: &[u8]) -> Result<&[u8], Refusal> {
    let padding = bytes
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    bytes[padding..]
        .strip_prefix(b"\r\n")
        .ok_or_else(|| wrong("expected a line end behind a boundary"))
}

/// The head of a part and what follows it.
fn split_head(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if let Some(content) = bytes.strip_prefix(b"\r\n") {
        return Ok((&[], content));
    }
    let within = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    let end = memmem::find(within, b"\r\n\r\n").ok_or_else(|| {
        wrong(&format!(
            "expected an empty line behind a part's headers within {HEAD_BYTES_MAX} bytes"
        ))
    })?;
    Ok((&bytes[..end], &bytes[end + 4..]))
}

fn read_part<'a>(head: &[u8], bytes: &'a [u8]) -> Result<Part<'a>, Refusal> {
    let head = str::from_utf8(head).map_err(|_| wrong("the headers of a part are not UTF-8"))?;
    let (mut name, mut content_type) = (None, String::new());
    for line in head.split("\r\n") {
        let Some((key, value)) = line.split_once(':') else {
            return Err(wrong(&format!(
                "found {line:?} among a part's headers, expected NAME: VALUE"
            )));
        };
        match key.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => {
                let parameters = value.split_once(';').map_or("", |(_, rest)| rest);
                name = parameter(parameters, "name");
            }
            "content-type" => value.trim().clone_into(&mut content_type),
            "content-length" if value.trim().parse() != Ok(bytes.len()) => {
                return Err(wrong(&format!(
                    "a part says Content-Length: {}, found {} bytes up to the next boundary",
                    value.trim(),
                    bytes.len()
                )));
            }
            _ => {}
        }
    }
    let name = name.ok_or_else(|| {
        wrong("a part has no name: expected Content-Disposition: form-data; name=\"…\"")
    })?;
    Ok(Part {
        name,
        content_type,
        bytes,
    })
}

/// The value of `name` among `; name=value; other="quoted \"value\""`.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim_end().to_owned(), &after[end..])
            }
        };
        if key
            .trim_matches([';', ' ', '\t'])
            .eq_ignore_ascii_case(name)
        {
            return Some(value);
        }
        rest = next;
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn wrong(what: &str) -> Refusal {
    Refusal::new(400, format!("the multipart body: {what}"))
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
