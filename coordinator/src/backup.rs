//! `coordinator backup`: a copy of the database while it is in use, verified, and what it holds.
//! Copying and verifying are the matter of `shared_state`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use shared_state::BackupError;

use crate::Exit;
use crate::cli::Paths;
use crate::output::print_json;
use crate::verbs::{chain, complain, find_settings};

/// What `backup --json` prints.
#[derive(Debug, Serialize)]
struct BackupJson<'a> {
    file: String,
    bytes: u64,
    duration_ms: u64,
    /// Rows of each table.
    rows: &'a BTreeMap<String, u64>,
}

/// Copies the database to a new file.
pub(crate) fn backup(paths: &Paths, to: &Path, as_json: bool) -> Exit {
    let settings = match find_settings(paths) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let began = Instant::now();
    let copy = match shared_state::backup(&settings.database, to) {
        Ok(copy) => copy,
        Err(error) => {
            let exit = match error {
                BackupError::Exists(_) => Exit::Configuration,
                BackupError::Target { .. } | BackupError::Differs(_) => Exit::Internal,
                BackupError::Missing(_) | BackupError::Source(_) => Exit::Database,
                BackupError::Copy { .. } => Exit::Internal,
            };
            return complain(&chain(&error.into()), exit);
        }
    };
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if as_json {
        return print_json(
            &BackupJson {
                file: to.display().to_string(),
                bytes: copy.bytes,
                duration_ms,
                rows: &copy.rows,
            },
            Exit::Success,
        );
    }
    let rows: u64 = copy.rows.values().sum();
    let _ = writeln!(
        io::stdout(),
        "{}: {} bytes, {rows} rows in {} tables, verified, in {}.{:03} s",
        to.display(),
        copy.bytes,
        copy.rows.len(),
        duration_ms / 1_000,
        duration_ms % 1_000,
    );
    Exit::Success
}
