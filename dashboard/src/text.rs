//! Turns text that an agent supplied into text that is safe to show: no control, bidi or escape characters.
//! It does not escape HTML: the templates do that for everything.

use std::borrow::Cow;

/// Longer texts are cut: nobody reads 8 KB in one line, and a page of them would not load.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;

/// Shown where text was cut.
const CUT: &str = " … (cut)";

/// A stretch of a log line in one style.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Segment {
    /// The characters.
    pub text: String,
    /// CSS classes made from ANSI colours, such as `fg1 bold`; empty for plain text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub class: String,
}

/// The text without escape sequences, control and bidi characters, on one line and cut to a bounded length.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.len() <= TEXT_BYTES_MAX && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(TEXT_BYTES_MAX));
    for segment in segments(text) {
        out.push_str(&segment.text);
    }
    Cow::Owned(out)
}

/// The same with ANSI colours kept as classes.
pub fn segments(text: &str) -> Vec<Segment> {
    let (text, is_cut) = cut(text);
    let mut style = Style::default();
    let mut done: Vec<Segment> = Vec::new();
    let mut now = Segment::default();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character == '\u{1b}' {
            let before = style;
            skip_escape(&mut rest, &mut style);
            if style != before && !now.text.is_empty() {
                done.push(std::mem::take(&mut now));
            }
            now.class = style.class();
        } else if let Some(shown) = shown(character) {
            now.text.push(shown);
        }
    }
    if is_cut {
        now.text.push_str(CUT);
    }
    if !now.text.is_empty() {
        done.push(now);
    }
    done
}

fn cut(text: &str) -> (&str, bool) {
    if text.len() <= TEXT_BYTES_MAX {
        return (text, false);
    }
    let mut end = TEXT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], true)
}

fn is_plain(character: char) -> bool {
    shown(character) == Some(character)
}

/// What is shown for a character: itself, a space for what breaks lines, nothing for what steers terminals or direction.
fn shown(character: char) -> Option<char> {
    match character {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => None,
        '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => None,
        // Invisible characters with which one name can be made to look like another.
        '\u{200b}' | '\u{2060}' | '\u{ad}' | '\u{e0000}'..='\u{e007f}' => None,
        _ if character.is_control() => None,
        _ => Some(character),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    foreground: Option<u8>,
    background: Option<u8>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
}

impl Style {
    fn class(self) -> String {
        let mut names: Vec<String> = Vec::new();
        names.extend(self.foreground.map(|n| format!("fg{n}")));
        names.extend(self.background.map(|n| format!("bg{n}")));
        for (is_on, name) in [
            (self.bold, "bold"),
            (self.dim, "dim"),
            (self.italic, "italic"),
            (self.underline, "underline"),
        ] {
            if is_on {
                names.push(name.into());
            }
        }
        names.join(" ")
    }

    /// ECMA-48 "select graphic rendition", as far as terminals agree on it.
    fn select(&mut self, parameters: &str) {
        let mut codes = parameters
            .split([';', ':'])
            .map(|code| code.parse::<u16>().unwrap_or(0));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                30..=37 => self.foreground = small(code - 30),
                38 => self.foreground = extended(&mut codes),
                39 => self.foreground = None,
                40..=47 => self.background = small(code - 40),
                48 => self.background = extended(&mut codes),
                49 => self.background = None,
                90..=97 => self.foreground = small(code - 90 + 8),
                100..=107 => self.background = small(code - 100 + 8),
                _ => {}
            }
        }
    }
}

fn small(code: u16) -> Option<u8> {
    u8::try_from(code).ok().filter(|code| *code < 16)
}

/// `38;5;N` and `38;2;R;G;B`: only the sixteen named colours have a class, others stay plain.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<u8> {
    match codes.next() {
        Some(5) => codes.next().and_then(small),
        Some(2) => {
            codes.by_ref().take(3).for_each(drop);
            None
        }
        _ => None,
    }
}

/// Consumes one escape sequence after its ESC; colours change the style, everything else has no effect.
fn skip_escape(rest: &mut std::str::Chars<'_>, style: &mut Style) {
    match rest.next() {
        Some('[') => {
            let mut parameters = String::new();
            for character in rest.by_ref() {
                match character {
                    '\u{40}'..='\u{7e}' => {
                        if character == 'm' {
                            style.select(&parameters);
                        }
                        return;
                    }
                    '\u{20}'..='\u{3f}' if parameters.len() < 64 => parameters.push(character),
                    '\u{20}'..='\u{3f}' => {}
                    _ => return,
                }
            }
        }
        // Operating system commands (titles, links, clipboard) end with BEL or ESC \.
        Some(']' | 'P' | '^' | '_') => {
            while let Some(character) = rest.next() {
                match character {
                    '\u{7}' => return,
                    '\u{1b}' => {
                        rest.next();
                        return;
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_kept_without_a_copy() {
        assert!(matches!(clean("größe 😀 <b>"), Cow::Borrowed(_)));
    }

    #[test]
    fn control_bidi_and_invisible_characters_vanish() {
        assert_eq!(
            clean("a\u{0}b\u{202e}c\u{2066}d\u{200b}e\nf\u{85}g"),
            "abcde fg"
        );
    }

    #[test]
    fn escape_sequences_vanish_or_become_classes() {
        let found = segments("\u{1b}[1;31mred\u{1b}[0m plain \u{1b}]0;title\u{7}\u{1b}[2Jend");
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            (found[0].text.as_str(), found[0].class.as_str()),
            ("red", "fg1 bold")
        );
        assert_eq!(
            (found[1].text.as_str(), found[1].class.as_str()),
            (" plain end", "")
        );
        assert_eq!(clean("\u{1b}[38;5;9mx\u{1b}[38;2;1;2;3my\u{1b}["), "xy");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let long = "ä".repeat(TEXT_BYTES_MAX);
        let short = clean(&long);
        assert!(short.len() <= TEXT_BYTES_MAX + CUT.len() && short.ends_with(CUT));
    }
}
