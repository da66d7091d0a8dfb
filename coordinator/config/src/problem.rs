//! What is wrong with a configuration file, and how it is told.
//! Finding it is the work of others.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Where in the file, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place, unless the file as a whole is meant.
    pub place: Option<Place>,
    /// The line of the file, or the part of a long one around the place.
    pub source_line: String,
    /// Characters of `source_line` before those that are meant.
    pub offset: usize,
    /// How many characters of `source_line` are meant.
    pub width: usize,
    /// The key with its tables, such as `agents.worker.restart`; empty for the whole file.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub expected: String,
    /// What to do, where that is not obvious.
    pub help: Option<String>,
}

/// Everything that is wrong with one file, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file, as it was named.
    pub path: PathBuf,
    /// The problems in the order of the file.
    pub problems: Vec<Problem>,
}

impl ConfigErrors {
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self {
            path: path.to_owned(),
            problems: vec![Problem {
                place: None,
                source_line: String::new(),
                offset: 0,
                width: 0,
                key: String::new(),
                found: format!("it cannot be read: {error}"),
                expected: "a TOML file that this user may read".to_owned(),
                help: Some("name another one with `--agents FILE`".to_owned()),
            }],
        }
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            problem.print(f, &self.path)?;
        }
        let count = self.problems.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{}: {count} problem{plural}", self.path.display())
    }
}

impl Problem {
    /// In the manner of a compiler: what, where, the line itself, and the way out.
    fn print(&self, f: &mut fmt::Formatter<'_>, path: &Path) -> fmt::Result {
        let key = if self.key.is_empty() {
            "error".to_owned()
        } else {
            format!("error: {}", self.key)
        };
        writeln!(f, "{key}: {}", self.found)?;
        let number = self
            .place
            .map(|place| place.line.to_string())
            .unwrap_or_default();
        let margin = " ".repeat(number.len());
        match self.place {
            Some(Place { line, column }) => {
                writeln!(f, "{margin}--> {}:{line}:{column}", path.display())?;
                writeln!(f, "{margin} |")?;
                writeln!(f, "{number} | {}", self.source_line)?;
                let indent = " ".repeat(self.offset);
                writeln!(f, "{margin} | {indent}{}", "^".repeat(self.width))?;
            }
            None => writeln!(f, "{margin}--> {}", path.display())?,
        }
        writeln!(f, "{margin} = expected: {}", self.expected)?;
        if let Some(help) = &self.help {
            writeln!(f, "{margin} = help: {help}")?;
        }
        writeln!(f)
    }
}
