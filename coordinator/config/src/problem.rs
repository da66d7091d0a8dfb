//! What is wrong with a configuration file, and how it is told.
//! Finding it is the work of `read` and `resolve`.

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
    /// The line of the file, for display.
    pub source_line: String,
    /// How many characters of it are meant.
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
                width: 0,
                key: String::new(),
                found: format!("the file cannot be read: {error}"),
                expected: "a TOML file that this user may read".to_owned(),
                help: Some("name it with `--agents FILE`".to_owned()),
            }],
        }
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{}: {}", self.path.display(), problem.found)?;
        }
        Ok(())
    }
}
