//! Responsible for what a user can set: flags, environment, the coordinator's `config` table, defaults; in this order.
//! It does not act on any of it. The API key is no setting: it comes from the environment alone.

use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use langsmith_values::parse_us;

use crate::client::{Timeouts, now_ms};
use crate::endpoint::DEFAULT_ENDPOINT;
use crate::environment::Environment;
use crate::plan::Policy;
use crate::request_class::RateLimits;
use crate::selection::{Choice, Selection};

/// The bridge's settings as given, before LangSmith's own variables have their say.
#[derive(Clone, Debug)]
pub struct Settings {
    given: Given,
    /// Settings whose value stands on the command line. What comes from the coordinator's `config` table looks the same to the
    /// parser but for its source, and has to give way to the variables.
    flags: Vec<&'static str>,
}

/// Settings that LangSmith's own variables give too.
const ALSO_IN_ENVIRONMENT: [&str; 4] = ["project", "projects", "endpoint", "workspace_id"];

#[derive(Args, Clone, Debug)]
struct Given {
    /// Check key, region, workspace, projects and version of the API, say what was found, and exit: 0 everything works, 1 something does not, 2 a setting is missing or wrong
    #[arg(long, help_heading = "Instead of work")]
    check: bool,
    /// Name of a project to read, may be given several times [env: LANGSMITH_PROJECT or LANGCHAIN_PROJECT] [default: default]
    #[arg(long)]
    project: Vec<String>,
    /// Names of projects to read, separated by commas; a name that holds a comma needs `--project`
    #[arg(long)]
    projects: Vec<String>,
    /// Base URL of the API.
    #[arg(long, help = format!("Base URL of the API [env: LANGSMITH_ENDPOINT or LANGCHAIN_ENDPOINT] [default: {DEFAULT_ENDPOINT}]"))]
    endpoint: Option<String>,
    /// Workspace id, needed with a key of a whole organisation [env: LANGSMITH_WORKSPACE_ID or LANGCHAIN_WORKSPACE_ID]
    #[arg(long)]
    workspace_id: Option<String>,
    /// Read and count, but store nothing and keep no place
    #[arg(long)]
    dry_run: bool,
    /// How far back the first start reads: a time such as 7d, or a date such as 2026-01-31
    #[arg(long, default_value = "14d", value_parser = read_since)]
    since: Duration,
    /// Time between looks for new runs
    #[arg(long, default_value = "30s", value_parser = |text: &str| read_time(text, "100ms", "24h"))]
    poll_interval: Duration,
    /// How much is read again each time, for runs that arrive late
    #[arg(long, default_value = "15m", value_parser = |text: &str| read_time(text, "0s", "24h"))]
    overlap: Duration,
    /// How old a run has to be to be looked for
    #[arg(long, default_value = "10s", value_parser = |text: &str| read_time(text, "0s", "1h"))]
    safety_lag: Duration,
    /// How long after a run's end its tokens and costs may still come
    #[arg(long, default_value = "10m", value_parser = |text: &str| read_time(text, "0s", "24h"))]
    settle: Duration,
    /// How long after its start a run that does not end is asked about
    #[arg(long, default_value = "24h", value_parser = |text: &str| read_time(text, "1s", "400d"))]
    abandon_after: Duration,
    /// Time between looks for runs that ended and that nothing else reads again
    #[arg(long, default_value = "5m", value_parser = |text: &str| read_time(text, "100ms", "24h"))]
    ended_interval: Duration,
    /// Time between looks for feedback that changed
    #[arg(long, default_value = "1h", value_parser = |text: &str| read_time(text, "100ms", "7d"))]
    feedback_interval: Duration,
    /// How long after its end a day is read once more and compared with the server's count
    #[arg(long, default_value = "6h", value_parser = |text: &str| read_time(text, "0s", "7d"))]
    day_check_after: Duration,
    /// Longest wait for a connection
    #[arg(long, default_value = "10s", value_parser = |text: &str| read_time(text, "100ms", "2m"))]
    connect_timeout: Duration,
    /// Longest wait for one whole answer
    #[arg(long, default_value = "60s", value_parser = |text: &str| read_time(text, "100ms", "10m"))]
    request_timeout: Duration,
    /// Runs in one answer
    #[arg(long, default_value = "500", value_parser = clap::value_parser!(u32).range(1..=1000))]
    page_size: u32,
    /// Queries of runs in 10 seconds; LangSmith allows 300 in version 2 where it has its newer store, else 10
    #[arg(long, default_value = "10", value_parser = per_10s())]
    requests_per_10s: u32,
    /// Queries of runs in 10 seconds by version 1 with a window of at most 7 days
    #[arg(long, default_value = "10", value_parser = per_10s())]
    runs_v1_per_10s: u32,
    /// The same with a longer window
    #[arg(long, default_value = "3", value_parser = per_10s())]
    runs_v1_long_per_10s: u32,
    /// The same without a start time
    #[arg(long, default_value = "3", value_parser = per_10s())]
    runs_v1_unbounded_per_10s: u32,
    /// Queries of statistics in 10 seconds; LangSmith allows 1 in its US region, 20 in the EU
    #[arg(long, default_value = "1", value_parser = per_10s())]
    stats_per_10s: u32,
    /// Look-ups of projects in 10 seconds
    #[arg(long, default_value = "30", value_parser = per_10s())]
    sessions_per_10s: u32,
    /// Requests of any other kind in 10 seconds
    #[arg(long, default_value = "30", value_parser = per_10s())]
    others_per_10s: u32,
    /// Which version of the API is used: v2 where the server has it, or always this one
    #[arg(long, value_enum, default_value_t = Api::Auto)]
    api: Api,
    /// Fields of a run to read: `NAME` instead of the usual ones, `+NAME` besides, `-NAME` not
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, value_parser = Choice::parse)]
    selects: Vec<Choice>,
    /// Read and store the inputs of runs, which hold what users of the traced program wrote
    #[arg(long)]
    inputs: bool,
    /// Read and store the outputs of runs
    #[arg(long)]
    outputs: bool,
    /// Read and store the events of runs
    #[arg(long)]
    events: bool,
    /// Read and store what programs put into `extra` besides metadata
    #[arg(long)]
    extra: bool,
    /// Largest content (inputs, outputs, ...) of a run that is kept, in bytes of JSON; a larger one is left out and counted
    #[arg(long, default_value = "16384", value_parser = clap::value_parser!(u32).range(0..=131_072))]
    content_bytes_max: u32,
}

/// Which version of the API is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Api {
    /// Version 2; version 1 where the server has only that.
    Auto,
    /// Version 2 and nothing else.
    V2,
    /// Version 1, which is removed in January 2027.
    V1,
}

/// Settings that hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Configuration {
    /// Names of the projects to read, each once, at least one.
    pub(crate) projects: Vec<String>,
    pub(crate) endpoint: String,
    pub(crate) workspace_id: Option<String>,
    pub(crate) policy: Policy,
    pub(crate) timeouts: Timeouts,
    pub(crate) page_size: u32,
    pub(crate) limits: RateLimits,
    /// Nothing is stored.
    pub(crate) is_dry_run: bool,
    pub(crate) api: Api,
    pub(crate) selection: Selection,
    /// Largest content of a run that is kept, as JSON.
    pub(crate) content_bytes_max: usize,
}

impl Settings {
    /// Whether a check is asked for instead of work.
    pub(crate) fn is_check(&self) -> bool {
        self.given.check
    }

    /// What holds, together with the environment.
    pub(crate) fn resolve(self, environment: &Environment) -> Configuration {
        let Self { given, flags } = self;
        let switches = [
            (given.inputs, "INPUTS"),
            (given.outputs, "OUTPUTS"),
            (given.events, "EVENTS"),
            (given.extra, "EXTRA"),
        ];
        let switched_on = switches.into_iter().filter(|(is_on, _)| *is_on);
        let switched_on: Vec<&str> = switched_on.map(|(_, name)| name).collect();
        let selection = Selection::resolve(&given.selects, &switched_on);
        let text = |name, given: Option<String>, environment: &Option<String>| {
            let given = given.filter(|text| !text.trim().is_empty());
            let first = given.clone().filter(|_| flags.contains(&name));
            first.or_else(|| environment.clone()).or(given)
        };
        let projects = resolve_projects(given.project, given.projects, &flags, environment);
        let endpoint = text("endpoint", given.endpoint, &environment.endpoint);
        let workspace_id = text(
            "workspace_id",
            given.workspace_id,
            &environment.workspace_id,
        );
        Configuration {
            projects,
            endpoint: endpoint
                .or_else(|| environment.profile.endpoint.clone())
                .unwrap_or_else(|| DEFAULT_ENDPOINT.into()),
            workspace_id: workspace_id.or_else(|| environment.profile.workspace_id.clone()),
            policy: Policy {
                since: given.since,
                overlap: given.overlap,
                safety_lag: given.safety_lag,
                settle: given.settle,
                abandon_after: given.abandon_after,
                poll_interval: given.poll_interval,
                ended_interval: given.ended_interval,
                feedback_interval: given.feedback_interval,
                day_check_after: given.day_check_after,
            },
            timeouts: Timeouts {
                connect: given.connect_timeout,
                request: given.request_timeout,
            },
            page_size: given.page_size,
            limits: RateLimits {
                runs_v2: given.requests_per_10s,
                runs_v1: given.runs_v1_per_10s,
                runs_v1_long: given.runs_v1_long_per_10s,
                runs_v1_unbounded: given.runs_v1_unbounded_per_10s,
                stats: given.stats_per_10s,
                sessions: given.sessions_per_10s,
                others: given.others_per_10s,
            },
            is_dry_run: given.dry_run,
            api: given.api,
            selection,
            content_bytes_max: given.content_bytes_max as usize,
        }
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_flag = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
        let flags = ALSO_IN_ENVIRONMENT.into_iter().filter(is_flag).collect();
        Ok(Self {
            given: Given::from_arg_matches(matches)?,
            flags,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        Given::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Given::augment_args_for_update(command)
    }
}

/// The projects to read. The two settings count as one: what stands on the command line in either wins over the
/// environment, which names one project, and that over the `config` table.
fn resolve_projects(
    one_by_one: Vec<String>,
    listed: Vec<String>,
    flags: &[&'static str],
    environment: &Environment,
) -> Vec<String> {
    // A list in the `config` table has its elements apart already, so a comma in one is part of the name.
    let listed = if flags.contains(&"projects") {
        listed
            .iter()
            .flat_map(|names| names.split(','))
            .map(str::to_owned)
            .collect()
    } else {
        listed
    };
    let both = [("project", one_by_one), ("projects", listed)];
    let (by_flag, by_config): (Vec<_>, Vec<_>) =
        both.into_iter().partition(|(name, _)| flags.contains(name));
    let names = |given: Vec<(&str, Vec<String>)>| {
        let mut names: Vec<String> = Vec::new();
        for name in given.into_iter().flat_map(|(_, names)| names) {
            let name = name.trim();
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        (!names.is_empty()).then_some(names)
    };
    names(by_flag)
        .or_else(|| environment.project.clone().map(|name| vec![name]))
        .or_else(|| names(by_config))
        .unwrap_or_else(|| vec!["default".into()])
}

fn per_10s() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1_000)
}

/// A span, or the time from a date (UTC) to now.
fn read_since(text: &str) -> Result<Duration, String> {
    let Some(us) = parse_us(text) else {
        return read_time(text, "1s", "400d")
            .map_err(|message| format!("{message}; or a date such as 2026-01-31"));
    };
    let ago_ms = now_ms() - us.div_euclid(1_000);
    let ago = u64::try_from(ago_ms).map(Duration::from_millis);
    match ago {
        Ok(ago) if ago <= Duration::from_secs(400 * 86_400) => Ok(ago),
        _ => Err(
            "expected a date of the last 400 days, which is as long as LangSmith keeps runs".into(),
        ),
    }
}

fn read_time(text: &str, least: &str, most: &str) -> Result<Duration, String> {
    let bound = |text| parse_duration(text).expect("the bounds above are well formed");
    match parse_duration(text) {
        Some(duration) if (bound(least)..=bound(most)).contains(&duration) => Ok(duration),
        _ => Err(format!(
            "expected a time such as 30s, 15m or 24h, from {least} to {most}"
        )),
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
    Some(Duration::from_millis(
        number.parse::<u64>().ok()?.checked_mul(unit_ms)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `config` stands for the coordinator's table, which reaches the parser as defaults.
    fn parse(
        config: &[(&'static str, &'static str)],
        flags: &[&str],
    ) -> Result<Settings, clap::Error> {
        let mut command = Settings::augment_args(Command::new("bridge"));
        for (name, value) in config {
            command = command.mut_arg(*name, |arg| arg.default_value(*value));
        }
        let matches = command.try_get_matches_from(["bridge"].iter().chain(flags))?;
        Settings::from_arg_matches(&matches)
    }

    #[test]
    fn without_any_setting_the_defaults_hold() {
        let found = parse(&[], &[]).unwrap().resolve(&Environment::default());
        assert_eq!(
            (found.projects[0].as_str(), found.endpoint.as_str()),
            ("default", DEFAULT_ENDPOINT)
        );
        assert_eq!(found.policy.since, Duration::from_secs(14 * 24 * 3600));
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_config() {
        let environment = Environment {
            project: Some("environment".into()),
            ..Environment::default()
        };
        let config = [
            ("project", "config"),
            ("since", "7d"),
            ("endpoint", "http://config"),
        ];
        let found = parse(&config, &["--project=flag"])
            .unwrap()
            .resolve(&environment);
        assert_eq!(
            (found.projects[0].as_str(), found.endpoint.as_str()),
            ("flag", "http://config")
        );
        assert_eq!(found.policy.since, Duration::from_secs(7 * 24 * 3600));
        assert_eq!(
            parse(&config, &[]).unwrap().resolve(&environment).projects,
            ["environment"]
        );
        assert_eq!(
            parse(&config, &[])
                .unwrap()
                .resolve(&Environment::default())
                .projects,
            ["config"]
        );
    }

    #[test]
    fn a_profile_comes_after_the_config_and_before_the_default() {
        let mut environment = Environment::default();
        environment.profile.endpoint = Some("http://profile".into());
        let endpoint = |config: &[(&'static str, &'static str)]| {
            let settings = parse(config, &[]).unwrap();
            settings.resolve(&environment).endpoint
        };
        assert_eq!(endpoint(&[]), "http://profile");
        assert_eq!(endpoint(&[("endpoint", "http://config")]), "http://config");
    }

    #[test]
    fn several_projects_can_be_named_in_each_way() {
        let projects = |config: &[(&'static str, &'static str)], flags: &[&str]| {
            let settings = parse(config, flags).unwrap();
            settings.resolve(&Environment::default()).projects
        };
        assert_eq!(projects(&[], &["--project=a", "--project=b"]), ["a", "b"]);
        assert_eq!(projects(&[], &["--projects=a, b,,a"]), ["a", "b"]);
        assert_eq!(
            projects(&[], &["--project=a,b"]),
            ["a,b"],
            "a name may hold a comma"
        );
        assert_eq!(
            projects(&[("projects", "a,b")], &[]),
            ["a,b"],
            "one element of a list"
        );
        let config = [("project", "c"), ("projects", "d")];
        assert_eq!(projects(&config, &[]), ["c", "d"]);
        assert_eq!(projects(&config, &["--projects=e"]), ["e"]);
    }

    #[test]
    fn what_cannot_be_used_is_said_with_its_name() {
        let message = |flag: &str| parse(&[], &[flag]).unwrap_err().to_string();
        assert!(message("--overlap=15").contains("--overlap"));
        assert!(message("--since=401d").contains("from 1s to 400d"));
        assert!(message("--page-size=1001").contains("1..=1000"));
        assert!(
            message("--api-key=x").contains("--api-key"),
            "an argument can be seen by every user"
        );
    }

    #[test]
    fn since_may_be_a_date() {
        let since = |text: &str| {
            let settings = parse(&[], &[&format!("--since={text}")]).unwrap();
            settings.resolve(&Environment::default()).policy.since
        };
        let yesterday = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
        let hours = |span: Duration| span.as_secs_f64() / 3_600.0;
        assert!((hours(since(&yesterday.to_string())) - 24.0).abs() < 0.1);
        let midnight = yesterday.strftime("%Y-%m-%d").to_string();
        assert!(
            (24.0..48.1).contains(&hours(since(&midnight))),
            "{midnight}"
        );
        for wrong in ["2020-01-01", "2999-01-01"] {
            let error = parse(&[], &[&format!("--since={wrong}")]).unwrap_err();
            assert!(error.to_string().contains("the last 400 days"), "{error}");
        }
    }

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration(" 2d "), Some(Duration::from_secs(172_800)));
        for text in [
            "",
            "5",
            "m",
            "1.5h",
            "-1s",
            "99999999999999999999s",
            "9999999999999999d",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
