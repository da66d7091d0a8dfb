//! Tests of what holds where flags, environment, `config` and profile disagree.
//! Spans of time have theirs in `spans`.

use std::time::Duration;

use super::*;

/// `config` stands for the coordinator's table, which reaches the parser as defaults.
fn parse(config: &[(&'static str, &'static str)], flags: &[&str]) -> Result<Settings, clap::Error> {
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
