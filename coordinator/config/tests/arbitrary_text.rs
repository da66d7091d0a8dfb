//! Whatever stands in the file, it is read or refused, never a panic; and a problem lies in the text.

use std::path::Path;

use coordinator_config::parse;
use proptest::prelude::*;

/// Pieces from which a wrong but almost right file comes about more often than from noise.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[agents.a]\n".to_owned()),
        Just("[defaults]\n".to_owned()),
        Just("[coordinator.retention]\n".to_owned()),
        Just("command = ".to_owned()),
        Just("env = { A = ".to_owned()),
        Just("stop_timeout = \"".to_owned()),
        Just("depends_on = [\"a\"]\n".to_owned()),
        Just("99999999999999999999d".to_owned()),
        Just("\"\n".to_owned()),
        Just("['x', 1, {}]\n".to_owned()),
        "[a-z_]{1,12} = [0-9a-z\"'{}\\[\\].]{0,8}\n",
        "\\PC{0,12}",
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn parse_never_panics(pieces in prop::collection::vec(piece(), 0..12)) {
        let text = pieces.concat();
        let lines = text.matches('\n').count() + 1;
        if let Err(errors) = parse(&text, Path::new("/nonexistent/agents.toml")) {
            prop_assert!(!errors.problems.is_empty());
            for problem in &errors.problems {
                let place = problem.place.expect("a problem of a text has a place");
                prop_assert!((1..=lines).contains(&place.line) && place.column >= 1, "{errors}");
            }
            prop_assert!(errors.to_string().len() > 10);
        }
    }

    #[test]
    fn parse_never_panics_on_a_value_of_any_kind(key in "[a-z_]{1,20}", value in "[-+0-9.a-z\"{}\\[\\]:, =]{0,20}") {
        let _ = parse(&format!("[agents.a]\ncommand = 'a'\n{key} = {value}"), Path::new("/nonexistent/agents.toml"));
    }
}

#[test]
fn deep_and_long_texts_are_refused_in_time() {
    let deep = format!(
        "[agents.a]\ncommand = 'a'\nconfig.x = {}{}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(parse(&deep, Path::new("agents.toml")).is_err());
    let long = format!(
        "[agents.a]\ncommand = 'a'\nrestart = '{}'",
        "ä".repeat(100_000)
    );
    let report = parse(&long, Path::new("agents.toml"))
        .expect_err("it is no such choice")
        .to_string();
    assert!(report.len() < 2_000, "{} bytes", report.len());
    let many = "x = 1\n".repeat(20_000);
    assert!(parse(&many, Path::new("agents.toml")).is_err());
}
