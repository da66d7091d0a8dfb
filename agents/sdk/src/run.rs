//! The wiring of an agent's process: settings, threads, runtime, work loop, exit code. It does no work of its own.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use agent_protocol::{AgentHello, AgentMessage, CoordinatorHello, Level, PROTOCOL_VERSION};
use clap::error::ErrorKind;
use clap::{ArgMatches, FromArgMatches};
use tokio::sync::oneshot;
use tracing::{error, warn};

use crate::by_hand::over_given;
use crate::context::Shared;
use crate::options::{Options, command};
use crate::output::Form;
use crate::settings::with_config;
use crate::stop::Why;
use crate::work_loop::{conclude, unless_over, work};
use crate::{Agent, Context, Exit, input, logging, signals};

/// A coordinator writes its hello right after the start; only a machine under heavy load needs seconds for that.
const HELLO_WITHIN: Duration = Duration::from_secs(30);

/// Runs an agent until it is asked to stop, or for one round with `--once`. The whole of an agent's `main`.
///
/// Under a coordinator (`AGENT_NAME` is set and stdin is no terminal) it speaks the wire. Alone it prints for people
/// on a terminal, and the wire with `--json` or into a pipe.
pub fn run<A: Agent>() -> ExitCode {
    // First of all, while there is only one thread: it changes the environment.
    let dot_env = dotenvy::from_path(Path::new(".env"));
    let early = command::<A>().try_get_matches();
    if let Err(request) = &early
        && matches!(
            request.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        )
    {
        let _ = request.print();
        return Exit::Success.into();
    }
    let supervised = std::env::var_os("AGENT_NAME").is_some_and(|name| !name.is_empty())
        && !io::stdin().is_terminal();
    logging::init(supervised);
    match dot_env {
        Err(failure) if !failure.not_found() => warn!("failed to read .env: {failure}"),
        _ => {}
    }
    let json = early
        .as_ref()
        .is_ok_and(|matches| Options::of(matches).json);
    let shared = Arc::new(Shared::new(Form::choose(supervised, json), supervised));
    let early = if supervised {
        early
    } else {
        early.and_then(|early| over_given::<A>(early, std::env::args_os()))
    };
    match serve::<A>(&shared, early) {
        Ok(exit) => exit,
        Err(failure) => {
            error!("failed to set up the process: {failure}");
            Exit::Failed.into()
        }
    }
}

fn serve<A: Agent>(
    shared: &Arc<Shared>,
    early: Result<ArgMatches, clap::Error>,
) -> io::Result<ExitCode> {
    signals::listen(Arc::clone(shared))?;
    let (hello_sender, hello) = oneshot::channel();
    if !io::stdin().is_terminal() {
        input::listen(Arc::clone(shared), hello_sender)?;
    }
    // One thread for all work: an agent is one of many processes, and its memory counts as often.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match answer_instead::<A>(shared, &early).await {
            Some(code) => code,
            None => live::<A>(Context(Arc::clone(shared)), early, hello)
                .await
                .into(),
        }
    });
    // What the agent has left on blocking threads must not keep the process.
    runtime.shutdown_background();
    Ok(exit)
}

/// What the settings ask for instead of work, if they do. Settings that are wrong are told where work would begin.
async fn answer_instead<A: Agent>(
    shared: &Arc<Shared>,
    early: &Result<ArgMatches, clap::Error>,
) -> Option<ExitCode> {
    let matches = early.as_ref().ok().filter(|_| !shared.supervised)?;
    let settings = A::Settings::from_arg_matches(matches).ok()?;
    tokio::select! {
        code = A::answer_instead(&settings) => code,
        _ = shared.stop.wait() => Some(Exit::Success.into()),
    }
}

async fn live<A: Agent>(
    context: Context,
    early: Result<ArgMatches, clap::Error>,
    hello: oneshot::Receiver<CoordinatorHello>,
) -> Exit {
    context.send(&AgentMessage::Hello(AgentHello {
        protocol: PROTOCOL_VERSION,
        name: A::NAME.to_owned(),
        version: A::VERSION.to_owned(),
        task_kinds: A::TASK_KINDS.iter().map(|&kind| kind.to_owned()).collect(),
    }));
    let matches = if context.is_supervised() {
        match receive(hello, &context).await {
            Ok(hello) => supervised_matches::<A>(&context, hello),
            Err(exit) => return conclude(exit, &context),
        }
    } else {
        early
    };
    let parsed = matches.and_then(|matches| {
        let options = Options::of(&matches);
        A::Settings::from_arg_matches(&matches).map(|settings| (options, settings))
    });
    let (options, settings) = match parsed {
        Ok(parsed) => parsed,
        Err(wrong) => return refuse_settings(&context, &wrong),
    };
    let agent = match unless_over(&context, A::start(settings, &context)).await {
        Some(Ok(agent)) => agent,
        Some(Err(failure)) => {
            error!("failed to start: {failure}");
            context.event(Level::Error, "start_failed", failure.to_string());
            return conclude(Exit::Failed, &context);
        }
        None => return conclude(Exit::Success, &context),
    };
    context.send(&AgentMessage::Ready);
    work(agent, options.once, &context).await
}

async fn receive(
    hello: oneshot::Receiver<CoordinatorHello>,
    context: &Context,
) -> Result<CoordinatorHello, Exit> {
    tokio::select! {
        biased;
        // Without its sender, stdin has ended; the request to stop that comes with that says so below.
        Ok(hello) = hello => return Ok(hello),
        request = context.0.stop.wait() => if request.why != Why::InputClosed {
            return Err(Exit::Success);
        },
        () = tokio::time::sleep(HELLO_WITHIN) => {}
    }
    error!(
        "AGENT_NAME is set, but no coordinator said hello on stdin; unset it to run the agent alone"
    );
    Err(Exit::NoCoordinator)
}

fn supervised_matches<A: Agent>(
    context: &Context,
    hello: CoordinatorHello,
) -> Result<ArgMatches, clap::Error> {
    let hello = context.0.hello.get_or_init(|| hello);
    let (command, unknown) = with_config(command::<A>(), &hello.config);
    for key in unknown {
        let message =
            format!("`{key}` in the agent's `config` table is none of its settings; see --help");
        warn!("{message}");
        context.event(Level::Warn, "unknown_setting", message);
    }
    command.try_get_matches()
}

fn refuse_settings(context: &Context, wrong: &clap::Error) -> Exit {
    if context.is_supervised() {
        let message = wrong.to_string();
        error!("{}", message.trim_end());
        context.event(Level::Error, "wrong_setting", message.trim_end());
    } else {
        // In the form and colours that people know from command lines.
        let _ = wrong.print();
    }
    Exit::BadSettings
}
