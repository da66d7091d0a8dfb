//! A flag (or the environment, merged by clap) wins over the file, the file over the default.

use std::path::{Path, PathBuf};

use coordinator_config::{Overrides, Settings, parse};

fn resolve(given: Overrides, text: &str) -> Settings {
    let config = parse(text, Path::new("/etc/agents/agents.toml"))
        .unwrap_or_else(|errors| panic!("{errors}"));
    Settings::resolve(given, Some(&config.coordinator)).expect("there is a working directory")
}

#[test]
fn without_anything_all_lies_in_the_working_directory() {
    let here = std::env::current_dir().expect("there is a working directory");
    let settings = resolve(Overrides::default(), "");
    assert_eq!(settings.database, here.join("shared_state.db"));
    assert_eq!(settings.socket, here.join("coordinator.sock"));
    assert_eq!(settings.log_dir, here.join("logs"));
}

#[test]
fn socket_and_logs_follow_the_database_unless_they_are_given() {
    let settings = resolve(
        Overrides::default(),
        "[coordinator]\ndatabase = \"data/x.db\"\nlog_dir = \"logs\"",
    );
    assert_eq!(settings.database, Path::new("/etc/agents/data/x.db"));
    assert_eq!(
        settings.socket,
        Path::new("/etc/agents/data/coordinator.sock")
    );
    assert_eq!(settings.log_dir, Path::new("/etc/agents/logs"));
}

#[test]
fn what_is_given_wins_over_the_file_and_an_empty_value_is_none() {
    let given = Overrides {
        database: Some(PathBuf::from("/srv/y.db")),
        socket: Some(PathBuf::from("")),
        log_dir: None,
    };
    let settings = resolve(
        given,
        "[coordinator]\ndatabase = \"x.db\"\nsocket = \"/run/c.sock\"",
    );
    assert_eq!(settings.database, Path::new("/srv/y.db"));
    assert_eq!(settings.socket, Path::new("/run/c.sock"));
    assert_eq!(settings.log_dir, Path::new("/srv/logs"));
}
