//! What a user reads when the file is wrong: every problem at once, each with its place and a way out.

use std::path::Path;

use coordinator_config::{ConfigErrors, Problem, load, parse};

fn errors(text: &str) -> ConfigErrors {
    parse(text, Path::new("agents.toml")).expect_err("the text has a problem")
}

/// The one problem of an agent with these lines.
fn problem(lines: &str) -> Problem {
    let errors = errors(&format!("[agents.w]\ncommand = [\"w\"]\n{lines}\n"));
    assert_eq!(errors.problems.len(), 1, "{errors}");
    errors.problems[0].clone()
}

#[test]
fn the_report_reads_like_a_compiler_s() {
    let errors = errors(
        "[agents.worker]\ncommand = [\"w\"]\nrestart = \"alway\"\nstop_timout = \"5s\"\nstable_after = 30\n",
    );
    let report = "\
error: agents.worker.restart: found \"alway\"
 --> agents.toml:3:11
  |
3 | restart = \"alway\"
  |           ^^^^^^^
  = expected: when it is restarted: \"always\", \"on-failure\" or \"never\"
  = help: did you mean \"always\"?

error: agents.worker.stop_timout: there is no such key
 --> agents.toml:4:1
  |
4 | stop_timout = \"5s\"
  | ^^^^^^^^^^^
";
    let text = errors.to_string();
    assert!(text.starts_with(report), "{text}");
    assert!(text.contains("did you mean `stop_timeout`?"), "{text}");
    assert!(
        text.contains("a number needs a unit, in quotes: \"30s\" or \"30ms\""),
        "{text}"
    );
    assert!(text.ends_with("agents.toml: 3 problems"), "{text}");
}

#[test]
fn a_value_of_the_wrong_kind_or_range_says_what_is_right() {
    let cases = [
        ("stop_timeout = \"5\"", "units ms, s, m, h, d"),
        ("stop_timeout = \"5 s\"", "units ms, s, m, h, d"),
        ("stop_timeout = \"2d\"", "out of this range"),
        ("stop_timeout = 1.5", "\"1500ms\""),
        ("instances = 0", "from 1 to 10000"),
        ("instances = \"2\"", "without quotes"),
        ("autostart = \"yes\"", "without quotes"),
        ("log_bytes_max = \"10 apples\"", "KiB, MiB or GiB"),
        ("backoff_factor = 0.5", "from 1 to 100"),
        ("backoff_factor = nan", "from 1 to 100"),
        ("success_exit_codes = [0, 256]", "from 0 to 255"),
        ("success_exit_codes = 0", "brackets"),
        ("stop_signal = \"SIGTERM\"", "did you mean \"TERM\"?"),
        ("env = { PORT = 80 }", "quotes"),
        ("env = { \"A=B\" = \"\" }", "letters, digits and _"),
        (
            "env = { AGENT_NAME = \"x\" }",
            "none of the coordinator's own names",
        ),
        (
            "pass_env = [\"A*B\"]",
            "the name of a variable, or its beginning and *",
        ),
        ("cpu_max = 0", "from 0.01"),
        ("memory_max = \"1KiB\"", "from \"1MiB\""),
        ("user = \"\"", "a name such as \"nobody\""),
        ("group = -1", "from 0 to 4294967294"),
        ("umask = 27", "quotes"),
        ("umask = \"028\"", "octal digits"),
        ("nice = 20", "from -20 to 19"),
        ("oom_score_adj = \"5\"", "without quotes"),
        ("rlimits = { nofiles = 1 }", "did you mean `nofile`?"),
        ("rlimits = { nproc = \"1MiB\" }", "\"unlimited\""),
        (
            "rlimits.nofile = { soft = 2, hard = 1 }",
            "soft at most hard",
        ),
        ("rlimits.nofile = { low = 2 }", "one of soft, hard"),
        ("config = { x = inf }", "JSON"),
        ("directory = \"~/x\"", "the shell's"),
        ("env_file = \"missing.env\"", "readable file"),
        ("depends_on = [\"W\"]", "did you mean \"w\"?"),
        (
            "backoff_initial = \"2m\"",
            "a backoff_max of at least backoff_initial",
        ),
    ];
    for (lines, part) in cases {
        let problem = problem(lines);
        let told = format!(
            "{} / {}",
            problem.expected,
            problem.help.clone().unwrap_or_default()
        );
        assert!(told.contains(part), "{lines}: {told}");
        assert_eq!(problem.place.expect("it has a place").line, 3, "{lines}");
    }
}

#[test]
fn a_key_without_effect_is_refused() {
    let cases = [
        "protocol = \"none\"\nheartbeat_timeout = \"5s\"",
        "protocol = \"none\"\nconfig = { a = 1 }",
        "ready_after = \"5s\"",
        "essential = true\nfatal_retry = \"5m\"",
        "restart = \"never\"\nbackoff_max = \"5m\"",
    ];
    for lines in cases {
        let problem = problem(lines);
        assert!(
            problem.found.contains("no effect"),
            "{lines}: {}",
            problem.found
        );
    }
}

#[test]
fn a_circle_of_dependencies_is_printed() {
    let errors = errors(
        "[agents.a]\ncommand=\"a\"\ndepends_on=[\"b\"]\n[agents.b]\ncommand=\"b\"\ndepends_on=[\"c\"]\n\
         [agents.c]\ncommand=\"c\"\ndepends_on=[\"a\"]\n[agents.d]\ncommand=\"d\"\ndepends_on=[\"d\"]\n",
    );
    let found: Vec<&str> = errors
        .problems
        .iter()
        .map(|problem| problem.found.as_str())
        .collect();
    assert_eq!(
        found,
        ["found a circle: a → b → c → a", "found a circle: d → d"]
    );
}

#[test]
fn a_circle_is_printed_with_its_conditions() {
    let errors = errors(
        "[agents.a]\ncommand=\"a\"\nrestart=\"never\"\ndepends_on=[{ agent = \"b\", condition = \"started\" }]\n\
         [agents.b]\ncommand=\"b\"\ndepends_on=[{ agent = \"a\", condition = \"completed\" }]\n",
    );
    assert_eq!(errors.problems.len(), 1, "{errors}");
    assert_eq!(
        errors.problems[0].found,
        "found a circle: a → b (started) → a (completed)"
    );
}

#[test]
fn a_dependency_that_is_badly_written_says_what_is_right() {
    let cases = [
        ("depends_on = [1]", "{ agent = \"NAME\""),
        (
            "depends_on = [{ condition = \"ready\" }]",
            "{ agent = \"NAME\"",
        ),
        (
            "depends_on = [{ agent = \"v\", condition = \"complete\" }]",
            "did you mean \"completed\"?",
        ),
        (
            "depends_on = [{ agent = \"v\", when = \"ready\" }]",
            "agent, condition",
        ),
        ("depends_on = [\"v\", { agent = \"v\" }]", "each agent once"),
        (
            "depends_on = [{ agent = \"v\", condition = \"completed\" }]",
            "give \"v\" restart = \"on-failure\"",
        ),
    ];
    for (lines, part) in cases {
        let errors = errors(&format!(
            "[agents.w]\ncommand = \"w\"\n{lines}\n[agents.v]\ncommand = \"v\"\n"
        ));
        assert_eq!(errors.problems.len(), 1, "{lines}: {errors}");
        assert!(errors.to_string().contains(part), "{lines}: {errors}");
    }
}

#[test]
fn names_and_log_files_do_not_collide() {
    let errors = errors(
        "[agents.w]\ncommand=\"w\"\ninstances=2\n[agents.\"w.1\"]\ncommand=\"w\"\n[agents.\"a:b\"]\ncommand=\"w\"\n",
    );
    let keys: Vec<&str> = errors
        .problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(keys, ["agents.\"w.1\"", "agents.\"a:b\""], "{errors}");
}

#[test]
fn a_problem_of_the_defaults_is_told_once() {
    let agents: String = (0..5)
        .map(|n| format!("[agents.a{n}]\ncommand = \"a\"\n"))
        .collect();
    let errors = errors(&format!(
        "[defaults]\nbackoff_initial = \"10m\"\ncommand = \"x\"\n{agents}"
    ));
    let keys: Vec<&str> = errors
        .problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(
        keys,
        ["defaults.backoff_initial", "defaults.command"],
        "{errors}"
    );
}

#[test]
fn a_missing_or_unreadable_command_is_one_problem() {
    for (lines, expected) in [
        ("[agents.w]\n", "the key `command`"),
        ("[agents.w]\ncommand = []\n", "program and arguments"),
        ("[agents.w]\ncommand = \"a | b\"\n", "program and arguments"),
        ("[agents.w]\ncommand = [1]\n", "a string"),
    ] {
        let errors = errors(lines);
        assert_eq!(errors.problems.len(), 1, "{errors}");
        assert!(errors.problems[0].expected.contains(expected), "{errors}");
    }
}

#[test]
fn every_syntax_error_has_its_line() {
    let errors = errors("[coordinator]\nlog_level = info\n[agents.a]\ncommand = [\"a\"\n");
    assert_eq!(
        errors.problems[0].place.map(|place| place.line),
        Some(2),
        "{errors}"
    );
    assert!(errors.problems.len() >= 2, "{errors}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let missing = folder.path().join("agents.toml");
    let text = load(&missing).expect_err("there is no file").to_string();
    assert!(
        text.contains(missing.to_str().unwrap()) && text.contains("--agents"),
        "{text}"
    );
    std::fs::write(&missing, [0xff, 0xfe, 0x00]).unwrap();
    assert!(
        load(&missing)
            .expect_err("it is no text")
            .to_string()
            .contains("UTF-8")
    );
}
