//! Responsible for being an agent: settings in, rounds of work, and what each heartbeat says.
//! It does not know how runs are pulled (`puller` does).

use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agent_sdk::{Agent, AgentError, Beat, Context, Given, Status};

use crate::agents_file::environment_of;
use crate::asker::Asker;
use crate::bar::Bar;
use crate::check::check;
use crate::connection::{Connection, Unset};
use crate::environment::{Environment, read_environment};
use crate::freshness::Freshness;
use crate::puller::{Pulled, Puller};
use crate::settings::{Configuration, Settings};

/// A heartbeat is due at least so often also while there is nothing to do: its figures show how old the data is.
const BEAT_EVERY: Duration = Duration::from_secs(5);

/// Under a coordinator a round ends after this even if there is more to do, so that figures are fresh in a long
/// backfill. By hand a round lasts until everything is read, which is what `--once` means.
const ROUND_MAX: Duration = Duration::from_secs(1);

/// By hand, passing troubles in a row before a round is given up; it lasts about 15 seconds.
const TRIES_BY_HAND: u32 = 5;

/// Longest wait within a round. What asks for more ends the round.
const WAIT_BY_HAND_MAX: Duration = Duration::from_secs(30);

/// What people are told as long as there is no key.
pub(crate) const KEY_MISSING: &str = "no API key: set LANGSMITH_API_KEY or LANGCHAIN_API_KEY";

/// The agent that pulls runs from LangSmith.
#[derive(Debug)]
pub struct LangSmithBridge {
    work: Work,
    round_began: Instant,
    /// Nothing is asked before.
    rest_until: Instant,
    said: Said,
    freshness: Freshness,
}

/// The last word on how the agent is.
#[derive(Clone, Debug)]
struct Said {
    status: Status,
    message: String,
}

/// Whether there is what it takes to ask LangSmith.
#[derive(Debug)]
enum Work {
    /// There is.
    Ready(Box<Puller>),
    /// A person has to set something first. The process stays: restarting it would change nothing.
    Unset(Said),
}

impl Agent for LangSmithBridge {
    const NAME: &'static str = "langsmith-bridge";
    const ABOUT: &'static str = "Pulls runs from LangSmith. The API key comes from LANGSMITH_API_KEY or LANGCHAIN_API_KEY, never from a flag";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type Settings = Settings;

    fn given_by_hand(settings: &Settings) -> Result<Option<Given>, String> {
        settings.given_by_hand()
    }

    async fn answer_instead(settings: &Settings) -> Option<ExitCode> {
        if !settings.is_check() {
            return None;
        }
        let environment = environment_by_hand(settings);
        let configuration = settings.clone().resolve(&environment);
        let agent = settings.agent_by_hand().ok().flatten();
        let source = agent.map(|(_, source)| source);
        Some(check(environment, configuration, source).await)
    }

    async fn start(settings: Settings, context: &Context) -> Result<Self, AgentError> {
        let environment = if context.is_supervised() {
            environment_of_this_process()
        } else {
            environment_by_hand(&settings)
        };
        let configuration = settings.resolve(&environment);
        let work = prepare(environment, configuration, Bar::for_person(context));
        let now = Instant::now();
        let said = Said {
            status: Status::Ok,
            message: "started".into(),
        };
        Ok(Self {
            work,
            round_began: now,
            rest_until: now,
            said,
            freshness: Freshness::default(),
        })
    }

    async fn cycle(&mut self, context: &Context) -> Result<Beat, AgentError> {
        self.round_began = Instant::now();
        let Work::Ready(puller) = &mut self.work else {
            return Ok(self.beat());
        };
        if self.rest_until > self.round_began {
            return Ok(self.beat());
        }
        let is_supervised = context.is_supervised();
        let until = is_supervised.then(|| self.round_began + ROUND_MAX);
        for tries in 1.. {
            let Pulled {
                rest,
                waits_for_trouble,
            } = puller.work(context, until).await;
            let (status, message) = puller.describe();
            self.said = Said { status, message };
            self.rest_until = Instant::now() + rest;
            if !puller.configuration.is_dry_run {
                let (places, asker) = (puller.places(), &puller.asker);
                self.freshness.tell(context, places, asker).await;
            }
            let is_worth_a_wait =
                waits_for_trouble && tries < TRIES_BY_HAND && rest < WAIT_BY_HAND_MAX;
            if is_supervised || !is_worth_a_wait || context.is_stopping() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = context.stopping() => break,
            }
        }
        Ok(self.beat())
    }

    fn interval(&self) -> Duration {
        let rest = self.rest_until.saturating_duration_since(self.round_began);
        match self.work {
            Work::Ready(_) => rest.min(self.round_began.elapsed() + BEAT_EVERY),
            Work::Unset(_) => BEAT_EVERY,
        }
    }
}

fn environment_of_this_process() -> Environment {
    read_environment(
        |name| std::env::var(name).ok(),
        |path| std::fs::read_to_string(path).ok(),
    )
}

/// The environment that the agent of a file would have, where one is named.
fn environment_by_hand(settings: &Settings) -> Environment {
    let Ok(Some((agent, _))) = settings.agent_by_hand() else {
        return environment_of_this_process();
    };
    let variables = environment_of(agent, std::env::vars_os());
    let lookup = |name: &str| variables.get(OsStr::new(name))?.to_str().map(str::to_owned);
    read_environment(lookup, |path| std::fs::read_to_string(path).ok())
}

impl LangSmithBridge {
    fn beat(&self) -> Beat {
        match &self.work {
            Work::Unset(said) => Beat::new(said.status, said.message.clone()),
            Work::Ready(puller) => {
                let mut beat = Beat::new(self.said.status, self.said.message.clone());
                beat.metrics = puller.metrics();
                beat
            }
        }
    }
}

fn prepare(environment: Environment, configuration: Configuration, bar: Option<Bar>) -> Work {
    match Connection::new(environment, &configuration) {
        Ok(Connection {
            client,
            key_variable,
        }) => {
            let asker = Asker::new(client, key_variable, &configuration.limits);
            Work::Ready(Box::new(Puller::new(asker, configuration, bar)))
        }
        Err(Unset::Missing(why)) => Work::Unset(Said {
            status: Status::Degraded,
            message: format!("{KEY_MISSING}, then restart this agent{why}"),
        }),
        Err(Unset::Wrong(message)) => Work::Unset(Said {
            status: Status::Error,
            message,
        }),
    }
}
