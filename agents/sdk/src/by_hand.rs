//! Lets an agent that runs alone be given what a coordinator would give it, from where its settings say, such as a file.
//! It reads no file: the agent does.

use std::ffi::OsString;

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, FromArgMatches as _};
use serde_json::{Map, Value};
use tracing::warn;

use crate::Agent;
use crate::options::command;
use crate::settings::with_config;

/// What a coordinator would give to an agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// The agent's `config` table.
    pub config: Map<String, Value>,
    /// The arguments with which it would be started.
    pub arguments: Vec<String>,
    /// Where all this stands, for messages: `agents.toml: agents.mail`.
    pub source: String,
}

/// The settings of the command line `own` over those that they name; `early` are the former alone.
pub(crate) fn over_given<A: Agent>(
    early: ArgMatches,
    own: impl IntoIterator<Item = OsString>,
) -> Result<ArgMatches, clap::Error> {
    let settings = A::Settings::from_arg_matches(&early)?;
    let given = match A::given_by_hand(&settings) {
        Ok(Some(given)) => given,
        Ok(None) => return Ok(early),
        Err(message) => return Err(command::<A>().error(ErrorKind::ValueValidation, message)),
    };
    let (command, unknown) = with_config(command::<A>(), &Value::Object(given.config.clone()));
    for key in unknown {
        warn!(
            "{}.config.{key} is none of the settings; see --help",
            given.source
        );
    }
    let mut own = own.into_iter();
    let program = own.next();
    let given_arguments = given.arguments.iter().map(OsString::from);
    let all = program.into_iter().chain(given_arguments).chain(own);
    // A flag by hand replaces the one that the file gives.
    let command = command.args_override_self(true);
    command
        .try_get_matches_from(all)
        .map_err(|error| name_key::<A>(&given, &error))
}

/// The command line alone was right, so it is what was given that is wrong: the key is named, not the flag.
fn name_key<A: Agent>(given: &Given, error: &clap::Error) -> clap::Error {
    let flag = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    let flag = flag.as_deref().and_then(|flag| flag.strip_prefix("--"));
    let key = flag.and_then(|flag| flag.split([' ', '=']).next());
    let key = key.map(|key| key.replace('-', "_"));
    let is_of_config = |key: &String| {
        let names = given.config.keys().map(|name| name.replace('-', "_"));
        let mut of_key = names.filter(|name| key.starts_with(name.as_str()));
        of_key.next().is_some()
    };
    let place = match key.filter(is_of_config) {
        Some(key) => format!("config.{key}"),
        None => "command".to_owned(),
    };
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let reason = text.split("\n\n").next().unwrap_or_default();
    let message = format!("{}.{place}: {reason}", given.source);
    command::<A>().error(error.kind(), message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{AgentError, Beat, Context};

    struct Mailer;

    #[derive(clap::Args)]
    struct Settings {
        #[arg(long)]
        file: Option<String>,
        #[arg(long, default_value_t = 5)]
        page_size: u32,
        #[arg(long, default_value_t = 1)]
        depth: u32,
    }

    impl Agent for Mailer {
        const NAME: &str = "mailer";
        type Settings = Settings;

        fn given_by_hand(settings: &Settings) -> Result<Option<Given>, String> {
            let config = match settings.file.as_deref() {
                None => return Ok(None),
                Some("good") => json!({"page_size": 7, "surprise": 1}),
                Some("bad") => json!({"page_size": "many"}),
                Some(other) => return Err(format!("{other} cannot be read")),
            };
            Ok(Some(Given {
                config: config.as_object().cloned().unwrap_or_default(),
                arguments: vec!["--depth=2".to_owned()],
                source: "agents.toml: agents.mailer".to_owned(),
            }))
        }

        async fn start(_: Settings, _: &Context) -> Result<Self, AgentError> {
            Ok(Mailer)
        }

        async fn cycle(&mut self, _: &Context) -> Result<Beat, AgentError> {
            Ok(Beat::ok(""))
        }

        fn interval(&self) -> Duration {
            Duration::from_secs(1)
        }
    }

    fn parse(flags: &[&str]) -> Result<(u32, u32), clap::Error> {
        let own = || ["mailer"].iter().chain(flags).map(OsString::from);
        let early = command::<Mailer>().try_get_matches_from(own())?;
        let matches = over_given::<Mailer>(early, own())?;
        let settings = Settings::from_arg_matches(&matches)?;
        Ok((settings.page_size, settings.depth))
    }

    #[test]
    fn what_is_given_stands_below_the_flags() {
        assert_eq!(parse(&[]).unwrap(), (5, 1));
        assert_eq!(parse(&["--file=good"]).unwrap(), (7, 2));
        let flags = ["--file=good", "--page-size=9", "--depth=3"];
        assert_eq!(parse(&flags).unwrap(), (9, 3));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_key() {
        let message = |flag: &str| parse(&[flag]).unwrap_err().to_string();
        let bad = message("--file=bad");
        let place = "agents.toml: agents.mailer.config.page_size: invalid value 'many'";
        assert!(bad.contains(place), "{bad}");
        assert!(message("--file=none").contains("none cannot be read"));
    }
}
