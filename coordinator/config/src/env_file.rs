//! Reads the file of variables that `env_file` names.
//! The coordinator's own `.env` is another matter: see `settings`.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use crate::free::check_variable;
use crate::problems::Problems;
use crate::value::Found;

/// More than any process could be started with.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The variables in their order; none after a problem was added.
pub(crate) fn read_env_file(
    file: &Found<PathBuf>,
    folder: &Path,
    problems: &mut Problems<'_>,
) -> Vec<(String, String)> {
    let path = folder.join(&file.value);
    match read(&path) {
        Ok(variables) => variables,
        Err(why) => {
            if let Some(origin) = &file.origin {
                let expected =
                    "a readable file of NAME=value lines, relative to the folder of agents.toml";
                problems.add(origin, format!("{}: {why}", path.display()), expected, None);
            }
            Vec::new()
        }
    }
}

fn read(path: &Path) -> Result<Vec<(String, String)>, String> {
    // Not even opened unless it is a plain file: a pipe would never end.
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a plain file".to_owned());
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    let mut variables = Vec::new();
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        // The library's own message shows the line, which may hold a secret.
        let (name, value) = item.map_err(|_| "a line of it is not NAME=value".to_owned())?;
        check_variable(&name).map_err(|why| format!("{name}: {why}"))?;
        if value.contains('\0') {
            return Err(format!("{name} has a NUL character"));
        }
        variables.push((name, value));
    }
    Ok(variables)
}
