//! `puppet`: the agent that misbehaves on request. Performs the actions of its command line one after the other.
//! It decides nothing by itself; `puppet --help` lists the actions.

mod action;
mod family;
mod input;
mod output;
mod perform;
mod report;
mod squat;
mod starve;

use std::process::ExitCode;

use clap::Parser;

use action::Action;
use perform::Puppet;

/// Performs actions one after the other, then exits with code 0.
#[derive(Parser)]
#[command(after_help = action::HELP)]
struct Options {
    /// What to do, in this order.
    #[arg(value_name = "ACTION", allow_hyphen_values = true)]
    actions: Vec<Action>,
}

fn main() -> ExitCode {
    // Before anything else can change it: how this process was started.
    let start = report::Start::read();
    let options = Options::parse();
    match Puppet::new(start).perform_all(&options.actions) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("puppet failed to {error:#}");
            ExitCode::from(70)
        }
    }
}
