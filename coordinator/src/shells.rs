//! `coordinator completions` and `coordinator man`: what shells and `man` want to know of the command line.
//! It installs nothing.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

use crate::Exit;
use crate::cli::Cli;
use crate::verbs::{chain, complain};

/// The shells whose completions are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Completed {
    /// GNU Bash with bash-completion
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
}

/// Why there are no manual pages. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
enum ManError {
    #[error("write the manual pages into {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("print the manual page")]
    Print(#[source] io::Error),
}

/// Prints a script that completes verbs and flags.
pub(crate) fn print_completions(shell: Completed) -> Exit {
    let shell = match shell {
        Completed::Bash => Shell::Bash,
        Completed::Zsh => Shell::Zsh,
        Completed::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "coordinator", &mut script);
    // A reader that closes the pipe early has seen what it wanted.
    let _ = io::stdout().write_all(&script);
    Exit::Success
}

/// Prints the page of the program, or writes it and one for each verb into a folder.
pub(crate) fn print_manual(folder: Option<&Path>) -> Exit {
    let done = match folder {
        None => print_page(),
        Some(folder) => write_pages(folder),
    };
    match done {
        Ok(()) => Exit::Success,
        Err(ManError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
        Err(error) => complain(&chain(&error.into()), Exit::Internal),
    }
}

fn print_page() -> Result<(), ManError> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(Cli::command());
    man.render(&mut page).map_err(ManError::Print)?;
    io::stdout().write_all(&page).map_err(ManError::Print)
}

fn write_pages(folder: &Path) -> Result<(), ManError> {
    let write = || {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), folder)
    };
    write().map_err(|source| ManError::Write {
        path: folder.to_owned(),
        source,
    })
}
