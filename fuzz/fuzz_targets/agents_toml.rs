//! Any text as agents.toml: it is read or refused, never a panic, and each problem has its place in the text.
//! Whether the right problems are found is not judged here.
#![no_main]

use std::path::Path;

use coordinator_config::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // No such folder, so that no file of this machine is read by way of `env_file`.
    let Err(errors) = parse(text, Path::new("/nonexistent/agents.toml")) else {
        return;
    };
    let lines = text.matches('\n').count() + 1;
    assert!(!errors.problems.is_empty());
    for problem in &errors.problems {
        let place = problem.place.expect("a problem of a text has a place");
        assert!(
            (1..=lines).contains(&place.line) && place.column >= 1,
            "{errors}"
        );
    }
});
