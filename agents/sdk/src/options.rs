//! The command line of every agent: the crate's own flags and the agent's settings. It does not run anything.

use clap::{Arg, ArgAction, ArgMatches, Args, Command};

use crate::Agent;

const JSON: &str = "sdk-json";
const ONCE: &str = "sdk-once";

const HELP: &str = "\
Each setting comes from its flag, else its environment variable, else `.env` in the working directory, \
else the key of the same name (with `_` for `-`) in the agent's `config` table in agents.toml, else its default.

RUST_LOG sets the level of the log on stderr, such as `debug` or `warn`; default `info`.

Exit codes: 0 stopped as asked, or --once ended ok; 1 failed; 2 a setting is wrong; \
3 --once ended degraded or with an error; 4 nobody reads stdout; \
5 no coordinator spoke on stdin although AGENT_NAME is set.";

/// What the crate's own flags ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) json: bool,
    pub(crate) once: bool,
}

impl Options {
    pub(crate) fn of(matches: &ArgMatches) -> Options {
        Options {
            json: matches.get_flag(JSON),
            once: matches.get_flag(ONCE),
        }
    }
}

/// The command of an agent, without the coordinator's `config`.
pub(crate) fn command<A: Agent>() -> Command {
    let command = Command::new(A::NAME)
        .about(A::ABOUT)
        .after_help(HELP)
        .arg(
            Arg::new(JSON)
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print the wire (one JSON message a line) also on a terminal"),
        )
        .arg(
            Arg::new(ONCE)
                .long("once")
                .action(ArgAction::SetTrue)
                .help("Do one round of work and exit with a code that tells success"),
        )
        .next_help_heading("Settings");
    let command = if A::VERSION.is_empty() {
        command
    } else {
        command.version(A::VERSION)
    };
    // A key in the environment must not end up in a help text that somebody pastes.
    // The doc comment of the settings would else stand where the program's purpose belongs.
    let command = A::Settings::augment_args(command)
        .about(A::ABOUT)
        .long_about(None);
    command.mut_args(|arg| arg.hide_env_values(true))
}
