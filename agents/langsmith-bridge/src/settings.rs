//! Responsible for what a user can set: flags, environment, the coordinator's `config` table, defaults; in this order.
//! It does not act on any of it. The API key is no setting: it comes from the environment alone.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::endpoint::DEFAULT_ENDPOINT;
use crate::environment::Environment;
use crate::plan::Policy;

/// Flags and, under the same names with underscores, keys of the agent's `config` table.
///
/// LangSmith's own variables are honoured: LANGSMITH_API_KEY, LANGSMITH_ENDPOINT, LANGSMITH_PROJECT,
/// LANGSMITH_WORKSPACE_ID, and the same names with LANGCHAIN_.
#[derive(clap::Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Name of the project to read [env: LANGSMITH_PROJECT or LANGCHAIN_PROJECT] [default: default]
    #[arg(long)]
    project: Option<String>,
    /// Base URL of the API [env: LANGSMITH_ENDPOINT or LANGCHAIN_ENDPOINT] [default: https://api.smith.langchain.com]
    #[arg(long)]
    endpoint: Option<String>,
    /// Workspace id, needed with a key of a whole organisation [env: LANGSMITH_WORKSPACE_ID]
    #[arg(long)]
    workspace_id: Option<String>,
    /// How far back the first start reads, such as 7d [default: 24h]
    #[arg(long)]
    since: Option<String>,
    /// Time between looks for new runs [default: 30s]
    #[arg(long)]
    poll_interval: Option<String>,
    /// How much is read again each time, for runs that arrive late [default: 15m]
    #[arg(long)]
    overlap: Option<String>,
    /// How old a run has to be to be looked for [default: 10s]
    #[arg(long)]
    safety_lag: Option<String>,
    /// How long after a run's end its tokens and costs may still come [default: 10m]
    #[arg(long)]
    settle: Option<String>,
    /// How long a run that does not end is asked about [default: 24h]
    #[arg(long)]
    abandon_after: Option<String>,
    /// Longest wait for one answer [default: 60s]
    #[arg(long)]
    request_timeout: Option<String>,
    /// Runs in one answer, 1 to 1000 [default: 500]
    #[arg(long)]
    page_size: Option<u32>,
    /// Requests in 10 seconds, 1 to 300 [default: 10]
    #[arg(long)]
    requests_per_10s: Option<u32>,
}

/// Settings that have been understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Configuration {
    pub(crate) project: String,
    pub(crate) endpoint: String,
    pub(crate) workspace_id: Option<String>,
    pub(crate) policy: Policy,
    pub(crate) request_timeout: Duration,
    pub(crate) page_size: u32,
    pub(crate) requests_per_10s: u32,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The coordinator's `config` table does not fit.
    #[error("`config` of the agent in agents.toml: {0}")]
    Config(String),
    /// A time has another form or lies outside its bounds.
    #[error("`{name}` is `{found}`, expected a time such as 30s, 15m or 24h, from {least} to {most}")]
    Time { name: &'static str, found: String, least: &'static str, most: &'static str },
    /// A number lies outside its bounds.
    #[error("`{name}` is {found}, expected {least} to {most}")]
    Number { name: &'static str, found: u32, least: u32, most: u32 },
}

impl Settings {
    /// Reads the coordinator's `config` table, which is null where there is none.
    pub(crate) fn from_config(config: &Value) -> Result<Self, SettingsError> {
        if config.is_null() {
            return Ok(Self::default());
        }
        Self::deserialize(config).map_err(|error| SettingsError::Config(error.to_string()))
    }

    /// What holds, of flags (`self`), environment, and `config`.
    pub(crate) fn resolve(self, environment: &Environment, config: Self) -> Result<Configuration, SettingsError> {
        let time = |name, flag: Option<String>, config: Option<String>, default: &str, bounds| {
            read_time(name, flag.or(config).unwrap_or_else(|| default.to_owned()), bounds)
        };
        let text = |flag: Option<String>, environment: &Option<String>, config: Option<String>| {
            flag.or_else(|| environment.clone()).or(config).filter(|text| !text.trim().is_empty())
        };
        let policy = Policy {
            since: time("since", self.since, config.since, "24h", ("1s", "400d"))?,
            overlap: time("overlap", self.overlap, config.overlap, "15m", ("0s", "24h"))?,
            safety_lag: time("safety_lag", self.safety_lag, config.safety_lag, "10s", ("0s", "1h"))?,
            settle: time("settle", self.settle, config.settle, "10m", ("0s", "24h"))?,
            abandon_after: time("abandon_after", self.abandon_after, config.abandon_after, "24h", ("1s", "400d"))?,
            poll_interval: time("poll_interval", self.poll_interval, config.poll_interval, "30s", ("100ms", "24h"))?,
        };
        Ok(Configuration {
            project: text(self.project, &environment.project, config.project).unwrap_or_else(|| "default".into()),
            endpoint: text(self.endpoint, &environment.endpoint, config.endpoint).unwrap_or_else(|| DEFAULT_ENDPOINT.into()),
            workspace_id: text(self.workspace_id, &environment.workspace_id, config.workspace_id),
            policy,
            request_timeout: time("request_timeout", self.request_timeout, config.request_timeout, "60s", ("100ms", "10m"))?,
            page_size: number("page_size", self.page_size.or(config.page_size).unwrap_or(500), 1000)?,
            requests_per_10s: number("requests_per_10s", self.requests_per_10s.or(config.requests_per_10s).unwrap_or(10), 300)?,
        })
    }
}

fn number(name: &'static str, found: u32, most: u32) -> Result<u32, SettingsError> {
    if (1..=most).contains(&found) { Ok(found) } else { Err(SettingsError::Number { name, found, least: 1, most }) }
}

fn read_time(name: &'static str, found: String, (least, most): (&'static str, &'static str)) -> Result<Duration, SettingsError> {
    let bound = |text| parse_duration(text).expect("the bounds above are well formed");
    match parse_duration(&found) {
        Some(duration) if (bound(least)..=bound(most)).contains(&duration) => Ok(duration),
        _ => Err(SettingsError::Time { name, found, least, most }),
    }
}

/// A whole number and one of the units ms, s, m, h, d.
fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(unit_ms)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(flags: Settings, environment: &Environment, config: Value) -> Configuration {
        flags.resolve(environment, Settings::from_config(&config).unwrap()).unwrap()
    }

    #[test]
    fn without_any_setting_the_defaults_hold() {
        let found = resolve(Settings::default(), &Environment::default(), Value::Null);
        assert_eq!((found.project.as_str(), found.endpoint.as_str()), ("default", DEFAULT_ENDPOINT));
        assert_eq!(found.policy.since, Duration::from_secs(24 * 3600));
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_config() {
        let environment = Environment { project: Some("environment".into()), ..Environment::default() };
        let config = json!({"project": "config", "since": "7d", "endpoint": "http://config"});
        let flags = Settings { project: Some("flag".into()), ..Settings::default() };
        let found = resolve(flags, &environment, config.clone());
        assert_eq!((found.project.as_str(), found.endpoint.as_str()), ("flag", "http://config"));
        assert_eq!(found.policy.since, Duration::from_secs(7 * 24 * 3600));
        assert_eq!(resolve(Settings::default(), &environment, config).project, "environment");
    }

    #[test]
    fn what_cannot_be_used_is_said_with_its_name() {
        let message = |config: Value| {
            let config = Settings::from_config(&config);
            let resolved = config.and_then(|config| Settings::default().resolve(&Environment::default(), config));
            resolved.unwrap_err().to_string()
        };
        assert!(message(json!({"overlap": "15"})).contains("`overlap` is `15`"));
        assert!(message(json!({"since": "401d"})).contains("from 1s to 400d"));
        assert!(message(json!({"page_size": 1001})).contains("expected 1 to 1000"));
        assert!(message(json!({"projekt": "x"})).contains("projekt"));
        assert!(message(json!({"api_key": "x"})).contains("api_key"), "a key in a file that is shown is refused");
    }

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration(" 2d "), Some(Duration::from_secs(172_800)));
        for text in ["", "5", "m", "1.5h", "-1s", "99999999999999999999s", "9999999999999999d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
