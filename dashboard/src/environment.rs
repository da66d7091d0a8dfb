//! Completes the command line from the environment and from `.env`: each variable stands for a flag that is given first,
//! so that a real flag wins. It changes no environment.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

/// Which variable stands for which flag.
pub const VARIABLES: [(&str, &str); 4] = [
    ("SHARED_STATE_SQLITE", "--database"),
    ("DASHBOARD_LISTEN", "--listen"),
    ("DASHBOARD_ALLOW_HOST", "--allow-host"),
    ("DASHBOARD_TOKEN_FILE", "--token-file"),
];

/// Why `.env` was not taken. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum DotenvError {
    /// A line that is not `NAME=value`.
    #[error("read .env: `{line}` is not NAME=value (quote a value that has spaces or `#` in it)")]
    Line {
        /// The line.
        line: String,
    },
    /// The file is there and cannot be read.
    #[error("read .env")]
    Read(#[source] io::Error),
}

/// The variables of `.env` in this folder; none where there is no such file.
pub fn read_dotenv(folder: &Path) -> Result<HashMap<String, String>, DotenvError> {
    let explain = |error| match error {
        dotenvy::Error::LineParse(line, _) => DotenvError::Line { line },
        dotenvy::Error::Io(error) => DotenvError::Read(error),
        other => DotenvError::Read(io::Error::other(other)),
    };
    match dotenvy::from_path_iter(folder.join(".env")) {
        Ok(items) => items.collect::<Result<_, _>>().map_err(explain),
        Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            Ok(HashMap::new())
        }
        Err(error) => Err(explain(error)),
    }
}

/// The command line with a flag for each variable that is set; an empty value counts as not set.
pub fn complete(
    given: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
    dotenv: &HashMap<String, String>,
) -> Vec<OsString> {
    let mut given = given.into_iter();
    let mut arguments: Vec<OsString> = given.next().into_iter().collect();
    for (name, flag) in VARIABLES {
        let set = environment(name).filter(|value| !value.is_empty());
        let value = set.or_else(|| {
            let value = dotenv.get(name).filter(|value| !value.is_empty());
            value.map(OsString::from)
        });
        if let Some(value) = value {
            arguments.push(joined(flag, &value));
        }
    }
    arguments.extend(given);
    arguments
}

/// In one word, so that a value may begin with a dash.
fn joined(flag: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(flag);
    word.push("=");
    word.push(value);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(arguments: &[OsString]) -> Vec<&str> {
        arguments
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect()
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_dotenv() {
        let dotenv = HashMap::from([
            ("SHARED_STATE_SQLITE".to_owned(), "from-file.db".to_owned()),
            ("DASHBOARD_LISTEN".to_owned(), "127.0.0.1:1".to_owned()),
        ]);
        let environment = |name: &str| match name {
            "DASHBOARD_LISTEN" => Some(OsString::new()),
            "SHARED_STATE_SQLITE" => Some(OsString::from("set.db")),
            _ => None,
        };
        let given = ["dashboard", "--database", "flag.db"].map(OsString::from);
        let complete = complete(given, environment, &dotenv);
        assert_eq!(
            words(&complete),
            [
                "dashboard",
                "--database=set.db",
                "--listen=127.0.0.1:1",
                "--database",
                "flag.db"
            ]
        );
    }

    #[test]
    fn a_line_that_is_no_assignment_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_dotenv(folder.path()).unwrap().is_empty());
        std::fs::write(folder.path().join(".env"), "A=1\nnot an assignment\n").unwrap();
        let error = read_dotenv(folder.path()).unwrap_err();
        assert!(error.to_string().contains("not an assignment"), "{error}");
    }
}
