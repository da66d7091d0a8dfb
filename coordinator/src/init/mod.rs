//! `coordinator init`: writes a commented agents.toml and `.env` to begin with. It never overwrites anything.
//! What stands in agents.toml is made in `text`.

mod text;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::Exit;
use crate::verbs::{chain, complain};

/// Read from the working directory, where it is written.
const DOTENV: &str = ".env";
/// For everybody, and for its owner only: people put keys into `.env`.
const AGENTS_MODE: u32 = 0o644;
const DOTENV_MODE: u32 = 0o600;

/// Why nothing was written. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
enum InitError {
    #[error(
        "write {0}: it exists, and nothing is overwritten; move it away, or begin in another folder"
    )]
    Exists(PathBuf),
    #[error("write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Writes both files, or none.
pub(crate) fn init(agents: &Path) -> Exit {
    let files = [
        (agents, text::agents_toml(), AGENTS_MODE),
        (Path::new(DOTENV), text::dotenv(), DOTENV_MODE),
    ];
    match write_all(&files) {
        Ok(()) => {
            let (path, dotenv) = (agents.display(), DOTENV);
            let _ = writeln!(
                io::stdout(),
                "wrote {path}: one agent, and every key with its default\n\
                 wrote {dotenv}: every variable with its default\n\
                 next: coordinator --agents {path}"
            );
            Exit::Success
        }
        Err(error @ InitError::Exists(_)) => complain(&chain(&error.into()), Exit::Configuration),
        Err(error) => complain(&chain(&error.into()), Exit::Internal),
    }
}

fn write_all(files: &[(&Path, String, u32)]) -> Result<(), InitError> {
    for (path, ..) in files {
        // A link that leads nowhere is there too.
        if path.symlink_metadata().is_ok() {
            return Err(InitError::Exists((*path).to_owned()));
        }
    }
    let mut written: Vec<&Path> = Vec::new();
    for (path, text, mode) in files {
        if let Err(error) = write_new(path, text, *mode) {
            for path in written {
                let _ = std::fs::remove_file(path); // the error that is told is the one that matters
            }
            return Err(error);
        }
        written.push(path);
    }
    Ok(())
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), InitError> {
    let in_write = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists(path.to_owned()),
        _ => InitError::Write {
            path: path.to_owned(),
            source,
        },
    };
    let create = || {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
    };
    let mut file = create().map_err(in_write)?;
    let fill = |file: &mut File| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    };
    fill(&mut file).map_err(|source| {
        let _ = std::fs::remove_file(path); // half a file would be in the way of the next attempt
        in_write(source)
    })
}
