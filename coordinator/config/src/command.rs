//! The command of an agent: an array, or a string that is split by a few stated rules.
//! No shell is involved, and what only a shell could do is refused rather than passed on as an argument.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::de::DeValue;

use crate::problems::{Origin, Problems};
use crate::value::{FromToml, describe};

/// Program and arguments, at least the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command(pub(crate) Vec<String>);

const EXPECTED: &str = "program and arguments, such as [\"worker\", \"--fast\"]";

impl FromToml for Command {
    fn read(value: &DeValue<'_>, origin: &Origin, problems: &mut Problems<'_>) -> Option<Self> {
        let words = match value {
            DeValue::Array(_) => Vec::<String>::read(value, origin, problems)?,
            DeValue::String(text) => match split(text) {
                Ok(words) => words,
                Err(Unsplittable(why)) => {
                    let help = "write an array, or give it to a shell: [\"sh\", \"-c\", \"…\"]";
                    problems.add(origin, why, EXPECTED, Some(help.to_owned()));
                    return None;
                }
            },
            _ => {
                problems.add(origin, describe(value), EXPECTED, None);
                return None;
            }
        };
        if words.first().is_none_or(String::is_empty) {
            problems.add(origin, "found no program", EXPECTED, None);
            return None;
        }
        Some(Self(words))
    }
}

/// Why a string is no command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unsplittable(pub(crate) String);

/// Words are separated by blanks; `'…'` keeps all, `"…"` all but `\"` and `\\`; a backslash outside of quotes keeps
/// the next character; nothing is expanded. A character with which a shell would do more is an error outside of quotes.
pub(crate) fn split(text: &str) -> Result<Vec<String>, Unsplittable> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' | '"' => quoted(char, &mut chars, word.get_or_insert_default())?,
            '\\' => match chars.next() {
                Some(kept) => word.get_or_insert_default().push(kept),
                None => return Err(Unsplittable("found a backslash at the end".to_owned())),
            },
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '*' | '?' | '#' => {
                return Err(Unsplittable(format!(
                    "found `{char}`, which only a shell understands"
                )));
            }
            _ => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(
    quote: char,
    chars: &mut std::str::Chars<'_>,
    word: &mut String,
) -> Result<(), Unsplittable> {
    while let Some(char) = chars.next() {
        match char {
            _ if char == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next() {
                Some(kept @ ('"' | '\\')) => word.push(kept),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            '$' | '`' if quote == '"' => {
                return Err(Unsplittable(format!(
                    "found `{char}`, which only a shell understands"
                )));
            }
            _ => word.push(char),
        }
    }
    Err(Unsplittable(format!("found a {quote} that is not closed")))
}

impl JsonSchema for Command {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            { "type": "string", "minLength": 1 },
        ] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        split(text).expect("the command is whole")
    }

    #[test]
    fn blanks_separate_and_quotes_join() {
        assert_eq!(words("a  b\tc"), ["a", "b", "c"]);
        assert_eq!(words(r#"a 'b c' "d e"f ''"#), ["a", "b c", "d ef", ""]);
        assert_eq!(words(r#"a\ b "\"\\\n" '\'"#), ["a b", "\"\\\\n", "\\"]);
        assert_eq!(words("grep '$HOME | *'"), ["grep", "$HOME | *"]);
    }

    #[test]
    fn what_needs_a_shell_is_refused() {
        for text in [
            "a | b",
            "a > b",
            "a $HOME",
            "a \"$HOME\"",
            "a && b",
            "ls *",
            "a 'b",
            "a \\",
        ] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
