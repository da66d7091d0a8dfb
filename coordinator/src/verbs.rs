//! From the arguments to the exit code: which command it is, and those that need no running coordinator of their own.
//! Running one is in `run`, talking to one in `control`.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use coordinator_config::{Settings, json_schema, load, load_dotenv, parse};
use shared_state::schema_sql;

use crate::Exit;
use crate::cli::{Cli, Command, Paths, Targets};
use crate::control::{self, Action, Change};
use crate::handover::{check_document, is_taking_over, take_over};
use crate::run::run_coordinator;
use crate::{backup, check, describe, events, init, logs, shells, top};

/// The whole program, from its arguments to its exit code.
#[must_use]
pub fn start() -> ExitCode {
    // First of all, while there is one thread. Whoever starts it may have blocked signals; without SIGCHLD no end of an
    // agent would ever be seen. The program before this one, though, has held them back for this one.
    if !is_taking_over() {
        let _ = nix::sys::signal::SigSet::empty().thread_set_mask();
    }
    let dotenv = load_dotenv();
    let cli = Cli::parse();
    if let Err(error) = dotenv {
        return complain(&chain(&error.into()), Exit::Configuration).into();
    }
    run(cli).into()
}

fn run(cli: Cli) -> Exit {
    let agents = cli.paths.agents();
    match cli.command {
        Some(Command::Schema { sql }) => print_schema(sql),
        Some(Command::Check { json }) => check::check(agents, json),
        Some(Command::Init) => init::init(agents),
        Some(Command::Backup { ref file, json }) => backup::backup(&cli.paths, file, json),
        Some(Command::Completions { shell }) => shells::print_completions(shell),
        Some(Command::Man { ref folder }) => shells::print_manual(folder.as_deref()),
        Some(Command::Logs(ref arguments)) => logs::show_logs(&cli.paths, arguments),
        Some(Command::Events(ref arguments)) => events::show_events(&cli.paths, arguments),
        Some(Command::Status { json, ref names }) => at_socket(&cli, |socket| {
            control::show_status(socket, names.clone(), json)
        }),
        Some(Command::Describe(ref arguments)) => {
            at_socket(&cli, |socket| describe::describe(socket, arguments))
        }
        Some(Command::Top) => at_socket(&cli, top::show),
        Some(Command::Wait(ref arguments)) => {
            let states: Vec<_> = arguments
                .states
                .iter()
                .map(|state| (*state).into())
                .collect();
            let limit = Duration::from_secs(arguments.timeout.into());
            at_socket(&cli, |socket| {
                control::wait(socket, &arguments.names, &states, limit, arguments.json)
            })
        }
        Some(Command::Start(ref targets)) => act_on(&cli, Change::Start, targets),
        Some(Command::Stop(ref targets)) => act_on(&cli, Change::Stop, targets),
        Some(Command::Restart(ref targets)) => act_on(&cli, Change::Restart, targets),
        Some(Command::Reset(ref targets)) => act_on(&cli, Change::Reset, targets),
        Some(Command::Scale {
            ref agent,
            instances,
            ref waiting,
        }) => at_socket(&cli, |socket| {
            control::scale(socket, agent.clone(), instances, waiting.wait_ms())
        }),
        Some(Command::Signal {
            ref signal,
            ref names,
        }) => ask_for(&cli, Change::Signal(signal.clone()), names, Some(0)),
        Some(Command::Reload { dry_run, json }) => {
            at_socket(&cli, |socket| control::reload(socket, dry_run, json))
        }
        Some(Command::Upgrade { ref binary }) => upgrade(&cli, binary.as_deref()),
        Some(Command::CheckHandover) => match check_document(agents) {
            Ok(()) => Exit::Success,
            Err(error) => complain(&chain(&error), Exit::Internal),
        },
        Some(Command::Shutdown(ref waiting)) => {
            ask_for(&cli, Change::Shutdown, &[], waiting.wait_ms())
        }
        None if is_taking_over() => go_on(&cli),
        None => match load(agents) {
            Ok(config) => {
                run_coordinator(&cli, &config, None).unwrap_or_else(|failure| failure.tell())
            }
            Err(errors) => complain(
                &format!("{errors}; nothing was started"),
                Exit::Configuration,
            ),
        },
    }
}

/// Runs on in place of the program that called for this one.
fn go_on(cli: &Cli) -> Exit {
    let taken = take_over().and_then(|takeover| {
        let mut config = parse(&takeover.agents_toml, cli.paths.agents())?;
        for (agent, instances) in &takeover.scaled {
            config
                .scale(agent, *instances)
                .map_err(anyhow::Error::msg)?;
        }
        Ok((config, takeover))
    });
    match taken {
        Ok((config, takeover)) => {
            run_coordinator(cli, &config, Some(takeover)).unwrap_or_else(|failure| failure.tell())
        }
        Err(error) => complain(&chain(&error), Exit::Internal),
    }
}

/// The path as the running coordinator can use it, whose working directory may be another.
fn upgrade(cli: &Cli, binary: Option<&Path>) -> Exit {
    match binary.map(std::path::absolute).transpose() {
        Ok(binary) => at_socket(cli, |socket| control::upgrade(socket, binary)),
        Err(error) => complain(
            &format!("failed to find the new program: {error}"),
            Exit::Internal,
        ),
    }
}

fn act_on(cli: &Cli, change: Change, targets: &Targets) -> Exit {
    ask_for(cli, change, &targets.names, targets.waiting.wait_ms())
}

fn ask_for(cli: &Cli, change: Change, names: &[String], wait_ms: Option<u64>) -> Exit {
    let names = names.to_vec();
    at_socket(cli, |socket| {
        control::act(
            socket,
            Action {
                change,
                names,
                wait_ms,
            },
        )
    })
}

/// The socket as a coordinator that runs with the same arguments has it.
fn at_socket(cli: &Cli, talk: impl FnOnce(&Path) -> Exit) -> Exit {
    match find_settings(&cli.paths) {
        Ok(settings) => talk(&settings.socket),
        Err(exit) => exit,
    }
}

/// The paths as a coordinator that runs with the same arguments has them; what is wrong has been told.
pub(crate) fn find_settings(paths: &Paths) -> Result<Settings, Exit> {
    // The file may name some of them; a broken one must not hide what is there.
    let config = load(paths.agents()).ok();
    let config = config.as_ref().map(|config| &config.coordinator);
    Settings::resolve(paths.overrides(), config).map_err(|error| {
        let text = format!("failed to find the working directory: {error}");
        complain(&text, Exit::Internal)
    })
}

fn print_schema(sql: bool) -> Exit {
    let text = match sql {
        true => schema_sql(),
        false => serde_json::to_string_pretty(&json_schema()).expect("a schema is JSON") + "\n",
    };
    // A reader that closes the pipe early has seen what it wanted.
    let _ = io::stdout().write_all(text.as_bytes());
    Exit::Success
}

/// `failed to A: because of B: because of C`
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::from("failed to ");
    for (place, cause) in error.chain().enumerate() {
        if place > 0 {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
    }
    text
}

pub(crate) fn complain(text: &str, exit: Exit) -> Exit {
    let _ = writeln!(io::stderr(), "{text}");
    exit
}
