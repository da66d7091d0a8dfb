//! What the coordinator gets: the file over `[defaults]` over the built-in defaults, paths from the file's folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use coordinator_config::{
    Condition, Config, LogFormat, Protocol, Resource, ResourceLimit, Restart, Signal, Synchronous,
    UNLIMITED, load, parse,
};

fn parsed(text: &str) -> Config {
    parse(text, Path::new("/etc/agents/agents.toml")).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn an_empty_file_is_a_coordinator_without_agents() {
    let config = parsed("");
    assert!(config.agents.is_empty());
    assert_eq!(config.coordinator.database, None);
    assert_eq!(config.coordinator.log_format, LogFormat::Auto);
    assert_eq!(config.coordinator.synchronous, Synchronous::Normal);
    assert_eq!(
        config.coordinator.retention.minutes,
        Duration::from_secs(14 * 86_400)
    );
    assert_eq!(config.coordinator.retention.database_bytes_max, 8 << 30);
}

#[test]
fn a_command_is_enough() {
    let config = parsed("[agents.worker]\ncommand = [\"worker\", \"a b\"]");
    let agent = &config.agents[0];
    assert_eq!(agent.command, ["worker", "a b"]);
    assert_eq!(agent.directory, Path::new("/etc/agents"));
    assert_eq!(
        (agent.protocol, agent.restart),
        (Protocol::Json, Restart::Always)
    );
    assert_eq!(agent.heartbeat_timeout, Some(Duration::from_secs(30)));
    assert_eq!(agent.fatal_retry, Some(Duration::from_secs(300)));
    assert_eq!(
        (agent.watchdog_signal, agent.stop_signal),
        (Signal::Abrt, Signal::Term)
    );
    assert_eq!(
        (
            agent.line_bytes_max,
            agent.log_bytes_max,
            agent.log_files_max
        ),
        (262_144, 10 << 20, 5)
    );
    assert_eq!(agent.instance_names(), ["worker"]);
}

#[test]
fn the_agent_wins_over_the_defaults_and_the_variables_of_both_are_there() {
    let config = parsed(
        r#"
        [defaults]
        stop_timeout = "1m30s"
        log_bytes_max = "1MiB"
        env = { SHARED = "defaults", LEVEL = "info" }
        pass_env = ["APP_*"]

        [agents.one]
        command = "one --flag 'two words'"
        stop_timeout = "5s"
        fatal_retry = "never"
        instances = 3
        pass_env = ["EXTRA"]
        env.LEVEL = "debug"
        config = { interval = 5, nested = { since = 2026-01-01 } }

        [agents.two]
        command = ["two"]
        protocol = "none"
        directory = "work"
        depends_on = ["one"]
        "#,
    );
    let one = config.agent("one").expect("it is configured");
    assert_eq!(one.command, ["one", "--flag", "two words"]);
    assert_eq!(one.stop_timeout, Duration::from_secs(5));
    assert_eq!(one.fatal_retry, None);
    assert_eq!(one.instance_names(), ["one:0", "one:1", "one:2"]);
    assert_eq!(one.env["SHARED"].expose(), "defaults");
    assert_eq!(one.env["LEVEL"].expose(), "debug");
    assert_eq!(one.pass_env, ["APP_*", "EXTRA"]);
    assert_eq!(one.config["nested"]["since"], "2026-01-01");
    let two = config.agent("two").expect("it is configured");
    assert_eq!(two.stop_timeout, Duration::from_secs(90));
    assert_eq!(two.log_bytes_max, 1 << 20);
    assert_eq!(two.heartbeat_timeout, None);
    assert_eq!(two.directory, Path::new("/etc/agents/work"));
    assert_eq!(two.depends_on[0].agent, "one");
    assert_eq!(two.depends_on[0].condition, Condition::Ready);
}

#[test]
fn the_order_of_the_file_is_kept() {
    let config = parsed(
        "[agents.z]\ncommand = \"z\"\n[agents.a]\ncommand = \"a\"\n[agents.m]\ncommand = \"m\"",
    );
    let names: Vec<&str> = config
        .agents
        .iter()
        .map(|agent| agent.name.as_str())
        .collect();
    assert_eq!(names, ["z", "a", "m"]);
}

#[test]
fn an_env_file_lies_below_env_and_is_secret() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(
        folder.path().join("worker.env"),
        "PLAIN=hidden\nexport LEVEL='a b'\n# comment\n",
    )
    .unwrap();
    let file = folder.path().join("agents.toml");
    std::fs::write(
        &file,
        "[agents.w]\ncommand = \"w\"\nenv_file = \"worker.env\"\nenv = { LEVEL = \"x\" }",
    )
    .unwrap();
    let config = load(&file).unwrap_or_else(|errors| panic!("{errors}"));
    let env = &config.agents[0].env;
    assert_eq!(
        (env["PLAIN"].expose(), env["LEVEL"].expose()),
        ("hidden", "x")
    );
    assert!(!format!("{config:?}").contains("hidden"));
    assert!(
        !config.agents[0]
            .masked_json()
            .to_string()
            .contains("hidden")
    );
}

#[test]
fn only_listed_variables_of_the_coordinator_reach_an_agent() {
    let config =
        parsed("[agents.w]\ncommand = \"w\"\npass_env = [\"LANGCHAIN_*\"]\nenv = { TZ = \"UTC\" }");
    let own = [
        ("PATH", "/bin"),
        ("LC_ALL", "C"),
        ("TZ", "CET"),
        ("LANGCHAIN_API_KEY", "k"),
        ("NOTIFY_SOCKET", "/run/x"),
        ("SECRET", "s"),
    ];
    let own = own.map(|(name, value)| (name.into(), value.into()));
    let environment = config.agents[0].environment(own);
    let shown: Vec<String> = environment
        .iter()
        .map(|(name, value)| format!("{}={}", name.display(), value.display()))
        .collect();
    assert_eq!(
        shown,
        ["LANGCHAIN_API_KEY=k", "LC_ALL=C", "PATH=/bin", "TZ=UTC"]
    );
}

#[test]
fn paths_of_the_coordinator_begin_at_the_file() {
    let config = parsed("[coordinator]\ndatabase = \"data/x.db\"\nlog_dir = \"/var/log/agents\"");
    assert_eq!(
        config.coordinator.database,
        Some(PathBuf::from("/etc/agents/data/x.db"))
    );
    assert_eq!(
        config.coordinator.log_dir,
        Some(PathBuf::from("/var/log/agents"))
    );
}

#[test]
fn what_a_process_gets_comes_from_both_layers_each_limit_by_itself() {
    let config = parsed(
        r#"
        [defaults]
        user = "nobody"
        umask = "027"
        rlimits = { nofile = 512, core = 0 }

        [agents.w]
        command = "w"
        group = 100
        nice = -5
        rlimits = { nofile = { soft = 64 }, as = "1GiB", cpu = "unlimited" }
        "#,
    );
    let agent = &config.agents[0];
    assert_eq!(agent.user.as_deref(), Some("nobody"));
    assert_eq!(agent.group.as_deref(), Some("100"));
    assert_eq!(
        (agent.umask, agent.nice, agent.oom_score_adj),
        (Some(0o027), Some(-5), None)
    );
    let limit = |soft, hard| ResourceLimit { soft, hard };
    let both = |value| limit(Some(value), Some(value));
    let expected = [
        (Resource::As, both(1 << 30)),
        (Resource::Core, both(0)),
        (Resource::Cpu, both(UNLIMITED)),
        (Resource::Nofile, limit(Some(64), None)),
    ];
    assert_eq!(agent.rlimits, expected.into());
    let shown = agent.masked_json();
    assert_eq!(shown["umask"], "027");
    assert_eq!(shown["rlimits"]["cpu"], "unlimited");
    assert_eq!(shown["rlimits"]["nofile"]["soft"], 64);
}
