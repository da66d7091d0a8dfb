//! What an author of an agent implements. It holds no behaviour of its own.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use crate::{AgentError, Beat, Context, Given};

/// A program that does one piece of work again and again. Everything runs on one thread, so nothing need be `Send`;
/// a cycle that blocks this thread for long is a hung agent to the coordinator, and rightly so.
pub trait Agent: Sized {
    /// The program's name, as it introduces itself.
    const NAME: &'static str;
    /// One line for `--help`.
    const ABOUT: &'static str = "";
    /// The program's version; `env!("CARGO_PKG_VERSION")` is what one wants here.
    const VERSION: &'static str = "";
    /// Task kinds that the agent takes, announced to the coordinator.
    const TASK_KINDS: &'static [&'static str] = &[];

    /// The agent's own settings. Each comes from its flag, else its environment variable (or `.env`), else the key of
    /// the same name in the agent's `config` table in `agents.toml`, else its default.
    type Settings: clap::Args;

    /// What a coordinator would give it, for an agent that runs alone and whose settings say where that stands, such as in a file.
    /// Flags win over it. An error is a text for people: which file and key, what is wrong.
    fn given_by_hand(_settings: &Self::Settings) -> Result<Option<Given>, String> {
        Ok(None)
    }

    /// Does what the settings ask for instead of work, such as a check of what is configured: prints for people what it
    /// found and returns the code that the process ends with. Asked first of all, and only when the agent runs alone.
    fn answer_instead(_settings: &Self::Settings) -> impl Future<Output = Option<ExitCode>> {
        std::future::ready(None)
    }

    /// Prepares the work. An error ends the process with code 1, so what may heal by itself belongs into `cycle`.
    fn start(
        settings: Self::Settings,
        context: &Context,
    ) -> impl Future<Output = Result<Self, AgentError>>;

    /// Does one round of work. What it returns is sent as a heartbeat: nothing else shows that the agent works.
    ///
    /// An error is sent as a heartbeat with status `error` and the next round follows; [`AgentError::fatal`] ends the
    /// process. When the agent is asked to stop, the round may finish, but is dropped at an `.await` once its grace is over.
    fn cycle(&mut self, context: &Context) -> impl Future<Output = Result<Beat, AgentError>>;

    /// From the start of one round to the start of the next. Asked after each round.
    fn interval(&self) -> Duration;

    /// Puts things in order before the process ends; dropped once the grace is over.
    fn finish(&mut self, _context: &Context) -> impl Future<Output = ()> {
        std::future::ready(())
    }
}
